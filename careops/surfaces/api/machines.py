"""Records with a state: every move that people are offered has an address, ``POST …/{id}/transitions/{move}/``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from careops.surfaces.api import arguments
from careops.surfaces.api.problem import Problem, from_model
from careops.surfaces.api.records import RecordViewSet
from workflows.catalogue.errors import IllegalTransition, NotPermitted
from workflows.catalogue.machine import Machine, Move

#: The action that stands for a move begins with this.
MOVE = "move_"


class MachineViewSet(RecordViewSet):
    """The door to a record that has a state. Its moves are read off the machine: nothing is declared twice."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for move in cls.queryset.model.moves().values():
            if move.offered:
                setattr(cls, f"{MOVE}{move.name}", _action_of(move))

    @action(detail=True, methods=["get"])
    def transitions(self, request: Request, **kwargs: Any) -> Response:
        """The moves that the caller may make now."""
        record = self.get_object()
        moves = [
            {"name": move.name, "label": str(move.label), "arguments": arguments.described(self.model, move)}
            for move in record.moves_for(self.actor)
        ]
        return Response({"state": record.state, "transitions": moves}, headers={"ETag": self.etag_of(record)})

    def move_of(self, name: str | None) -> Move | None:
        """The move that an action stands for."""
        return self.model.move(name.removeprefix(MOVE)) if name and name.startswith(MOVE) else None

    def make(self, move: Move) -> Response:
        """In this order: not yours 404, not permitted 403, not what you read 412, not possible 409, not well told 400."""
        if not self.actor.has_perm(move.needs):
            self.get_object()
            raise NotPermitted(move.name, move.needs)
        record = self.locked_object()
        if move not in record.legal_moves():
            raise self._illegal(record, move)
        told = arguments.read(self.request, self.model, move, self.actor)
        try:
            return self.shown(record.perform(move.name, by=self.actor, **told))
        except IllegalTransition:
            raise self._illegal(record, move) from None
        except ValidationError as complaint:
            raise from_model(complaint, known=told) from None

    def _illegal(self, record: Machine, move: Move) -> Problem:
        legal = [possible.name for possible in record.moves_for(self.actor)]
        told = _("“%(move)s” is not possible while this is “%(state)s”.") % {
            "move": move.name,
            "state": record.state,
        }
        return Problem(409, told, name="illegal-transition", state=record.state, legal=legal)


def _action_of(move: Move) -> Any:
    def act(self: MachineViewSet, request: Request, **kwargs: Any) -> Response:
        return self.make(move)

    act.__name__ = f"{MOVE}{move.name}"
    path = f"transitions/{move.name}"
    return action(detail=True, methods=["post"], url_path=path, url_name=path.replace("/", "-"))(act)
