"""The only thing the API reads is JSON, and only JSON that the database can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from careops.surfaces.api.problem import bad_body, escaped

#: PostgreSQL stores no NUL, and half a surrogate pair is no character.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class StorableJSONParser(JSONParser):
    """JSON in UTF-8 without NaN, without NUL characters, without names given twice (of which programs differ in whether
    they take the first or the last), and nested no deeper than anybody means it."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            data = json.loads(stream.read().decode(), parse_constant=_refuse, object_pairs_hook=_as_object)
        except (ValueError, RecursionError):
            raise ParseError from None
        if found := unstorable(data):
            raise bad_body([{"pointer": found[0], "detail": _("This holds a character that is no text.")}])
        return data


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"JSON knows no {constant}.")


def _as_object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise bad_body([{"pointer": "", "detail": _("A name is given twice in one object.")}])
    return found


def unstorable(data: Any) -> list[str]:
    """The JSON pointers of strings that cannot be stored; a name that cannot is told by where it stands."""
    waiting, found = [("", data)], []
    while waiting:
        at, value = waiting.pop()
        if isinstance(value, str) and UNSTORABLE.search(value):
            found.append(at)
        elif isinstance(value, Mapping):
            found += [at for name in value if UNSTORABLE.search(name)]
            waiting += [(f"{at}/{escaped(name)}", inner) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{at}/{place}", inner) for place, inner in enumerate(value)]
    return found
