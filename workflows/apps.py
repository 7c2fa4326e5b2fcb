from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkflowsConfig(AppConfig):
    name = "workflows"
    verbose_name = "Automations"

    def ready(self) -> None:
        """Open the sink, let every app declare what it has, and close the registries."""
        from workflows import checks  # noqa: F401  (to import them is to register them)
        from workflows.catalogue import action, event, fact, history, ports, recording
        from workflows.models.event_record import TableSink, entered

        recording.provide_sink(TableSink())
        history.provide_history(entered)
        autodiscover_modules("events", "facts", "actions", "reactions", "channels", "sources", "envelopes")
        for registry in (
            event.events, fact.facts, fact.event_facts, action.actions, ports.reactions, ports.envelopes,
            ports.inbound_sources, ports.channels,
        ):  # fmt: skip
            registry.freeze()
