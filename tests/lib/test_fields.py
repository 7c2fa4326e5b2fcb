"""Encrypted columns, and forms that take a secret without ever giving it back."""

import copy
import pickle

import pytest
from cryptography.fernet import Fernet
from django import forms
from django.contrib.admin.utils import display_for_field
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection, models
from django.template import Context, Engine
from django.test.utils import isolate_apps

from careops.lib.fields import EncryptedTextField, Secret, Undecryptable, check_field_keys, mask

PLAIN = "whsec_abcdefghij1234"

with isolate_apps("tests.lib"):

    class Endpoint(models.Model):
        name = models.CharField(max_length=20, default="")
        secret = EncryptedTextField()
        spare = EncryptedTextField(blank=True)
        note = EncryptedTextField(readable=True, null=True, blank=True)

        class Meta:
            app_label = "tests_lib"

        def __str__(self):
            return self.name


class EndpointForm(forms.ModelForm):
    class Meta:
        model = Endpoint
        fields = ["name", "secret", "spare", "note"]


@pytest.fixture
def table(transactional_db):
    with connection.schema_editor() as editor:
        editor.create_model(Endpoint)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Endpoint)


@pytest.fixture
def endpoint(table):
    made = Endpoint.objects.create(secret=PLAIN, spare="spare secret 5678", note="Readable note")
    return Endpoint.objects.get(pk=made.pk)


def stored(column="secret"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM tests_lib_endpoint ORDER BY id")
        return [value for (value,) in cursor.fetchall()]


# ── The column ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_comes_back_and_is_not_in_the_database(endpoint):
    assert endpoint.secret.reveal() == PLAIN
    assert endpoint.note == "Readable note"
    assert type(endpoint.note) is str
    (token,) = stored()
    assert token.startswith("gAAAA")
    assert PLAIN not in token


def test_equal_values_look_different(table):
    Endpoint.objects.bulk_create([Endpoint(secret=PLAIN), Endpoint(secret=PLAIN)])
    one, two = stored()
    assert one != two
    assert [each.secret for each in Endpoint.objects.all()] == [PLAIN, PLAIN]


def test_every_way_to_write_encrypts(endpoint):
    Endpoint.objects.update(secret="by update")
    assert "by update" not in stored()[0]
    endpoint.refresh_from_db()
    assert endpoint.secret == "by update"
    endpoint.secret = "by bulk update"
    Endpoint.objects.bulk_update([endpoint], ["secret"])
    assert "bulk" not in stored()[0]
    assert Endpoint.objects.values_list("secret", flat=True).get() == "by bulk update"


def test_saving_what_was_loaded_keeps_it(endpoint):
    endpoint.save()
    assert Endpoint.objects.get().secret == PLAIN


def test_empty_and_null_are_stored_as_they_are(table):
    Endpoint.objects.create(secret="x", spare="", note=None)
    assert (stored("spare"), stored("note")) == ([""], [None])
    found = Endpoint.objects.get()
    assert (found.spare, found.note) == ("", None)


def test_any_key_of_the_list_decrypts_and_the_first_encrypts(table, settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old]
    Endpoint.objects.create(secret="made with old")
    settings.FIELD_KEYS = [new, old]
    Endpoint.objects.create(secret="made with new")
    assert [each.secret for each in Endpoint.objects.order_by("id")] == ["made with old", "made with new"]
    assert Fernet(new).decrypt(stored()[1]) == b"made with new"
    settings.FIELD_KEYS = [new]
    with pytest.raises(Undecryptable, match=r"tests_lib\.Endpoint\.secret"):
        Endpoint.objects.order_by("id").first()


@pytest.mark.parametrize(
    "lookup", ["secret", "secret__contains", "secret__in", "secret__gt", "secret__iexact"]
)
def test_no_lookups(lookup):
    with pytest.raises(FieldError, match="encrypted"):
        Endpoint.objects.filter(**{lookup: ["x"] if lookup.endswith("in") else "x"})


def test_transforms_are_refused():
    with pytest.raises(FieldError, match="encrypted"):
        Endpoint.objects.filter(secret__lower="x")


def test_isnull_works(endpoint):
    assert Endpoint.objects.filter(note__isnull=False).count() == 1
    assert Endpoint.objects.filter(note__isnull=True).count() == 0


def test_a_dump_carries_no_secret(endpoint):
    dumped = serializers.serialize("json", [endpoint])
    assert PLAIN not in dumped
    assert "Readable note" not in dumped


def test_deconstruct():
    assert EncryptedTextField().deconstruct()[1:] == ("careops.lib.fields.EncryptedTextField", [], {})
    assert EncryptedTextField(readable=True).deconstruct()[3] == {"readable": True}


@isolate_apps("tests.lib")
@pytest.mark.parametrize("option", ["unique", "db_index"])
def test_an_encrypted_column_cannot_be_unique_or_indexed(option):
    class Wrong(models.Model):
        secret = EncryptedTextField(**{option: True})

        class Meta:
            app_label = "tests_lib"

        def __str__(self):
            return "wrong"

    assert "careops.lib.E101" in {error.id for error in Wrong.check()}


# ── Keys ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_good_keys_pass_the_system_check(settings):
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), Fernet.generate_key().decode()]
    assert check_field_keys() == []


