from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "patients"
    verbose_name = _("Patients")

    def ready(self) -> None:
        """Give the engine its way of telling people, a task for operations, and hear of patients' new addresses."""
        from allauth.account.signals import email_changed

        from patients.alerts import open_ops_task  # models are loaded only now
        from patients.services.moving_address import follow_address
        from workflows.catalogue import provide_ops_alert

        provide_ops_alert(open_ops_task)
        email_changed.connect(follow_address, dispatch_uid="patients.follow_address")
