"""Keys and secrets: how those of live and of test mode look, how they are made, and how secrets are hashed."""

import base64
import binascii
import hashlib
import re
import secrets
from typing import Literal

Mode = Literal["live", "test"]

KEY_FORM = re.compile(r"cw_(?:live|test)_[0-9a-f]{20}")
SECRET_PREFIXES: dict[Mode, str] = {"live": "cws_live_", "test": "cws_test_"}
CHECKSUM_CHARACTERS = 6


def _checksum(random_part: str) -> str:
    value = binascii.crc32(random_part.encode())
    return base64.b32encode(value.to_bytes(4)).decode().lower()[:CHECKSUM_CHARACTERS]


def make_api_key(mode: Mode) -> str:
    """Make an API key, which is no secret: it says whose a request is, and in which mode."""
    return f"cw_{mode}_{secrets.token_hex(10)}"


def make_api_secret(mode: Mode) -> str:
    """Make an API secret: 256 random bits and a checksum, so that a mistyped or leaked one is told offline."""
    random_part = secrets.token_hex(32)
    return f"{SECRET_PREFIXES[mode]}{random_part}{_checksum(random_part)}"


def make_webhook_secret() -> str:
    """Make a signing secret in the form of Standard Webhooks: `whsec_` and base64 of 32 bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_hash(api_secret: str) -> bytes:
    """Hash a secret for keeping; 256 random bits need no slow hash."""
    return hashlib.sha256(api_secret.encode("utf-8", "surrogatepass")).digest()
