"""An S3 bucket as the store opens it: encryption, private authorities, and the origin that a browser sees of it."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store

from callwright.errors import SetupError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

Encryption = Literal["AES256", "aws:kms"]


def origin_of(url: str) -> str:
    """From where a bucket is asked, as `https://s3.eu-central-1.amazonaws.com`, by what the environment says of it.

    It is read off a link that opens nothing, as only the library knows what makes an endpoint; nobody is asked.

    Raises:
        obstore.exceptions.BaseError: The address or the environment cannot be used.
    """
    bucket = S3Store.from_url(url, access_key_id="nobody", secret_access_key="nothing")  # noqa: S106 - opens nothing
    parts = urlsplit(obstore.sign(bucket, "GET", "nothing", timedelta(seconds=1)))
    return f"{parts.scheme}://{parts.netloc}"


def open_bucket(
    url: str,
    origin: str,
    retries: "RetryConfig",
    *,
    encryption: Encryption | None,
    kms_key: str | None,
    ca_file: Path | None,
) -> S3Store:
    """Open a bucket; nothing is asked of it yet.

    Args:
        url: `s3://bucket/prefix`.
        origin: As `origin_of` says; one with `http:` is the operator's own choice, and taken.
        retries: How a request is tried again.
        encryption: How it is told to encrypt; None leaves it to the bucket.
        kms_key: The id or ARN of the key for `aws:kms`; None for the account's own.
        ca_file: A PEM file with private authorities to trust beside the public ones.

    Raises:
        SetupError: The file cannot be read.
        obstore.exceptions.BaseError: The address or the environment cannot be used.
    """
    config: S3Config = {}
    if encryption is not None:
        config["server_side_encryption"] = encryption
    if kms_key is not None:
        config["sse_kms_key_id"] = kms_key
    client: ClientConfig = {}
    if origin.startswith("http://"):
        client["allow_http"] = True
    if ca_file is not None:
        try:
            client["root_certificate"] = ca_file.read_bytes()
        except OSError as error:
            raise SetupError(f"CALLWRIGHT_CA_FILE cannot be read: {error.strerror}", "Name a PEM file") from None
    return S3Store.from_url(url, config=config, client_options=client or None, retry_config=retries)
