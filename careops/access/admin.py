"""Who may enter, and what they did: for the security admin. Nobody is deleted, nothing is rewritten."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, ManyToManyField, Model, OuterRef, QuerySet
from django.forms import ModelMultipleChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import AdminPasswordChangeForm, BaseDialogForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from careops.access import roles, second_factor, step_up
from careops.access.actor import Actor
from careops.access.models import AuditEntry, User
from careops.lib.lists import BoundedList
from careops.lib.paging import BoundedPaginator

# allauth's own admins would show seeds, and mark addresses as confirmed that nobody confirmed.
admin.site.unregister([Authenticator, EmailAddress, Group])


def role_label(group: Group) -> str:
    """What people call a role; a group of some other origin keeps its name."""
    return str(roles.role_labels().get(group.name, group.name))


class RolesField(ModelMultipleChoiceField):
    def label_from_instance(self, obj: Group) -> str:
        return role_label(obj)


class ListAdmin(ModelAdmin):
    """Its list is counted as far as people turn its pages, as a record's is (careops/surfaces/records.py)."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 20
    list_sections = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedList]:
        return BoundedList


class ReadOnlyAdmin(ListAdmin):
    """A list to look at."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ListAdmin):
    """People who sign in. What they may do is a matter of roles; only a superuser touches a superuser."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("full_name", "email", "role_names", "is_staff", "has_second_factor", "is_active")
    list_filter = ("is_staff", "is_active", "groups")
    list_filter_submit = True
    search_fields = ("email", "first_name", "last_name")
    ordering = ("email",)
    actions = None
    readonly_fields = ("last_login", "date_joined", "has_second_factor")
    fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "timezone", "language", "password")}),
        (_("Access"), {"fields": ("is_active", "is_staff", "groups", "is_superuser")}),
        (_("Sign-in"), {"fields": ("has_second_factor", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "first_name", "last_name", "is_staff", "timezone")}),
        (_("Password"), {"fields": ("usable_password", "password1", "password2")}),
    )
    filter_horizontal = ()
    actions_detail = ("reset_second_factor",)

    @display(description=_("name"), ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("roles"))
    def role_names(self, user: User) -> str:
        return ", ".join(role_label(group) for group in user.groups.all())

    @display(description=_("second factor"), boolean=True)
    def has_second_factor(self, user: User) -> bool:
        return user.second_factor

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=second_factor.FACTORS)
        return (
            super().get_queryset(request).prefetch_related("groups").annotate(second_factor=Exists(factors))
        )

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        fields = super().get_readonly_fields(request, obj)
        return tuple(fields) if request.user.is_superuser else (*fields, "is_superuser")

    def formfield_for_manytomany(
        self, db_field: ManyToManyField, request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField | None:
        if db_field.name == "groups":
            look = {"widget": UnfoldAdminCheckboxSelectMultipleWidget, "label": _("Roles"), "help_text": ""}
            kwargs |= {"form_class": RolesField, **look}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: User | str | None = None) -> bool:
        """Nobody raises themselves, or reaches a superuser by setting that person's password."""
        allowed = super().has_change_permission(request)
        if isinstance(obj, str):  # Unfold asks about its buttons with the id alone
            obj = self.get_object(request, obj)
        if obj is None or request.user.is_superuser:
            return allowed
        return allowed and not obj.is_superuser and obj != request.user

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """A new address signs nobody in before whoever reads it has confirmed it."""
        super().save_model(request, obj, form, change)
        if "email" in form.changed_data:
            EmailAddress.objects.filter(user=obj).delete()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request, then=request.path)
        return super().user_change_password(request, id, form_url)

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        user = self.get_object(request, object_id)
        offered = user is not None and user.second_factor and self.has_change_permission(request, user)
        return super().get_actions_detail(request, object_id) if offered else []

    @action(
        description=_("Reset second factor"),
        url_path="reset-second-factor",
        permissions=["change"],
        variant=ActionVariant.DANGER,
        icon="phonelink_erase",
        dialog={
            "title": _("Reset the second factor?"),
            "description": _(
                "They must set up a new passkey or authenticator app before they get in again, and their recovery "
                "codes stop working. Make sure that it is really them who asked."
            ),
            "form_submit_text": _("Reset"),
        },
    )
    def reset_second_factor(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        """Runs on POST only: Unfold calls it with a valid form, and shows the dialog otherwise."""
        user = self.get_object(request, object_id)
        if user is None or not self.has_change_permission(request, user):
            raise PermissionDenied
        page = reverse("admin:access_user_change", args=[user.pk])
        if step_up.is_due(request):
            return step_up.ask(request, then=page)
        second_factor.reset(user, by=Actor.of(request.user))
        messages.success(request, _("The second factor is reset."))
        if "HX-Request" in request.headers:
            return HttpResponse(status=204, headers={"HX-Redirect": page})
        return HttpResponseRedirect(page)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor_kind", "actor_id", "act", "subject_type", "patient_id")
    list_filter = ("act", "actor_kind", "subject_type")
    list_filter_submit = True
    search_fields = ("=patient_id", "=actor_id", "=correlation_id")
    search_help_text = _("The id of a patient, of whoever acted, or of a request")


@admin.register(Group)
class RoleAdmin(ReadOnlyAdmin):
    """Roles follow the table in ``careops.access.roles``: changing one is a reviewed change of the code."""

    list_display = ("label", "people")
    fields = ("label", "may")
    readonly_fields = ("label", "may")

    @display(description=_("role"), ordering="name")
    def label(self, group: Group) -> str:
        return role_label(group)

    @display(description=_("people"))
    def people(self, group: Group) -> int:
        return group.user_set.filter(is_active=True).count()

    @display(description=_("may"))
    def may(self, group: Group) -> str:
        names = group.permissions.values_list("name", flat=True)
        return format_html_join("", "<div>{}</div>", ((name,) for name in names))
