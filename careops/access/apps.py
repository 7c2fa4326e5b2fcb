from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "careops.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        # Here and not above: they import models, and the checks and receivers register themselves.
        from careops.access import checks, roles, second_factor, step_up  # noqa: F401

        checks.refuse_exposed_demo()
        post_migrate.connect(roles.sync_roles, dispatch_uid="careops.roles")
