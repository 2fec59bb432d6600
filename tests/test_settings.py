"""Settings that contradict each other are refused where they are read, by name, and with what to do."""

from collections.abc import Iterator

import pytest

from callwright.errors import SetupError
from callwright.settings import load_settings


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CALLWRIGHT_{name}", value)
    load_settings()


S3 = "s3://bucket/prefix"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"STORE_ENCRYPTION": "AES256"}, "CALLWRIGHT_STORE_ENCRYPTION: .*needs a store in S3"),
        ({"STORE_ENCRYPTION": "aws:kms", "STORE_URL": "/srv/recordings"}, "needs a store in S3"),
        ({"STORE_ENCRYPTION": "AES256", "STORE_URL": "gs://bucket"}, "needs a store in S3"),
        ({"STORE_ENCRYPTION": "sse-c", "STORE_URL": S3}, "CALLWRIGHT_STORE_ENCRYPTION"),
        ({"STORE_KMS_KEY": "1234", "STORE_URL": S3}, "CALLWRIGHT_STORE_KMS_KEY: .*key for aws:kms"),
        ({"STORE_KMS_KEY": "1234", "STORE_URL": S3, "STORE_ENCRYPTION": "AES256"}, "key for aws:kms"),
        ({"PLAY_FROM_STORE": "true", "STORE_URL": "/srv/recordings"}, "CALLWRIGHT_PLAY_FROM_STORE: .*store in S3"),
        ({"PLAY_FROM_STORE": "true"}, "store in S3"),
    ],
)
def test_what_a_store_cannot_do_is_refused(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        read(monkeypatch, **given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"STORE_URL": S3},
        {"PLAY_FROM_STORE": "false"},
        {"STORE_URL": S3, "STORE_ENCRYPTION": "AES256", "PLAY_FROM_STORE": "true"},
        {"STORE_URL": S3, "STORE_ENCRYPTION": "aws:kms"},
        {"STORE_URL": S3, "STORE_ENCRYPTION": "aws:kms", "STORE_KMS_KEY": "arn:aws:kms:eu-central-1:1:key/2"},
    ],
)
def test_what_it_can_is_taken(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    read(monkeypatch, **given)
    place = load_settings().store()
    assert (place["encryption"], place["kms_key"]) == (given.get("STORE_ENCRYPTION"), given.get("STORE_KMS_KEY"))
