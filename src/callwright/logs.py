"""Logs: one line per event, as JSON or for people, with secrets and phone numbers masked whoever logs them."""

import logging
import re
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MOST_CHARACTERS = 8_000
"""A longer value is cut in its middle: a hostile text must not fill the disk."""

MOST_LINES, DEEPEST = 200, 5
"""The lines that are kept of a traceback, and the levels of a nested value; what lies deeper is written as text."""

OF_MANY_LINES = ("exception", "stack")

HIDDEN = "***"

_SECRET_NAME = re.compile(
    r"(?i)secret|passw|token(?!s)|authorization|cookie|credential|signature|api[-_]?key|^x-api|_dsn$"
)
_PHONE_NAME = re.compile(r"(?i)phone|contact_number|mobile")
_DIGITS_BUT_TWO = re.compile(r"\d(?=(?:\D*\d){2})")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\t"): " ", ord("\n"): "\\n", ord("\r"): "\\r", 0x2028: "\\u2028", 0x2029: "\\u2029",
}  # fmt: skip

# Each takes time in proportion to the text, whatever the text is.
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(cw[a-z]{0,8}_(?:live|test)_)\w+"), rf"\1{HIDDEN}"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), f"whsec_{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), HIDDEN),  # a JSON web token
    (re.compile(r"(?i)\b(bearer|basic) +[\w.~+/=-]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"(://[^\s/@:]{0,99}):[^\s/]*@"), rf"\1:{HIDDEN}@"),  # a password in a URL
    (re.compile(r"\?[^\s\"'<>?=]*=[^\s\"'<>]*"), f"?{HIDDEN}"),  # the query of a URL may sign it
    (
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|cookie|x-(?:zip-)?api-\w+|(?:\w{1,30}[-_])?(?:api[-_]?key|password|secret|token))"
            r"(['\"]?+\s?+[:=,]\s?+(?:b(?=['\"]))?+['\"]?+)(?!(?:bearer|basic) )[^\s'\",;&)}\]]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
)
_PHONE = re.compile(r"(\+|%2B)(\d(?:[ ().-]{0,2}\d){5,14})")

# What most of the logged values, as ids and times, are; nothing in them can match, and to see that takes no time.
_PLAIN = re.compile(r"[\w .:-]{0,200}", re.ASCII)
_HINT = re.compile(r"cw|whsec|eyJ|(?i:bearer|basic|authorization|cookie|api|password|secret|token)")


def configure_logging(*, log_format: Literal["human", "json"], log_level: str, service: str | None = None) -> None:
    """Send every log of this process, the libraries' too, to standard error, masked.

    What structlog's context variables hold (`request_id`, `partner`, `call_id`) is part of each line.

    Args:
        log_format: One JSON object per line, or a line for people.
        log_level: `debug`, `info`, `warning` or `error`.
        service: What each line names as its process, as `worker`.
    """
    level = logging.getLevelNamesMapping()[log_level.upper()]

    def named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"service": service, **event} if service else event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        named,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.StackInfoRenderer(),
                structlog.processors.format_exc_info,
                mask_event,
                *_rendered(log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "openai", "multipart", "pgqueuer"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # a fault in a log call would print its arguments as they are
    sys.excepthook = _log_uncaught


def mask_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask every value of an event; a processor of structlog's."""
    return {str(name): _masked(value, name=str(name)) for name, value in event.items()}


def mask(text: str) -> str:
    """A text without secrets, without phone numbers but their last two digits, and on one line."""
    if _PLAIN.fullmatch(text) and not _HINT.search(text):
        return text
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS // 2]} [...] {text[-MOST_CHARACTERS // 2 :]}"
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return _PHONE.sub(lambda found: found[1] + _DIGITS_BUT_TWO.sub("*", found[2]), text).translate(_CONTROL)


def _masked(value: Any, *, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - a log takes anything
    secret, phone = _kind_of(name)
    if value is not None and secret:
        return HIDDEN
    if isinstance(value, Mapping | list | tuple | AbstractSet) and depth < DEEPEST:
        return _masked_items(value, depth + 1)
    if (
        value is None
        or isinstance(value, bool | float)
        or (isinstance(value, int) and not phone and abs(value) < 2**63)
    ):
        return value
    text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
    if name in OF_MANY_LINES:
        return "\n".join(mask(line) for line in text.splitlines()[-MOST_LINES:])
    return _DIGITS_BUT_TWO.sub("*", mask(text)) if phone else mask(text)


@lru_cache(maxsize=1024)
def _kind_of(name: str) -> tuple[bool, bool]:
    """Whether a value is a secret, and whether it is a phone number, by its name."""
    return bool(_SECRET_NAME.search(name)), bool(_PHONE_NAME.search(name))


def _masked_items(value: Any, depth: int) -> Any:  # noqa: ANN401 - a log takes anything
    if isinstance(value, Mapping):
        return {mask(str(key)): _masked(item, name=str(key), depth=depth) for key, item in value.items()}
    return [_masked(item, depth=depth) for item in value]


def _rendered(log_format: Literal["human", "json"]) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event).decode())]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    return [_indented, console]


def _indented(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Set tracebacks in, so that none of their lines looks like one of ours."""
    for name in OF_MANY_LINES:
        if name in event:
            event[name] = "\n".join(f"    {line}" for line in event[name].split("\n"))
    return event


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("callwright").critical("crashed", exc_info=(kind, error, traceback))
