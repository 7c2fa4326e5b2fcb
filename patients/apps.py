from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = _("Patients")

    def ready(self) -> None:
        """Give the engine its way of telling people: a task for operations."""
        from patients.alerts import open_ops_task  # models are loaded only now
        from workflows.catalogue import provide_ops_alert

        provide_ops_alert(open_ops_task)
