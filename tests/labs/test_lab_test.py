"""What can be ordered."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from tests.factories.labs import LabTestFactory
from tests.labs.helpers import told

pytestmark = pytest.mark.django_db


def test_adding_and_editing_a_test_is_told() -> None:
    test = LabTestFactory()
    test.active = False
    test.save()
    assert told(test) == [("lab_test.created", {}), ("lab_test.updated", {"changed": ["active"]})]


def test_a_code_means_one_test() -> None:
    LabTestFactory(code="a1c")
    with pytest.raises(IntegrityError), transaction.atomic():
        LabTestFactory(code="a1c")
