"""Fixtures of the analysis: a language model with a script."""

from collections.abc import AsyncIterator

import pytest

from analysis.scripted_model import Model, scripted


@pytest.fixture
async def model(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Model]:
    """A model that says nothing yet."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # ignored, or nothing would get through
    monkeypatch.setenv("OPENAI_API_KEY", "another-service's-key")
    async with scripted() as made:
        yield made
