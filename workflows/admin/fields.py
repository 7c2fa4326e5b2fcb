"""Form fields of the builder: a trigger by any vocabulary's name, and a condition tree."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold import widgets

from workflows.admin.catalogue import trigger_choices
from workflows.catalogue import events
from workflows.conditions import Group, parse


class TriggerField(forms.ChoiceField):
    """The name of an event in any vocabulary; builder/trigger.js makes its select searchable."""

    def __init__(self, **kwargs: Any) -> None:
        widget = widgets.UnfoldAdminSelectWidget({"data-trigger": ""})
        super().__init__(choices=trigger_choices, widget=widget, **kwargs)

    def validate(self, value: str) -> None:
        forms.Field.validate(self, value)
        if value not in events.all_names():
            raise ValidationError(events.complaint(value), code="invalid_choice")


class ConditionsField(forms.JSONField):
    """A condition tree as JSON, cleaned to its stored form. Every error's params hold the path of the culprit.

    builder/conditions.js hides the text area behind rows; without scripts it is edited as it is.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", _("Leave it empty for no conditions."))
        widget = widgets.UnfoldAdminTextareaWidget({"rows": 4, "data-conditions": "", "spellcheck": "false"})
        super().__init__(required=False, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(value) if value else ""

    def clean_tree(self, value: Any) -> Group:
        """Raises ValidationError for anything that is not a condition tree."""
        return parse(super().clean(value) or {})

    def clean(self, value: Any) -> dict[str, Any]:
        tree = self.clean_tree(value)
        return tree.dump() if tree.of else {}

    def loosely(self, value: Any) -> Any:
        """What was sent, whatever is wrong with it; no conditions where it is not even JSON."""
        try:
            return super().clean(value) or {}
        except ValidationError:
            return {}


def misplaced(form: forms.BaseForm) -> dict[str, list[dict[str, str]]]:
    """The errors of the form's condition trees, by input: which row, and what is wrong with it."""
    return {
        form.add_prefix(name): [
            {"path": (error.params or {}).get("path", ""), "text": error.messages[0]}
            for error in form.errors.as_data().get(name, [])
        ]
        for name, field in form.fields.items()
        if isinstance(field, ConditionsField) and name in form.errors
    }
