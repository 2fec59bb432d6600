"""Every setting, read from the environment once by a composition root or the CLI."""

import os
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from callwright.errors import SetupError


def default_data_dir() -> Path:
    """The folder for the database and the recordings where no setting names one."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "callwright"


class Settings(BaseSettings):
    """Callwright's settings: each is an environment variable with the prefix `CALLWRIGHT_`."""

    model_config = SettingsConfigDict(env_prefix="CALLWRIGHT_", env_ignore_empty=True, frozen=True)

    database_url: SecretStr | None = Field(
        None, description="PostgreSQL 15 or newer; without it `callwright up` runs its own server"
    )
    read_database_url: SecretStr | None = Field(
        None, description="A read replica for reports; the main database without it"
    )
    redis_url: SecretStr | None = Field(
        None, description="Valkey or Redis for rate limits; PostgreSQL carries them without it"
    )
    store_url: str | None = Field(
        None,
        description="Where recordings are kept: a folder, or s3://bucket/prefix; the data folder without it",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir, description="The folder for the embedded database and recordings"
    )
    public_url: str = Field("http://127.0.0.1:8000", description="The address under which partners reach the API")
    secret_key: SecretStr | None = Field(
        None,
        description="Seals the secrets that must be read back (32 bytes, base64); `up` makes and keeps one",
    )
    transcriber: str = Field(
        "pocketsphinx",
        description="The speech engine: `pocketsphinx`, `faster-whisper:<folder or model name>` or "
        "`openai:<base URL>#<model>`",
    )
    transcriber_api_key: SecretStr | None = Field(
        None, description="The key of the speech server, for `openai:` transcribers"
    )
    analyser: Literal["rules", "llm"] = Field("rules", description="The analysis engine")
    llm_base_url: str | None = Field(None, description="An OpenAI-style server for the `llm` analyser")
    llm_model: str | None = Field(None, description="The model that the `llm` analyser asks for")
    llm_api_key: SecretStr | None = Field(None, description="The key of that server")
    allow_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Hosts or networks, comma-separated, that may be reached although they are not public"
    )
    allow_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        (80, 443, 8000, 8080, 8443),
        description="The ports that may be fetched from or called, comma-separated",
    )
    ca_file: Path | None = Field(None, description="A PEM file with private certificate authorities to trust as well")
    frame_localhost: bool = Field(
        default=False, description="Whether pages at http://localhost may frame the dashboards, for development"
    )
    rate_limit: int = Field(120, ge=1, description="Requests per minute per partner")
    log_format: Literal["human", "json"] = Field("human", description="How logs are written")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged")
    worker_concurrency: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        ge=1,
        description="Calls that one worker computes at a time",
    )

    @field_validator("allow_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value

    @field_validator("allow_ports", mode="before")
    @classmethod
    def _split_ports(cls, value: object) -> object:
        return tuple(int(p) for p in value.split(",") if p.strip()) if isinstance(value, str) else value

    def allowed(self) -> tuple[frozenset[str], tuple[IPv4Network | IPv6Network, ...]]:
        """The hosts and the networks that `allow_networks` opens."""
        hosts, networks = set(), []
        for entry in self.allow_networks:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                hosts.add(entry.lower().rstrip("."))
        return frozenset(hosts), tuple(networks)


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
