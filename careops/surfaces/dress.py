"""Plain Django forms in Unfold's clothes, so that a form need not know on which page it is shown."""

from __future__ import annotations

from typing import TypeVar

from django import forms
from unfold import widgets

F = TypeVar("F", bound=forms.BaseForm)

#: First match wins, so the special widgets stand before the ones they derive from.
CLOTHES: tuple[tuple[type[forms.Widget], list[str]], ...] = (
    (forms.CheckboxSelectMultiple, widgets.CHECKBOX_CLASSES),
    (forms.RadioSelect, widgets.RADIO_CLASSES),
    (forms.CheckboxInput, widgets.CHECKBOX_CLASSES),
    (forms.ClearableFileInput, widgets.BASE_INPUT_CLASSES),
    (forms.Select, widgets.SELECT_CLASSES),
    (forms.Textarea, widgets.TEXTAREA_CLASSES),
    (forms.widgets.Input, widgets.INPUT_CLASSES),
)
#: What browsers offer a picker for, and the format it speaks.
PICKERS: dict[type[forms.Widget], tuple[str, str]] = {
    forms.DateInput: ("date", "%Y-%m-%d"),
    forms.TimeInput: ("time", "%H:%M"),
    forms.DateTimeInput: ("datetime-local", "%Y-%m-%dT%H:%M"),
}


def dressed(form: F) -> F:
    """The same form; widgets that chose a class of their own keep it."""
    for field in form.fields.values():
        for widget in getattr(field.widget, "widgets", [field.widget]):
            _dress(widget)
    return form


def _dress(widget: forms.Widget) -> None:
    if widget.is_hidden or "class" in widget.attrs:
        return
    for kind, classes in CLOTHES:
        if isinstance(widget, kind):
            widget.attrs["class"] = " ".join(classes)
            break
    if type(widget) in PICKERS and not widget.format:
        widget.input_type, widget.format = PICKERS[type(widget)]
