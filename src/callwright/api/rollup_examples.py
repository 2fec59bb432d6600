"""The examples of rollups in the OpenAPI document; a test holds each against its schema."""

from typing import Any

_LATEST: dict[str, Any] = {"call_id": "call123", "end_time": "2023-01-01T10:30:00Z"}
_FIRST: dict[str, Any] = {"call_id": "call098", "end_time": "2022-12-12T09:14:00Z"}

ROLLUP: dict[str, Any] = {
    "calls": {"total": 3, "completed": 2, "failed": 1},
    "older_calls_left_out": False,
    "first_call_at": "2022-12-12T09:02:00Z",
    "last_call_at": "2023-01-01T10:30:00Z",
    "total_talk_seconds": 2104.5,
    "talk_ratio": 0.55,
    "intent": {
        "intent": "INTERESTED",
        "intent_score": 74,
        "intent_justification": "The customer asked for an offer by Friday.",
        "turns": [41],
        **_LATEST,
    },
    "bant": {
        "needs": {"text": "Fewer missed callbacks", "turns": [4], **_LATEST},
        "objection": {"text": "The yearly price", "turns": [15], **_LATEST},
        "concern_categories": {"text": "Pricing", "turns": [15], **_LATEST},
        "objection_handling": None,
    },
    "objections": [
        {
            "category": "Pricing",
            "calls": 2,
            "came_up_again": True,
            "objection": "The yearly price",
            "objection_handling": None,
            "last_call_id": "call123",
            "last_end_time": "2023-01-01T10:30:00Z",
        }
    ],
    "qualification": [{"label": "Budget", "answer": "About 5,000 a year", "turns": [22], **_FIRST}],
    "talking_points": [{"text": "They compare with two other vendors.", "turns": [15], **_LATEST}],
    "suggested_actions": [
        {
            "text": "Send the offer.",
            "owner": "agent",
            "due": "by Friday",
            "due_date": "2023-01-06",
            "turns": [44],
            **_LATEST,
        }
    ],
    "quality": {"average": 78.5, "calls": 2},
    "trend": {
        "calls": [
            {**_FIRST, "intent_score": 48, "quality_score": 75},
            {**_LATEST, "intent_score": 74, "quality_score": 82},
        ],
        "left_out": 0,
    },
}

AGENTS_QUERY: dict[str, str] = {
    "since": "2023-01-01T00:00:00Z",
    "until": "2023-02-01T00:00:00Z",
    "agent_id": "agent123",
    "format": "json",
}

_METRICS: dict[str, Any] = {
    "agent_talk_seconds": 52810.4,
    "customer_talk_seconds": 43208.5,
    "talk_ratio": 0.55,
    "longest_monologue_seconds": 184.2,
    "customer_longest_monologue_seconds": 121.9,
    "agent_interruptions": 96,
    "customer_interruptions": 131,
    "silence_seconds": 9120.7,
    "silences": 402,
    "longest_silence_seconds": 41.3,
    "response_latency_seconds": 0.72,
    "customer_response_latency_seconds": 0.94,
    "agent_words_per_minute": 158.3,
    "customer_words_per_minute": 149.1,
    "agent_questions": 611,
    "customer_questions": 348,
}

AGENTS: dict[str, Any] = {
    "since": "2023-01-01T00:00:00Z",
    "until": "2023-02-01T00:00:00Z",
    "agents": [
        {
            "agent_id": "agent123",
            "name": "Asha Rao",
            "calls": {"total": 64, "completed": 62, "failed": 2},
            "metrics": _METRICS,
            "assessed": {**dict.fromkeys(_METRICS, 62), "agent_questions": 58, "customer_questions": 58},
            "quality": {
                "average": 78.4,
                "calls": 58,
                "parameters": [{"parameter_name": "Setting Context", "score": 91.0, "calls": 58}],
            },
            "intents": {
                "INTERESTED": 21,
                "NOT_INTERESTED": 14,
                "NEUTRAL": 19,
                "NOT_QUALIFIED": 2,
                "NOT_AVAILABLE": 2,
                "not_assessed": 4,
            },
        }
    ],
    "more": False,
}

AGENTS_TABLE = "agent_id,name,calls,completed,failed,…\r\nagent123,Asha Rao,64,62,2,…\r\n"

AGENTS_FAULTS: list[dict[str, Any]] = [
    {"field": "since", "message": "since should not be empty"},
    {"field": "format", "message": "format must be json or csv"},
]
