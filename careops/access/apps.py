from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "careops.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from allauth.account.signals import authentication_step_completed
        from allauth.mfa.signals import authenticator_added

        from careops.access import checks, roles, second_factor, step_up  # models are loaded only now

        checks.refuse_exposed_demo()
        authenticator_added.connect(second_factor.count_new_factor, dispatch_uid="careops.second_factor")
        authentication_step_completed.connect(step_up.rotate, dispatch_uid="careops.step_up")
        post_migrate.connect(roles.sync_roles, dispatch_uid="careops.roles")
