"""The people of every test, each with one sentence, and the few helpers that many tests need.

Nia works at the front desk and sees people and visits. Omar is a clinician. Lena runs the lab bench. Pia is the
pharmacist. Olga runs operations: she builds automations. Root may do everything. Ada is a patient; Ben is another
patient, and nothing of Ada's may ever reach him.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.test import Client

from careops.access.actor import Actor
from careops.access.models import User
from careops.lib import clock
from tests.api.support import Caller, make_key
from tests.surfaces.support import sign_in

pytest_plugins = ["tests.architecture.fired"]

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture(autouse=True)
def surroundings(settings: object) -> None:
    """The test client speaks plain HTTP and nobody collected static files; passwords are hashed quickly, and the cache
    is this process's own."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    settings.SECURE_SSL_REDIRECT = False
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def person(email: str, *roles: str, staff: bool = True, **fields: object) -> User:
    """A user who holds these roles."""
    user = User.objects.create_user(email, PASSWORD, is_staff=staff, **fields)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


@pytest.fixture
def nia(db: None) -> User:
    return person("nia@clinic.example", "front desk", first_name="Nia", last_name="Ncube")


@pytest.fixture
def omar(db: None) -> User:
    return person("omar@clinic.example", "clinician", first_name="Omar", last_name="Okafor")


@pytest.fixture
def lena(db: None) -> User:
    return person("lena@clinic.example", "lab tech", first_name="Lena", last_name="Lund")


@pytest.fixture
def pia(db: None) -> User:
    return person("pia@clinic.example", "pharmacist", first_name="Pia", last_name="Park")


@pytest.fixture
def olga(db: None) -> User:
    return person("olga@clinic.example", "ops admin", first_name="Olga", last_name="Orlova")


@pytest.fixture
def ops(olga: User) -> User:
    """Olga, by what she does."""
    return olga


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser(
        "root@clinic.example", PASSWORD, first_name="Root", last_name="Admin"
    )


@pytest.fixture
def system() -> Actor:
    return Actor.system()


@pytest.fixture
def ada(db: None) -> object:
    from tests.factories.patients import PatientFactory

    return PatientFactory(
        first_name="Ada", last_name="Abara", email="ada@mail.example", birth_date=date(1960, 3, 14)
    )


@pytest.fixture
def ben(db: None) -> object:
    from tests.factories.patients import PatientFactory

    return PatientFactory(
        first_name="Ben", last_name="Bauer", email="ben@mail.example", birth_date=date(1990, 7, 1)
    )


@pytest.fixture
def travel(db: None) -> Iterator[object]:
    """``travel(timedelta(days=14))``: the engine's clock moves; the test does not wait."""
    yield clock.shift
    clock.shift(timedelta(0))


@pytest.fixture
def sam(db: None) -> User:
    """Sam is the security admin."""
    return person("sam@clinic.example", "security admin", first_name="Sam", last_name="Sato")


@pytest.fixture
def ada_signs_in(db: None) -> User:
    """Ada as somebody who signs in: a patient, no staff."""
    return person("ada@mail.example", staff=False, first_name="Ada", last_name="Abara")


@pytest.fixture
def at_desk(db: None) -> Callable[..., Client]:
    """``at_desk(nia)``: Nia's browser, signed in."""
    return lambda user, **options: sign_in(Client(**options), user)


@pytest.fixture
def as_staff(at_desk: Callable[..., Client]) -> Callable[..., Caller]:
    """``as_staff(nia)``: Nia's browser, calling the API from a script of our own pages."""
    return lambda user: Caller("", client=at_desk(user))


@pytest.fixture
def with_key(root: User) -> Callable[..., Caller]:
    """``with_key("patients.view_task")``: a program that may do just that."""

    def with_key(*permissions: str) -> Caller:
        key, secret = make_key(root, permissions)
        return Caller(secret, key)

    return with_key


@pytest.fixture
def partner(root: User) -> Caller:
    """A program that may do everything a key can."""
    key, secret = make_key(root)
    return Caller(secret, key)
