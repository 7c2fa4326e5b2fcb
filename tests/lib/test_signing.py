import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from careops.lib.signing import BadSignature, new_secret, sign, verify

# The example of the Standard Webhooks specification.
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIME = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes......").decode()


def headers(family="webhook", **changed):
    parts = {"id": MESSAGE, "timestamp": str(TIME), "signature": SIGNATURE} | changed
    return {f"{family}-{name}": value for name, value in parts.items() if value is not None}


def refusal(sent, body=BODY, secrets=(SECRET,), now=TIME):
    with pytest.raises(BadSignature) as caught:
        verify(body, sent, secrets, now=now)
    return caught.value.reason_code


def test_sign_gives_the_specifications_vector():
    expected = {"webhook-id": MESSAGE, "webhook-timestamp": "1614265330", "webhook-signature": SIGNATURE}
    assert sign(SECRET, MESSAGE, TIME, BODY) == expected
    assert sign(f"whsec_{SECRET}", MESSAGE, TIME, BODY) == expected


def test_rotation_signs_with_every_secret_in_order():
    value = sign([SECRET, OTHER], MESSAGE, TIME, BODY)["webhook-signature"]
    first, second = value.split(" ")
    assert first == SIGNATURE
    assert second == sign(OTHER, MESSAGE, TIME, BODY)["webhook-signature"] != SIGNATURE


def test_the_librarys_own_verifier_accepts_what_we_sign():
    import time

    signed = sign([OTHER, SECRET], "msg_1", int(time.time()), BODY)
    assert Webhook(SECRET).verify(BODY, signed) == {"test": 2432232314}


@pytest.mark.parametrize("secrets", ["", [], ["not base64 at all!"], ["whsec_"]])
def test_sign_refuses_unusable_secrets_without_showing_them(secrets):
    with pytest.raises(ValueError, match="secret") as caught:
        sign(secrets, MESSAGE, TIME, BODY)
    assert "not base64 at all" not in str(caught.value)


@pytest.mark.parametrize("message_id", ["", "with.dot", "with space", "line\nbreak", "é"])
def test_sign_refuses_ids_that_could_not_be_verified(message_id):
    with pytest.raises(ValueError, match="message id"):
        sign(SECRET, message_id, TIME, BODY)


@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_verify_accepts_both_families(family):
    assert verify(BODY, headers(family), [SECRET], now=TIME) == MESSAGE


def test_verify_ignores_the_case_of_header_names_and_other_headers():
    sent = {name.title(): value for name, value in headers().items()} | {"Content-Type": "application/json"}
    assert verify(BODY, sent, [SECRET], now=TIME) == MESSAGE


def test_verify_accepts_any_secret_and_any_signature_of_several():
    sent = headers(signature=f"v2,xxxx v1,AAAA {SIGNATURE}")
    assert verify(BODY, sent, [OTHER, SECRET], now=TIME) == MESSAGE


@pytest.mark.parametrize("offset", [-300, 0, 300])
def test_verify_tolerates_five_minutes(offset):
    assert verify(BODY, headers(), [SECRET], now=TIME + offset) == MESSAGE


@pytest.mark.parametrize("offset", [-301, 301])
def test_verify_refuses_more_than_five_minutes(offset):
    assert refusal(headers(), now=TIME + offset) == "timestamp"


@pytest.mark.parametrize(
    "timestamp",
    ["", f"{TIME}.9", f" {TIME}", f"+{TIME}", "1e9", "nan", "inf", "-1", "٣" * 10, "9" * 400, f"{TIME}\n"],
)
def test_verify_takes_whole_seconds_only(timestamp):
    assert refusal(headers(timestamp=timestamp)) == "timestamp"


@pytest.mark.parametrize(
    "sent",
    [
        {},
        headers(id=None),
        headers(timestamp=None),
        headers(signature=None),
        headers() | {"svix-id": MESSAGE},
        headers(signature=None) | {"svix-signature": SIGNATURE},
        headers() | headers("svix"),
        headers() | {"Webhook-Id": "msg_2"},
        headers(id="a.b"),
        headers(id="x" * 256),
    ],
)
def test_verify_refuses_missing_mixed_and_doubled_headers(sent):
    assert refusal(sent) == "headers"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1",
        "v1,",
        "v1,a,b",
        "v1,!!!",
        "v1,é",
        "\udcff",
        SIGNATURE[3:],
        SIGNATURE.replace("v1", "v2"),
        "v1 " * 50,
    ],
)
def test_verify_refuses_bad_signatures(signature):
    assert refusal(headers(signature=signature)) == "signature"


def test_verify_refuses_a_changed_body_id_or_secret():
    assert refusal(headers(), body=BODY + b" ") == "signature"
    assert refusal(headers(id="msg_other")) == "signature"
    assert refusal(headers(), secrets=[OTHER]) == "signature"
    assert refusal(headers(), secrets=[]) == "signature"


def test_verify_refuses_a_body_that_is_not_utf8():
    assert refusal(headers(), body=b"\xff\xfe") == "body"


@given(
    body=st.binary(max_size=200),
    family=st.sampled_from(["webhook", "svix"]),
    values=st.tuples(*[st.text(max_size=40)] * 3),
)
def test_nothing_a_sender_writes_raises_anything_else(body, family, values):
    sent = dict(zip((f"{family}-id", f"{family}-timestamp", f"{family}-signature"), values, strict=True))
    with pytest.raises(BadSignature):
        verify(body, sent, [SECRET], now=TIME)


@given(payload=st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=8))
def test_round_trip_in_both_families(payload):
    body = json.dumps(payload).encode()
    signed = sign([OTHER, SECRET], "msg_1", TIME, body)
    renamed = {name.replace("webhook", "svix"): value for name, value in signed.items()}
    assert verify(body, signed, [SECRET], now=TIME) == "msg_1"
    assert verify(body, renamed, [OTHER], now=TIME) == "msg_1"


def test_new_secrets_differ_and_have_32_bytes():
    one, two = new_secret(), new_secret()
    assert one != two
    assert one.startswith("whsec_")
    assert len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) == 32
