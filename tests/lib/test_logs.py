"""What the log tells of the database's errors: what went wrong, and nothing that stands in a row."""

from __future__ import annotations

import logging

import pytest
from django.db import Error, connection, transaction

from tests.factories.patients import PatientFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def logged(caplog):
    """``logged(error)``: what the installation's own log would have of it."""
    (console,) = (handler for handler in logging.getLogger().handlers if handler.name == "console")

    def line(error: Exception) -> str:
        logging.getLogger("django.request").error("Internal Server Error: /", exc_info=error)
        return console.format(caplog.records[-1])

    return line


def refused(sql: str, *values: object) -> Error:
    with pytest.raises(Error) as refusal, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)
    return refusal.value


def test_the_row_that_was_refused_does_not_stand_in_the_log(logged):
    ada = PatientFactory(last_name="Abara\n\nDETAIL:  Lovelace")
    error = refused("UPDATE patients_patient SET state = 'lost' WHERE id = %s", ada.pk)
    assert "Lovelace" in str(error)

    told = logged(error)

    said = 'new row for relation "patients_patient" violates check constraint "patient_state_known"'
    assert f"\npsycopg.errors.CheckViolation: {said}\n\nThe above exception" in told
    assert told.endswith(f"\ndjango.db.utils.IntegrityError: {said}")
    assert "Abara" not in told
    assert "Lovelace" not in told


def test_an_error_that_came_of_it_does_not_tell_the_row_either(logged):
    ada = PatientFactory(last_name="Abara")
    later = RuntimeError("Not saved.")
    later.__context__ = refused("UPDATE patients_patient SET state = 'lost' WHERE id = %s", ada.pk)
    told = logged(later)
    assert "IntegrityError" in told
    assert told.endswith("\nRuntimeError: Not saved.")
    assert "Abara" not in told


def test_the_statement_that_was_refused_does_not_stand_in_the_log(logged):
    error = refused("SELECT nothing, %s", "Abara")
    assert "Abara" in str(error)
    told = logged(error)
    assert told.endswith('\ndjango.db.utils.ProgrammingError: column "nothing" does not exist')
    assert "Abara" not in told


def test_other_errors_are_told_as_they_are(logged):
    assert logged(ValueError("Two\nlines")).endswith("\nValueError: Two\nlines")
