from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccessConfig(AppConfig):
    name = "careops.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        from careops.access import checks, roles  # noqa: F401  (registers the system checks; apps must be loaded)

        post_migrate.connect(roles.sync_roles, dispatch_uid="careops.roles")
