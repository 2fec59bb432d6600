"""Seals the secrets that must be read back (webhook signing keys), so that the database alone opens nothing."""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from callwright.errors import SetupError

KEY_BYTES = 32
NONCE_BYTES = 12  # what NIST SP 800-38D recommends for GCM


def make_secret_key() -> str:
    """Make a new secret key, as base64."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


def read_secret_key(text: str) -> bytes:
    """Read a secret key from base64.

    Raises:
        SetupError: It is not base64 of 32 bytes.
    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise SetupError(
            "CALLWRIGHT_SECRET_KEY is not base64 of 32 bytes",
            "Make one with: head -c 32 /dev/urandom | base64",
        )
    return key


class Sealer:
    """Seals and opens texts with AES-256-GCM.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, text: str) -> bytes:
        """Seal a text: nonce, then ciphertext with its tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), None)

    def open(self, sealed: bytes) -> str:
        """Open what `seal` made.

        Raises:
            SetupError: It was sealed with another key, or altered.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
        except InvalidTag:
            raise SetupError(
                "A stored secret cannot be opened with this CALLWRIGHT_SECRET_KEY",
                "Set the key that was in use when the partner was added, or rotate: callwright partner rotate NAME "
                "--webhook",
            ) from None
