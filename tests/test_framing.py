"""Origins that may frame dashboards: as browsers write them, and nothing else."""

import pytest

from callwright.errors import SetupError
from callwright.framing import MOST_ORIGINS, frame_ancestors, read_origin, read_origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://crm.example", "https://crm.example"),
        ("https://CRM.Example/", "https://crm.example"),
        ("HTTPS://crm.example:443", "https://crm.example"),
        ("https://crm.example:8443", "https://crm.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("https://localhost:9443", "https://localhost:9443"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(text: str, origin: str) -> None:
    assert read_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", "crm.example", "http://crm.example", "ftp://crm.example", "https://", "https://*.crm.example", "*"),
        *("https://crm.example/page", "https://crm.example?x", "https://crm.example#x", "https://crm.example/?x=1"),
        *("https://user@crm.example", "https://crm.example:0", "https://crm.example:99999", "https://crm.example:x"),
        *("https://crm.example;script-src *", "https://crm.example https://evil.example"),
        *("https://[::1]", "https://-crm.example", "https://crm..example", "https://" + "a" * 64 + ".example"),
        "data:text/html,x",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="is not the origin of a page"):
        read_origin(text)


def test_each_counts_once_and_there_is_an_end() -> None:
    many = [f"https://crm{n}.example" for n in range(MOST_ORIGINS)]
    assert read_origins([*many, many[0].upper()]) == many
    with pytest.raises(SetupError, match="at most 20"):
        read_origins([*many, "https://one-more.example"])


def test_the_policy() -> None:
    assert frame_ancestors(["https://a.example", "https://b.example"]) == (
        "frame-ancestors https://a.example https://b.example"
    )
    assert frame_ancestors([]) == "frame-ancestors 'none'"
