"""A passkey in software: it registers and signs as a device would (WebAuthn level 2), without a browser."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

HOST = "testserver"
FLAG = AuthenticatorData.FLAG


class SoftPasskey:
    """``verified`` says whether it asks for a finger, a face or a PIN before it signs."""

    def __init__(self, id: bytes = b"soft-passkey-0001", verified: bool = True) -> None:
        self.id, self.user = id, ""
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.flags = FLAG.UP | FLAG.UV if verified else FLAG.UP

    def register(self, options: dict[str, Any]) -> str:
        """What the page posts after ``navigator.credentials.create(options)``."""
        self.user = options["publicKey"]["user"]["id"]
        key = ES256.from_cryptography_key(self.private.public_key())
        credential = AttestedCredentialData.create(b"\0" * 16, self.id, key)
        data = AuthenticatorData.create(_digest(HOST), self.flags | FLAG.AT, 0, credential)
        client = _client_data("webauthn.create", options)
        return self._posted(
            client,
            clientExtensionResults={"credProps": {"rk": True}},
            attestationObject=bytes(AttestationObject.create("none", data, {})),
        )

    def sign(self, options: dict[str, Any]) -> str:
        """What the page posts after ``navigator.credentials.get(options)``."""
        client = _client_data("webauthn.get", options)
        data = AuthenticatorData.create(_digest(HOST), self.flags, 0)
        signature = self.private.sign(
            bytes(data) + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256())
        )
        return self._posted(client, authenticatorData=bytes(data), signature=signature)

    def _posted(self, client: bytes, clientExtensionResults: Any = None, **response: bytes) -> str:
        encoded = {name: websafe_encode(value) for name, value in response.items()}
        return json.dumps(
            {
                "id": websafe_encode(self.id),
                "rawId": websafe_encode(self.id),
                "type": "public-key",
                "clientExtensionResults": clientExtensionResults or {},
                "response": {"clientDataJSON": websafe_encode(client), "userHandle": self.user, **encoded},
            }
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _client_data(kind: str, options: dict[str, Any]) -> bytes:
    challenge = options["publicKey"]["challenge"]
    return json.dumps({"type": kind, "challenge": challenge, "origin": f"https://{HOST}"}).encode()
