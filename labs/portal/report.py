"""The patient's results: the reports that were released to them, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from careops.access.models import AuditEntry
from careops.surfaces.portal import PortalView
from careops.surfaces.portal_home import Panel, Todo, panel_source, todo_source
from labs.models import Report, Result
from labs.portal.marker import markers, when
from patients.models import Patient
from workflows.catalogue.history import states_entered

#: For how long results are news, and how many of them the first page shows.
NEWS, ON_HOME = timedelta(days=30), 3


@dataclass(frozen=True, slots=True)
class Card:
    """A report as a list shows it: what was tested, when, and whether anything is out of the ordinary."""

    report: Report
    is_new: bool

    @property
    def test(self) -> str:
        name: str = self.report.order.lab_test.name
        return name

    @property
    def at(self) -> datetime:
        return when(self.report)

    @property
    def is_corrected(self) -> bool:
        return self.report.state == Report.State.CORRECTED


def released(page: PortalView) -> QuerySet[Report]:
    """The patient's own, what was released last first, with what a card tells of their markers."""
    rows = Report.objects.filter(released_at__isnull=False).select_related("order__lab_test")
    critical, normal = Result.Interpretation.CRITICAL, Result.Interpretation.NORMAL
    outside = ~Q(results__interpretation=normal) | Q(results__above_max=True) | Q(results__below_min=True)
    return (
        page.records(rows)
        .annotate(
            many=Count("results"),
            outside=Count("results", filter=outside),
            critical=Count("results", filter=Q(results__interpretation=critical)),
        )
        .order_by("-released_at", "-id")
    )


def news(page: PortalView) -> list[Report]:
    """Released or corrected of late, and not opened since."""
    since = page.now - NEWS
    late = Q(released_at__gte=since) | Q(state=Report.State.CORRECTED, updated_at__gte=since)
    return unread(page, list(released(page).filter(late)))


def unread(page: PortalView, found: Sequence[Report]) -> list[Report]:
    """Of these the ones that are news. Whether somebody opened one is in the audit trail."""
    since = page.now - NEWS
    opened = _opened(page, since) if found else {}
    changed = _changed(found)
    return [report for report in found if opened.get(str(report.pk), since) < changed[report.pk]]


def _changed(found: Sequence[Report]) -> dict[UUID, datetime]:
    """When each last became something new to read. What only the clinic reads of it may have changed since."""
    changed = {report.pk: report.released_at for report in found}
    corrected = [report for report in found if report.state == Report.State.CORRECTED]
    for pk, entered in states_entered(corrected).items():
        changed[pk] = max(changed[pk], entered.get(Report.State.CORRECTED, changed[pk]))
    return changed


def _opened(page: PortalView, since: datetime) -> dict[str, datetime]:
    """Report → when this person last opened its page, be it by a record that was merged into theirs since."""
    kept, user = page.actor.patient_id, page.actor.id
    records = Patient.objects.filter(Q(pk=kept) | Q(merged_into=kept) | Q(user=user)).order_by()
    entries = AuditEntry.objects.filter(
        patient_id__in=records.values("pk"), actor_kind=page.actor.kind, actor_id=user,
        act=AuditEntry.Act.VIEW, subject_type=Report._meta.label, at__gte=since,
    )  # fmt: skip
    return {pk: at for ids, at in entries.order_by("id").values_list("subject_ids", "at") for pk in ids}


def pressing(found: Sequence[Report]) -> list[Report]:
    """Every critical one, however many are newer, and of the others as many as there is room for."""
    critical = [report for report in found if report.critical]
    others = [report for report in found if not report.critical]
    return [*critical, *others[: max(ON_HOME - len(critical), 0)]]


def as_cards(page: PortalView, found: Sequence[Report]) -> list[Card]:
    new = {report.pk for report in unread(page, found)}
    return [Card(report, report.pk in new) for report in found]


# ── The first page ────────────────────────────────────────────────────────────────────────────────────────
@todo_source
def to_read(page: PortalView) -> Iterator[Todo]:
    for report in page.listed(pressing(news(page))):
        told = {"test": report.order.lab_test.name}
        yield Todo(
            title=_title(report) % told,
            why=_("One of the values is critical.") if report.critical else _("They were released to you."),
            action=_("Open"),
            url=reverse("portal:report", args=[report.pk]),
            urgent=bool(report.critical),
        )


def _title(report: Report) -> str:
    if report.critical:
        return _("Call us about your results: %(test)s")
    if report.state == Report.State.CORRECTED:
        return _("Look at your corrected results: %(test)s")
    return _("Look at your new results: %(test)s")


@panel_source
def recent(page: PortalView) -> Panel:
    return Panel(
        title=_("Recent results"),
        template="portal/labs/recent.html",
        rows=as_cards(page, page.listed(released(page)[:ON_HOME])),
        url=reverse("portal:reports"),
        more=_("All results"),
        place=30,
        aside=True,
    )


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────
class ReportsView(PortalView):
    section = "results"
    needs = "labs.view_report"
    template_name = "portal/labs/reports.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        page = self.page_of(released(self))
        return self.show(page=page, cards=as_cards(self, page.object_list))


class ReportView(PortalView):
    section = "results"
    needs = "labs.view_report"
    template_name = "portal/labs/report.html"

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        report = self.record_or_404(released(self), pk)
        return self.show(card=Card(report, is_new=False), report=report, markers=markers(self, report))
