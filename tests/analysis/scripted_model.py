"""A language model whose answers are scripted, behind an OpenAI-style server on loopback: real HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from analysis.conversations import SCRIPTED, conversation
from callwright.analysis import Analysis, Conversation
from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.llm import LlmAnalyser
from callwright.analysis.rubric import Rubric
from local_server import LocalServer, serve

CALL = conversation(SCRIPTED[12].script)  # price objection (turn 1), answered (2), then interest (3, 5)


def shown(turn: int, quote: str) -> dict[str, Any]:
    return {"turn": turn, "quote": quote}


def said(call: Conversation, *turns: int) -> list[dict[str, Any]]:
    """Evidence that quotes the first words of turns; any words where there is no such turn."""
    texts = {line.id: line.text for line in call.turns}
    return [shown(turn, " ".join(texts.get(turn, "made up words").split()[:8])) for turn in turns]


def signal(kind: str, turn: int, strength: int, call: Conversation = CALL) -> dict[str, Any]:
    return {"kind": kind, "strength": strength, **said(call, turn)[0]}


GOOD: dict[str, Any] = {
    "intent": "INTERESTED",
    "intent_justification": "The customer asks when to start and wants the contract.",
    "signals": [signal("buying", 3, 3), signal("buying", 5, 3), signal("refusal", 1, 1)],
    "chapters": [
        {"name": "Price", "summary": "They talk about the price.", "first_turn": 0, "last_turn": 2},
        {"name": "Start", "summary": "They agree on Monday.", "first_turn": 3, "last_turn": 5},
    ],
    "needs": None,
    "objection": {"text": "It is too expensive.", "evidence": said(CALL, 1)},
    "concern": "Pricing",
    "objection_handling": {"text": "Support and onboarding are included.", "evidence": said(CALL, 2)},
    "qualification": [
        {"label": "timeline", "answer": "Wants to start as soon as possible.", "evidence": said(CALL, 3)}
    ],
    "ratings": [
        {
            "parameter": "Objection Handling",
            "applies": True,
            "rating": 9,
            "justification": "Explains the difference.",
            "suggestion": "Give an example.",
            "evidence": said(CALL, 2),
        }
    ],
    "talking_points": [{"text": "What onboarding includes.", "evidence": said(CALL, 2)}],
    "suggested_actions": [{"text": "Send the contract.", "owner": "agent", "due": "Monday", "evidence": said(CALL, 5)}],
}
COUNTED = {"prompt_tokens": 6000, "completion_tokens": 300, "total_tokens": 6300}


class Model:
    """A scripted model behind `/v1/chat/completions`: each request gets the next answer, the last one stays."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.answers: list[tuple[int, bytes]] = []
        server.routes["/v1/chat/completions"] = self._route

    def says(self, answer: object, times: int = 1, usage: dict[str, int] | None = COUNTED) -> "Model":
        content = answer if isinstance(answer, str) else json.dumps(answer)
        message = {"role": "assistant", "content": content}
        body = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "scripted-2",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        } | ({"usage": usage} if usage else {})
        return self.fails(200, json.dumps(body).encode(), times)

    def fails(self, status: int, body: bytes = b'{"error": {"message": "no"}}', times: int = 1) -> "Model":
        self.answers += [(status, body)] * times
        return self

    async def _route(self, request: bytes, writer: Any) -> None:
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nretry-after-ms: 1\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [json.loads(request.split(b"\r\n\r\n", 1)[1]) for request in self.server.requests]

    @property
    def analyser(self) -> LlmAnalyser:
        return LlmAnalyser(self.server.url("/v1"), "scripted")

    async def judges(self, call: Conversation = CALL, rubric: Rubric = INSIDE_SALES) -> Analysis:
        return await self.analyser.analyse(call, rubric)


@asynccontextmanager
async def scripted() -> AsyncIterator[Model]:
    """A model that says nothing yet."""
    async with serve() as server:
        yield Model(server)