@pytest.mark.parametrize("key", ["", "short", "x" * 44, "not base64 é", "x" * 48])
def test_a_malformed_key_is_named_by_position_only(settings, key):
    settings.FIELD_KEYS = [Fernet.generate_key().decode(), key]
    (error,) = check_field_keys()
    assert error.id == "careops.lib.E103"
    assert error.msg == "Key 2 of FIELD_KEYS is not 32 bytes in URL-safe base64."


def test_no_keys_at_all(settings):
    settings.FIELD_KEYS = []
    assert [error.id for error in check_field_keys()] == ["careops.lib.E102"]


# ── A secret hides itself ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "shown"), [(PLAIN, "••••••1234"), ("x" * 11, "••••••"), ("abcdefgh1234", "••••••1234")]
)
def test_mask(text, shown):
    assert mask(text) == shown


def test_a_secret_shows_its_mask_wherever_it_is_printed():
    secret = Secret(PLAIN)
    printed = [str(secret), repr(secret), f"{secret}", f"{secret:s}", " ".join(map(str, [secret]))]
    printed.append(Engine().from_string("{{ secret }}").render(Context({"secret": secret})))
    printed.append(display_for_field(secret, Endpoint._meta.get_field("secret"), "-"))
    assert set(printed) == {"••••••1234"}


def test_a_secret_works_as_a_string_and_survives_copies():
    secret = Secret(PLAIN)
    assert secret == PLAIN
    assert secret.encode() == PLAIN.encode()
    assert "Bearer " + secret == f"Bearer {PLAIN}"
    assert type(secret.reveal()) is str
    for twin in (copy.copy(secret), copy.deepcopy(secret), pickle.loads(pickle.dumps(secret))):
        assert (type(twin), twin.reveal()) == (Secret, PLAIN)


# ── The form ──────────────────────────────────────────────────────────────────────────────────────────────


def submit(instance, **data):
    form = EndpointForm({"name": "n", "note": "Readable note"} | data, instance=instance)
    assert form.is_valid(), form.errors
    form.save()
    instance.refresh_from_db()
    return form


def test_a_form_shows_that_a_value_is_set_and_not_the_value(endpoint):
    page = EndpointForm(instance=endpoint).as_p()
    assert '<span class="secret-set">••••••1234 set</span>' in page
    assert '<span class="secret-set">••••••5678 set</span>' in page
    assert PLAIN not in page
    assert "spare secret" not in page
    assert "Readable note</textarea>" in page


def test_a_value_that_was_just_assigned_is_masked_too(table):
    assert "••••••1234 set" in EndpointForm(instance=Endpoint(secret=PLAIN)).as_p()


def test_only_an_optional_secret_can_be_cleared(endpoint):
    page = EndpointForm(instance=endpoint).as_p()
    assert 'name="spare-clear"' in page
    assert 'name="secret-clear"' not in page
    assert 'name="spare-clear"' not in EndpointForm().as_p()


def test_nothing_typed_keeps_the_value(endpoint):
    form = submit(endpoint, secret="", spare="")
    assert (endpoint.secret, endpoint.spare) == (PLAIN, "spare secret 5678")
    assert form.changed_data == ["name"]


def test_something_typed_replaces_the_value(endpoint):
    form = submit(endpoint, secret="  new secret  ")
    assert (endpoint.secret, endpoint.spare) == ("new secret", "spare secret 5678")
    assert form.changed_data == ["name", "secret"]


def test_the_check_box_clears(endpoint):
    form = submit(endpoint, **{"spare-clear": "on", "secret-clear": "on"})
    assert (endpoint.secret, endpoint.spare) == (PLAIN, "")
    assert form.changed_data == ["name", "spare"]


def test_a_required_secret_is_asked_for_once(table):
    form = EndpointForm({"name": "n"})
    assert not form.is_valid()
    assert form.errors == {"secret": ["This field cannot be blank."]}
    assert "required" in EndpointForm()["secret"].as_widget()
    assert "required" not in EndpointForm(instance=Endpoint(secret=PLAIN))["secret"].as_widget()


def test_a_form_shown_again_does_not_repeat_what_was_typed(endpoint):
    form = EndpointForm({"name": "x" * 21, "secret": "typed-just-now-9999"}, instance=endpoint)
    assert not form.is_valid()
    page = form.as_p()
    assert "typed-just-now" not in page
    assert "9999" not in page
    assert "••••••1234 set" in page


def test_a_disabled_field_keeps_the_value(endpoint):
    form = EndpointForm({"name": "n", "secret": "forged"}, instance=endpoint)
    form.fields["secret"].disabled = True
    assert form.is_valid()
    form.save()
    endpoint.refresh_from_db()
    assert endpoint.secret == PLAIN


def test_the_admins_widget_gives_its_looks_and_nothing_else():
    widget = forms.Textarea(attrs={"class": "wide", "rows": 3})
    made = Endpoint._meta.get_field("secret").formfield(widget=widget).widget
    assert (type(made).__name__, made.attrs["class"], made.attrs.get("rows")) == (
        "SecretWidget",
        "wide",
        None,
    )
    assert made.attrs["autocomplete"] == "new-password"


def test_the_mask_is_escaped(table):
    page = EndpointForm(instance=Endpoint(secret="abcdefgh<i>x")).as_p()
    assert "••••••&lt;i&gt;x set" in page
