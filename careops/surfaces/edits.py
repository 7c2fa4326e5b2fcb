"""Forms that lose nobody's work: they write what the person changed, and nothing that they merely saw.

A form of the admin sends every field back, changed or not, however long it stood open. Saved as it is, it
would undo what a colleague, an automation or a transition did meanwhile. So the page carries what it showed
(``seen``), and the form compares three values of each field: seen, sent, and now.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from django import forms
from django.contrib.admin.utils import display_for_field
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _

#: The hidden input in which the page carries what it showed.
SEEN = "_seen"


class KeepsOthersEdits(forms.BaseModelForm):
    """Mixed into the model form of a row that the caller has locked.

    Sent and seen agree: the field is left as it is now. They differ, and now is still what was seen: the new
    value is written. All three differ: an error at that field, and nothing is written. A form sent without
    ``seen`` (by a script, not by our page) is compared with the row as it is now.
    """

    # ── What the page carries ────────────────────────────────────────────────────────────────────────────
    def seen_json(self) -> str:
        """What the page shows, for its hidden input; a value that an error told of has been seen, too."""
        now = {name: as_sent(field) for name, field in self._compared()}
        kept = {
            name: self._seen[name] for name in now if name in self._seen and name not in self.changed_data
        }
        return json.dumps(now | kept)

    def _compared(self) -> list[tuple[str, BoundField]]:
        return [(name, self[name]) for name, field in self.fields.items() if _is_comparable(field)]

    @cached_property
    def _seen(self) -> dict[str, Any]:
        try:
            seen = json.loads(self.data.get(SEEN, "{}")) if self.is_bound else {}
        except ValueError:
            return {}
        return seen if isinstance(seen, dict) else {}

    # ── What the person changed ──────────────────────────────────────────────────────────────────────────
    @cached_property
    def changed_data(self) -> list[str]:
        return [name for name, field in self._bound_items() if self._was_changed(name, field)]

    def _was_changed(self, name: str, bound: BoundField) -> bool:
        if name not in self._seen or not _is_comparable(bound.field):
            return bound._has_changed()
        try:
            seen = bound.field.to_python(self._seen[name])
        except ValidationError:
            return True
        return not _same_text(seen, bound.data) and bound.field.has_changed(seen, bound.data)

    def _moved_on(self, name: str, bound: BoundField) -> bool:
        return name in self._seen and self._seen[name] != as_sent(bound)

    # ── What is written ──────────────────────────────────────────────────────────────────────────────────
    def _clean_fields(self) -> None:
        super()._clean_fields()
        for name, bound in self._compared():
            if not self._moved_on(name, bound):
                continue
            if name not in self.changed_data:
                self.cleaned_data[name] = self._now(name)
            elif bound.field.has_changed(bound.initial, bound.data):
                self.add_error(name, self._conflict(name))
        self._untouched = {
            name: value for name, value in self.cleaned_data.items() if name not in self.changed_data
        }

    def _post_clean(self) -> None:
        """Django copies every cleaned value into the record here: hide those that nobody changed."""
        hidden = {
            name: self.cleaned_data.pop(name)
            for name, value in self._untouched.items()
            if self.cleaned_data.get(name) is value
        }
        super()._post_clean()
        self.cleaned_data = hidden | self.cleaned_data

    def _now(self, name: str) -> Any:
        value = getattr(self.instance, name, None)
        return value.all() if hasattr(value, "all") else value

    def _conflict(self, name: str) -> ValidationError:
        now = _for_people(self._meta.model, name, self._now(name))
        message = _(
            "Somebody else changed this meanwhile. It now says: %(now)s. Save again to replace it with yours."
        )
        return ValidationError(message, code="conflict", params={"now": now})


def as_sent(bound: BoundField) -> Any:
    """The field's value as an untouched page would send it back, in JSON's own types."""
    widget, value = bound.field.hidden_widget(), bound.field.prepare_value(bound.initial)
    if isinstance(widget, forms.MultiWidget):
        parts = zip(widget.widgets, widget.decompress(value), strict=True)
        return [part.format_value(one) for part, one in parts]
    if isinstance(widget, forms.MultipleHiddenInput):
        return sorted(str(one) for one in value or [])
    return widget.format_value(value)


def _is_comparable(field: forms.Field) -> bool:
    """Files are replaced, never compared; what a password input holds shall not stand in the page."""
    return not (
        field.disabled or isinstance(field, forms.FileField) or isinstance(field.widget, forms.PasswordInput)
    )


def _same_text(seen: Any, sent: Any) -> bool:
    """Browsers send line ends as CR LF, whatever the page held."""
    return isinstance(seen, str) and isinstance(sent, str) and seen.splitlines() == sent.splitlines()


def _for_people(model: type, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return str(display_for_field(value, model._meta.get_field(name), _("nothing")))
