"""The front door, and what a load balancer asks."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from careops.lib import clock
from workflows.models import Drainer

#: A drain says it is alive far more often than this.
DRAIN_SILENCE = timedelta(seconds=60)


@never_cache
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Staff go to their work, patients to their portal, everybody else to the sign-in page."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(reverse("account_login"))
    return HttpResponseRedirect(reverse("admin:index" if request.user.is_staff else "portal:home"))


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers and reaches its database; a failure is Django's plain 500."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Fit for work: the schema is this code's, and somebody drains the queues. 503 names what is missing."""
    executor = MigrationExecutor(connection)
    missing = []
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        missing.append("migrations")
    elif not drains_alive():
        missing.append("drain")
    return JsonResponse(
        {"status": "missing" if missing else "ok", "missing": missing}, status=503 if missing else 200
    )


def drains_alive() -> int:
    """How many drains showed a sign of life of late."""
    return Drainer.objects.filter(seen_at__gte=clock.RealNow() - DRAIN_SILENCE).count()
