"""Who a user is, and how the security admin looks after them."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from careops.access.actor import Actor
from careops.access.models import User
from careops.surfaces.middleware import ActingUser
from tests.conftest import PASSWORD
from workflows.catalogue.recording import cause

USERS = "/admin/access/user/"


@pytest.mark.django_db
def test_people_sign_in_with_one_spelling_of_their_address():
    user = User.objects.create_user("Nia.Ncube@Clinic.Example", PASSWORD)
    assert user.email == "nia.ncube@clinic.example"
    with pytest.raises(IntegrityError, match="user_email_lower"), transaction.atomic():
        User.objects.create(email="Omar@clinic.example")
    with pytest.raises(ValueError, match="needs an email address"):
        User.objects.create_user("")


def test_staff_are_named_and_patients_are_not(nia, ada_signs_in):
    assert str(nia) == "Nia Ncube"
    assert str(ada_signs_in) == f"User {ada_signs_in.pk}"
    assert ada_signs_in.get_full_name() == "Ada Abara"
    assert User(email="x@y.example").get_full_name() == "x@y.example"


@pytest.mark.django_db
def test_a_time_zone_is_one_of_the_worlds():
    user = User(email="x@y.example", password="x", timezone="Mars/Olympus")
    with pytest.raises(ValidationError) as refusal:
        user.full_clean()
    assert refusal.value.message_dict == {
        "timezone": ["“Mars/Olympus” is no time zone, such as “America/New_York”."]
    }


def test_a_request_acts_as_its_person_in_their_time_zone(nia, rf):
    nia.timezone = "America/New_York"
    seen = {}

    def view(request):
        seen.update(cause=cause(), zone=timezone.get_current_timezone_name())

    request = rf.get("/")
    request.user = nia
    ActingUser(view)(request)
    assert seen["cause"].actor == Actor.of(nia)
    assert seen["cause"].correlation_id.version == 4
    assert seen["zone"] == "America/New_York"
    assert cause().actor == Actor.system()
    assert timezone.get_current_timezone_name() == "UTC"


class TestSecurityAdmin:
    def fields(self, user: User, **changes: object) -> dict[str, object]:
        kept = {"email": user.email, "first_name": user.first_name, "last_name": user.last_name}
        ticked = {"is_active": "on", "is_staff": "on"}
        return {**kept, **ticked, "timezone": "UTC", "language": "en", **changes}

    def test_gives_roles_but_no_crown(self, client, sam, nia, inside):
        inside(sam)
        clinician = nia.groups.model.objects.get(name="clinician")
        answer = client.post(
            f"{USERS}{nia.pk}/change/", self.fields(nia, groups=[clinician.pk], is_superuser="on")
        )
        assert answer["Location"] == USERS
        nia.refresh_from_db()
        assert [group.name for group in nia.groups.all()] == ["clinician"]
        assert not nia.is_superuser

    def test_neither_raises_themselves_nor_touches_a_superuser(self, client, sam, root, inside):
        inside(sam)
        for user in (sam, root):
            assert client.get(f"{USERS}{user.pk}/change/").status_code == 200  # to look at
            assert client.post(f"{USERS}{user.pk}/change/", self.fields(user)).status_code == 403
            assert client.get(f"{USERS}{user.pk}/password/").status_code == 403

    def test_adds_somebody(self, client, sam, inside):
        inside(sam)
        client.post(
            f"{USERS}add/",
            {
                "email": "New@Clinic.example", "first_name": "New", "last_name": "Nurse", "is_staff": "on",
                "timezone": "UTC", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD,
            },
        )  # fmt: skip
        new = User.objects.get(email="new@clinic.example")
        assert (new.is_staff, new.is_superuser, new.check_password(PASSWORD)) == (True, False, True)

    def test_switches_off_and_never_deletes(self, client, root, nia, inside):
        inside(root)
        assert client.post(f"{USERS}{nia.pk}/delete/", {"post": "yes"}).status_code == 403
        fields = self.fields(nia)
        del fields["is_active"]
        client.post(f"{USERS}{nia.pk}/change/", fields)
        nia.refresh_from_db()
        assert not nia.is_active

    def test_a_new_address_must_be_confirmed_anew(self, client, sam, nia, inside):
        EmailAddress.objects.create(user=nia, email=nia.email, verified=True, primary=True)
        inside(sam)
        client.post(f"{USERS}{nia.pk}/change/", self.fields(nia, email="nia.new@clinic.example"))
        nia.refresh_from_db()
        assert nia.email == "nia.new@clinic.example"
        assert not EmailAddress.objects.filter(user=nia).exists()

    @pytest.mark.parametrize("page", ["auditentry", "group"])
    def test_only_looks_at_the_audit_trail_and_the_roles(self, page, client, root, inside):
        inside(root)
        app = {"auditentry": "access", "group": "auth"}[page]
        assert client.get(f"/admin/{app}/{page}/").status_code == 200
        assert client.get(f"/admin/{app}/{page}/add/").status_code == 403

    @pytest.mark.parametrize("page", ["mfa/authenticator", "account/emailaddress"])
    def test_seeds_and_confirmations_have_no_page(self, page, client, root, inside):
        inside(root)
        assert client.get(f"/admin/{page}/").status_code == 404

    def test_the_list_of_people_costs_the_same_however_long(
        self, client, root, inside, django_assert_num_queries
    ):
        inside(root)
        client.get(USERS)
        with django_assert_num_queries(self.queries(client)):
            User.objects.bulk_create([User(email=f"p{n}@mail.example", password="!") for n in range(50)])
            client.get(USERS)

    def queries(self, client) -> int:
        """Those of the list as it stands, and the one that adds people."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as captured:
            client.get(USERS)
        return len(captured) + 1
