"""The steps of an automation's draft: each asks for the parameters that its action's own form asks for."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.forms.renderers import BaseRenderer
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold import widgets
from unfold.admin import StackedInline

from careops.surfaces.dress import dressed
from workflows.admin.fields import ConditionsField
from workflows.admin.preview import variables
from workflows.catalogue import actions
from workflows.models import Step

#: What stands in the templates for the step's prefix until the page's script puts a real one there.
PLACEHOLDER = "__step__"


def action_choices() -> list[tuple[str, Any]]:
    return [("", "—"), *((action.name, action.label) for action in actions)]


def as_stored(form: forms.Form) -> dict[str, Any]:
    """The cleaned parameters as JSON that the same form takes again; what was left empty is left out."""
    stored = {
        name: _as_json(field.prepare_value(form.cleaned_data[name]), form[name].data)
        for name, field in form.fields.items()
        if name in form.cleaned_data
    }
    return {name: value for name, value in stored.items() if value not in (None, "", False, [])}


def _as_json(value: Any, sent: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, list | tuple):
        return [_as_json(each, each) for each in value]
    return sent


def parameter_forms() -> dict[str, SafeString]:
    """Every action's empty form, rendered once per page; the script copies the one that is chosen."""
    return {
        action.name: render_parameters(dressed(action.form(prefix=f"{PLACEHOLDER}-params")))
        for action in actions
    }


def render_parameters(form: forms.Form) -> SafeString:
    context = {"form": form, "variables": variables(form)}
    return render_to_string("admin/workflows/parameters.html", context)


class ParametersWidget(forms.Widget):
    """The fields of the chosen action. The step's form hands it that action's form."""

    form: forms.Form | None = None

    def render(
        self, name: str, value: Any, attrs: Any = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        return render_parameters(self.form) if self.form else SafeString()

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False  # an action without parameters is told nothing, and that is a value


class StepForm(forms.ModelForm):
    """One step. ``told`` is the form of its action, with fields named ``<prefix>-params-<field>``."""

    action = forms.ChoiceField(
        label=_("Do this"),
        choices=action_choices,
        widget=widgets.UnfoldAdminSelectWidget({"data-action": ""}),
    )
    parameters = forms.Field(label=_("How"), required=False, widget=ParametersWidget)
    only_if = ConditionsField(label=_("Only if"))

    class Meta:
        model = Step
        fields = ("position", "key", "action", "parameters", "only_if", "otherwise", "on_failure")
        widgets = {"position": forms.HiddenInput, "key": forms.HiddenInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"].disabled = self.instance.pk is not None  # results are spoken of by it
        self.told = self._told()
        self.fields["parameters"].widget.form = self.told
        for name in ("otherwise", "on_failure"):
            self.fields[name].widget.attrs["class"] = " ".join(widgets.SELECT_CLASSES)

    def _told(self) -> forms.Form | None:
        name = self["action"].value()
        if name not in actions:
            return None
        form_class, prefix = actions.get(name).form, self.add_prefix("params")
        if self.is_bound:
            return dressed(form_class(self.data, prefix=prefix))
        known = self.instance.parameters if self.instance.pk else {}
        initial = {field: known.get(field) for field in form_class.base_fields} if known else None
        return dressed(form_class(initial=initial, prefix=prefix))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.told is None:
            return cleaned
        if self.told.is_valid():
            cleaned["parameters"] = as_stored(self.told)
        else:
            self.add_error("parameters", _("Look at the fields below."))
        return cleaned

    @cached_property
    def changed_data(self) -> list[str]:
        return [
            name
            for name, bound in self._bound_items()
            if (self._tells_something_else() if name == "parameters" else bound._has_changed())
        ]

    def _tells_something_else(self) -> bool:
        if self.told is None or not self.told.is_bound:
            return False
        return not self.told.is_valid() or as_stored(self.told) != self.instance.parameters

    def as_typed(self) -> Step:
        """The step as the page says it now, finished or not; not saved."""
        self.is_valid()
        if self.told is not None and not self.told.is_valid():
            self.instance.parameters = {
                name: bound.data for name, bound in self.told._bound_items() if bound.data
            }
        return self.instance


class StepInline(StackedInline):
    model = Step
    form = StepForm
    template = "admin/workflows/steps.html"
    fields = ("position", "key", "action", "parameters", "only_if", "otherwise", "on_failure")
    ordering_field = "position"
    hide_ordering_field = True
    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """The step's form declares its own fields; the admin's clothes fit none of them."""
        return db_field.formfield(**kwargs)
