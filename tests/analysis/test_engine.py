"""Choosing an engine by name, with what is missing told at start."""

import pytest

from callwright.analysis.engine import load_analyser
from callwright.errors import SetupError


def test_engines_are_loaded_by_name() -> None:
    assert load_analyser("rules").name == "rules"
    asked = load_analyser("llm", base_url="http://127.0.0.1:1/v1", model="small")
    assert (asked.name, asked.version.startswith("llm-")) == ("llm", True)


@pytest.mark.parametrize(
    ("name", "base_url", "model", "setting"),
    [
        ("llm", None, "small", "CALLWRIGHT_LLM_BASE_URL"),
        ("llm", "localhost:11434", "small", "CALLWRIGHT_LLM_BASE_URL"),
        ("llm", "http://127.0.0.1:1/v1", None, "CALLWRIGHT_LLM_MODEL"),
        ("magic", None, None, "CALLWRIGHT_ANALYSER"),
    ],
)
def test_what_is_missing_is_told_with_its_fix(name: str, base_url: str | None, model: str | None, setting: str) -> None:
    with pytest.raises(SetupError) as missing:
        load_analyser(name, base_url=base_url, model=model)

    assert setting in missing.value.fix
