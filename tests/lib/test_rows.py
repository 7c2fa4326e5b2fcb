"""An object made of a row at once is the one that Django would have made of it."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.models import Model
from django.db.models.signals import post_init, pre_init

from careops.lib.rows import Row
from orders.models import Order
from tests.factories.orders import OrderFactory
from workflows.models import EventRecord

ROWS = [model for model in apps.get_models() if issubclass(model, Row)]


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model._meta.label)
def test_every_field_holds_what_django_would_have_put_there(model):
    names = [field.attname for field in model._meta.concrete_fields]
    values = [f"value {number}" for number, _name in enumerate(names)]
    quick, slow = (
        model.from_db("default", names, values),
        Model.from_db.__func__(model, "default", names, values),
    )
    assert {name: vars(quick)[name] for name in names} == {name: vars(slow)[name] for name in names}
    assert (
        (quick._state.adding, quick._state.db) == (slow._state.adding, slow._state.db) == (False, "default")
    )
    assert quick._state.fields_cache == {}


@pytest.mark.parametrize("model", ROWS, ids=lambda model: model._meta.label)
def test_nobody_listens_to_the_signals_that_are_not_sent(model):
    assert not pre_init.has_listeners(model)
    assert not post_init.has_listeners(model)


@pytest.mark.django_db
def test_a_row_with_deferred_fields_reads_them_when_asked():
    order = OrderFactory()
    read = Order.objects.only("id", "state").get(pk=order.pk)
    assert read.get_deferred_fields() >= {"number", "patient_id"}
    assert read.patient_id == order.patient_id


@pytest.mark.django_db
def test_the_related_record_of_an_object_is_read_anew_for_another_key(ada, ben):
    order = Order.objects.get(pk=OrderFactory(patient=ada).pk)
    assert order.patient == ada
    order.patient_id = ben.pk
    assert order.patient == ben


@pytest.mark.django_db
def test_an_event_that_was_read_can_be_saved_again():
    OrderFactory()
    event = EventRecord.objects.latest("id")
    event.depth = 3
    event.save()
    assert EventRecord.objects.get(pk=event.pk).depth == 3
