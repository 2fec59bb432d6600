"""Every setting, read from the environment once by a composition root or the CLI."""

import os
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, TypedDict

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from callwright.errors import SetupError


def default_data_dir() -> Path:
    """The folder for the database and the recordings where no setting names one."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "callwright"


Encryption = Literal["AES256", "aws:kms"]


class StorePlace(TypedDict):
    """What opens the store: the arguments of `recordings.store.Store`."""

    url: str
    encryption: Encryption | None
    kms_key: str | None
    ca_file: Path | None


class Settings(BaseSettings):
    """Callwright's settings: each is an environment variable with the prefix `CALLWRIGHT_`.

    What is said of each is what stands in the reference, as Markdown.
    """

    model_config = SettingsConfigDict(env_prefix="CALLWRIGHT_", env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(
        None,
        description="the address of PostgreSQL 15 or newer, as `postgresql://callwright@db.internal/callwright`; "
        "with `?pgbouncer=true` that of PgBouncer in transaction mode ([how](../how-to/use-pgbouncer.md)); without it "
        "`callwright up` and the commands use the embedded server of the data folder. `callwright serve` "
        "and `callwright worker` need it",
    )
    read_database_url: SecretStr | None = Field(
        None,
        description="the address of a streaming replica of that server, which reports, dashboards, lists and searches "
        "are then read from, up to 10 seconds old; while it is away or further behind, the database answers "
        "([how](../how-to/read-from-a-replica.md))",
    )
    redis_url: SecretStr | None = Field(
        None,
        description="a Valkey or Redis that counts requests, the same for every API process, as "
        "`valkey://:password@cache.internal:6379/0` (`valkeys://`, `redis://` and `rediss://` too); PostgreSQL counts "
        "them without it. While it is away, requests are served uncounted and the log says so",
    )
    store_url: str | None = Field(
        None,
        description="where recordings are kept: a folder, or `s3://bucket/prefix`, `gs://bucket/prefix`, "
        "`az://container/prefix`; the folder `store` in the data folder without it "
        "([how](../how-to/keep-recordings-in-s3.md))",
    )
    store_encryption: Encryption | None = Field(
        None,
        description="how an `s3://` store is told to encrypt each recording: `AES256`, or `aws:kms` with a key of a "
        "key service; without it as the bucket's own rule says",
    )
    store_kms_key: str | None = Field(
        None, description="the id or ARN of the key for `aws:kms`; without it the account's own key for S3"
    )
    play_from_store: bool = Field(
        default=False,
        description="whether browsers get recordings from an `s3://` store itself, by links that are valid for five "
        "minutes, instead of through Callwright; the store must be reachable from where managers are",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="the folder of the embedded database, the recordings, the speech models and the secret key; "
        "`callwright up --data-dir` overrides it",
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        description="the address under which partners reach the API; `callwright doctor` checks it",
    )
    secret_key: SecretStr | None = Field(
        None,
        description="seals the secrets that must be read back: 32 bytes in base64, the same in every process "
        "(`head -c 32 /dev/urandom | base64`). With the embedded database it is made once and kept in the data folder",
    )
    transcriber: str = Field(
        "pocketsphinx",
        description="the speech engine: `pocketsphinx`, `faster-whisper:<folder or model name>` or "
        "`openai:<base URL>#<model>`",
    )
    transcriber_batch: int | None = Field(
        None,
        ge=1,
        le=128,
        description="pieces of a call that `faster-whisper` hears at a time; without it 8 on a GPU, else 1",
    )
    transcriber_api_key: SecretStr | None = Field(None, description="the key of the speech server, for `openai:`")
    analyser: Literal["rules", "llm"] = Field("rules", description="the analysis engine: `rules` or `llm`")
    llm_base_url: str | None = Field(None, description="the OpenAI-style server of `llm`, up to and with `/v1`")
    llm_model: str | None = Field(None, description="the model that `llm` asks for")
    llm_api_key: SecretStr | None = Field(None, description="the key of that server, where it wants one")
    allow_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="hosts or networks, comma-separated, that recordings and callbacks may be at although they are not "
        "public",
    )
    allow_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        (80, 443, 8000, 8080, 8443), description="the ports that recordings and callbacks may be at, comma-separated"
    )
    ca_file: Path | None = Field(
        None, description="a PEM file with private certificate authorities to trust beside the public ones"
    )
    frame_localhost: bool = Field(
        default=False,
        description="whether pages at `http://localhost`, on any port, may frame the dashboards of every partner: "
        "`true` on a developer's machine, never elsewhere",
    )
    rate_limit: int = Field(
        120,
        ge=1,
        description="requests in any minute for each partner that has no limit of its own "
        "(`callwright partner set --rate-limit`)",
    )
    log_format: Literal["human", "json"] = Field(
        "human",
        description="`human` for lines to read, `json` for one object per line; both go to standard error, with "
        "secrets and phone numbers masked",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug`, `info`, `warning` or `error`"
    )
    metrics_address: Annotated[str | None, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$")] = Field(
        None,
        description="where `callwright serve` and `callwright worker` tell `/metrics`, `/healthz` and `/readyz`, as "
        "`127.0.0.1:9464`; nowhere without it. Whoever reaches the address reads them: keep it from the public. Under "
        "`callwright up` the API has this port and the worker the next",
    )
    traces_url: str | None = Field(
        None,
        description="a collector that takes OpenTelemetry's OTLP over HTTP, as `http://127.0.0.1:4318/v1/traces`; "
        "no call is traced without it. Needs the extra `callwright[traces]`",
    )
    traces_share: float = Field(1.0, ge=0, le=1, description="the share of the calls that are traced, from 0 to 1")
    worker_concurrency: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="calls that one worker transcribes at a time, each with its engine in memory",
    )
    fetch_concurrency: int = Field(64, ge=2, le=1000, description="recordings that one worker downloads at a time")
    analyse_concurrency: int = Field(
        8, ge=2, le=1000, description="calls that one worker analyses at a time; a language model is mostly waited for"
    )
    deliver_concurrency: int = Field(128, ge=2, le=1000, description="callbacks that one worker sends at a time")
    host_concurrency: int | None = Field(
        None,
        ge=1,
        description="recordings that one worker downloads at a time from one host, over all partners, and likewise "
        "callbacks that it sends to one; without it as many as [its places allow]"
        "(../explanation/fairness.md#hosts-that-hang)",
    )

    @field_validator("store_encryption", "play_from_store")
    @classmethod
    def _only_of_s3(cls, value: object, others: ValidationInfo) -> object:
        if value and not (others.data.get("store_url") or "").startswith("s3://"):
            raise ValueError("it needs a store in S3: set CALLWRIGHT_STORE_URL to s3://bucket/prefix, or leave it out")
        return value

    @field_validator("store_kms_key")
    @classmethod
    def _only_of_kms(cls, value: str | None, others: ValidationInfo) -> str | None:
        if value and others.data.get("store_encryption") != "aws:kms":
            raise ValueError("it is the key for aws:kms: set CALLWRIGHT_STORE_ENCRYPTION to that, or leave it out")
        return value

    @field_validator("allow_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value

    @field_validator("allow_ports", mode="before")
    @classmethod
    def _split_ports(cls, value: object) -> object:
        return tuple(int(p) for p in value.split(",") if p.strip()) if isinstance(value, str) else value

    def store(self) -> StorePlace:
        """Where recordings are kept, and how."""
        return {
            "url": self.store_url or str(self.data_dir / "store"),
            "encryption": self.store_encryption,
            "kms_key": self.store_kms_key,
            "ca_file": self.ca_file,
        }

    def metrics_at(self) -> tuple[str, int] | None:
        """Host and port of `metrics_address`."""
        if self.metrics_address is None:
            return None
        host, _, port = self.metrics_address.rpartition(":")
        return host.strip("[]"), int(port)

    def allowed(self) -> tuple[frozenset[str], tuple[IPv4Network | IPv6Network, ...]]:
        """The hosts and the networks that `allow_networks` opens."""
        hosts, networks = set(), []
        for entry in self.allow_networks:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower().rstrip("."))
        return frozenset(hosts), tuple(networks)


class PartnerSettings(BaseSettings):
    """What the commands for partners read: whom they talk to, and as whom."""

    model_config = Settings.model_config

    url: str = Field("http://127.0.0.1:8000", description="where Callwright is")
    api_key: str | None = Field(None, description="the partner's key")
    api_secret: SecretStr | None = Field(
        None, description="the partner's secret; it is asked for on a terminal where it is needed"
    )
    tenant_id: str | None = Field(None, description="the tenant to act for")
    sub_tenant_id: str | None = Field(None, description="the subtenant to act for")
    webhook_secret: SecretStr | None = Field(
        None,
        description="the secret that callbacks are signed with; two of them, comma-separated, while it is rotated",
    )


@cache
def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SetupError: A variable has a value that cannot be used; the message names it, never its value.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"CALLWRIGHT_{'.'.join(str(p) for p in fault['loc']).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        )
        raise SetupError(f"A setting cannot be used: {faults}", "See docs/reference/settings.md") from None


def default_state_dir() -> Path:
    """The folder for what commands remember between two runs."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "callwright"
