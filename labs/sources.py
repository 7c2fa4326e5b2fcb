"""Who sends the lab's messages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from labs.models.lab_order import JUNCTION
from labs.services import junction
from workflows.catalogue import InboundSource, inbound_sources

inbound_sources.add(
    InboundSource(
        name=JUNCTION,
        label=_("Junction (labs)"),
        interpret=junction.interpret,
        candidates=junction.candidates,
        reference=junction.reference,
    )
)
