"""The examples of the OpenAPI document; a test holds each against its schema."""

from typing import Any

BATCH_CALL_BODY: dict[str, Any] = {
    "data": [
        {
            "call": {
                "id": "call123",
                "recording_url": "https://recordings.example.com/call123.mp3",
                "start_time": "2023-01-01T10:00:00Z",
                "end_time": "2023-01-01T10:30:00Z",
                "contact_number": "+1234567890",
            },
            "agent": {"id": "agent123", "email": "agent@example.com", "name": "Asha Rao"},
            "customer": {
                "id": "customer123",
                "name": "Jo Smith",
                "email": "jo@example.com",
                "disposition_status": "interested",
            },
            "industry": "Technology",
            "function": "Sales",
            "callback_url": "https://partner.example.com/callback",
            "metadata": {"campaign": "Q1 Outreach", "attempt": 2},
            "custom_fields": [{"internal_name": "lead_source", "value": "Website"}],
        }
    ]
}

ACCEPTED: dict[str, Any] = {
    "batch_id": "0a1f6d0e-6c1c-4a5e-9d52-3f1a8f9d7c11",
    "accepted": 1,
    "duplicates": 1,
    "calls": [{"id": "call123", "status": "accepted"}, {"id": "call122", "status": "duplicate", "changed": True}],
}

DISPOSITION_BODY: dict[str, Any] = {"customer_id": "customer123", "disposition_status": "interested"}

FAULTS: list[dict[str, Any]] = [
    {"field": "data[0].call.id", "message": "id should not be empty"},
    {"field": "data[0].callback_url", "message": "callback_url must be a URL address starting with https://"},
]

ANALYSIS: dict[str, Any] = {
    "intent": "INTERESTED",
    "intent_justification": "The customer asked for an offer by Friday.",
    "intent_score": 74,
    "quality_score": 82,
    "summary": [{"chapter_name": "Pricing", "chapter_summary": "The price of twelve seats was discussed."}],
    "bant": {
        "needs": "Fewer missed callbacks",
        "objection": "The yearly price",
        "concern_categories": "Pricing",
        "objection_handling": "A monthly plan was offered",
    },
    "qualification": [{"label": "Budget", "answer": "About 5,000 a year"}],
    "quality": [
        {
            "parameter_name": "Setting Context",
            "justification": "The agent said who calls and why.",
            "suggestion": None,
            "inference_score": 10,
            "parameter_score": 10,
            "status": "Done",
            "is_fatal": False,
        }
    ],
}

CALL_SUMMARY: dict[str, Any] = {
    "call_id": "call123",
    "type": "CALL_SUMMARY",
    "customer_id": "customer123",
    "agent_id": "agent123",
    "status": "completed",
    "error": None,
    **ANALYSIS,
    "meta": {"campaign": "Q1 Outreach", "attempt": 2},
}

CALL: dict[str, Any] = {
    "id": "call123",
    "status": "completed",
    "failure": None,
    "callback_status": "delivered",
    "batch_id": ACCEPTED["batch_id"],
    "start_time": "2023-01-01T10:00:00Z",
    "end_time": "2023-01-01T10:30:00Z",
    "received_at": "2023-01-01T10:31:02.120934Z",
    "changed_at": "2023-01-01T10:33:40.501220Z",
    "ended_at": "2023-01-01T10:33:40.501220Z",
    "contact_number": "+1234567890",
    "agent_id": "agent123",
    "customer_id": "customer123",
    "industry": "Technology",
    "function": "Sales",
    "metadata": {"campaign": "Q1 Outreach", "attempt": 2},
    "custom_fields": [{"internal_name": "lead_source", "value": "Website"}],
    "recording": {
        "duration": 1794.2,
        "channels": 2,
        "sample_rate": 8000,
        "codec": "mp3",
        "container": "mp3",
        "size": 3588400,
        "declared_duration": 1794.2,
        "call_duration": 1800.0,
        "removed_at": None,
    },
    "transcript": {
        "engine": "faster-whisper",
        "model": "small",
        "language": "en",
        "quality": "final",
        "speakers": "channels",
        "coverage": 0.97,
        "dropped": {"loops": 0, "over_silence": 3},
        "turns": [
            {
                "id": 0,
                "speaker": "agent",
                "start": 0.8,
                "end": 3.1,
                "text": "Hello, this is Asha from Acme.",
                "confidence": 0.93,
            }
        ],
    },
    "analysis": {
        **ANALYSIS,
        "talking_points": [{"text": "They compare with two other vendors.", "turns": [15]}],
        "suggested_actions": [
            {"text": "Send the offer.", "owner": "agent", "due": "by Friday", "due_date": "2023-01-06", "turns": [44]}
        ],
        "evidence": {
            "intent": [41],
            "summary": [[12, 13]],
            "bant": {"needs": [4], "objection": [15], "concern_categories": [15], "objection_handling": [16]},
            "qualification": [[22]],
            "quality": [[0, 2]],
        },
        "spans": {
            "intent": [310.4, 316.9],
            "bant": {
                "needs": [21.7, 29.3],
                "objection": [96.0, 101.2],
                "concern_categories": [96.0, 101.2],
                "objection_handling": [101.9, 118.4],
            },
            "summary": [[72.1, 88.6]],
            "qualification": [[160.3, 164.8]],
            "quality": [[0.8, 14.2]],
            "talking_points": [[96.0, 101.2]],
            "suggested_actions": [[352.6, 358.0]],
        },
        "metrics": {
            "agent_talk_seconds": 803.5,
            "customer_talk_seconds": 712.0,
            "talk_ratio": 0.53,
            "longest_monologue_seconds": 64.2,
            "agent_interruptions": 3,
            "customer_interruptions": 5,
            "silence_seconds": 278.7,
            "response_latency_seconds": 0.6,
            "customer_longest_monologue_seconds": 41.7,
            "customer_response_latency_seconds": 0.8,
            "silences": 2,
            "longest_silence_seconds": 11.4,
            "agent_words_per_minute": 148.2,
            "customer_words_per_minute": 131.0,
            "agent_questions": 14,
            "customer_questions": 6,
        },
        "engine": "rules",
        "version": "1",
        "model": None,
        "draft": False,
        "notes": [],
        "rubric": "spring-campaign/1",
        "usage": None,
    },
    "analysis_history": [
        {
            "made_at": "2023-01-01T10:33:40.501220Z",
            "engine": "rules",
            "version": "1",
            "rubric": "inside-sales/0",
            "intent": "NEUTRAL",
            "intent_score": 50,
            "quality_score": 71,
        }
    ],
}

CALLS: dict[str, Any] = {
    "calls": [
        {
            name: value
            for name, value in CALL.items()
            if name not in ("metadata", "custom_fields", "recording", "transcript", "analysis", "analysis_history")
        }
    ],
    "next_cursor": None,
}

CALL_QUERY: dict[str, str] = {
    "since": "2023-01-01T10:00:00Z",
    "until": "2023-01-01T12:00:00Z",
    "agent_id": "agent123",
    "customer_id": "customer123",
    "status": "completed",
    "intent": "INTERESTED",
    "disposition": "interested",
    "limit": "50",
    "cursor": "MTY3MjU2OTA2MjEyMDkzNCAwYTFmNmQwZS02YzFjLTRhNWUtOWQ1Mi0zZjFhOGY5ZDdjMTEgMTc",
}

BATCH: dict[str, Any] = {
    "batch_id": ACCEPTED["batch_id"],
    "received_at": "2023-01-01T10:31:02.120934Z",
    "accepted": 1,
    "duplicates": 0,
    "erased": 0,
    "calls": [{"id": "call123", "status": "accepted", "state": "completed", "callback_status": "delivered"}],
}

CUSTOMER: dict[str, Any] = {
    "id": "customer123",
    "name": "Jo Smith",
    "email": "jo@example.com",
    "disposition_status": "interested",
    "disposition_history": [
        {
            "status": "interested",
            "effective_at": "2023-01-01T10:30:00Z",
            "recorded_at": "2023-01-01T10:31:02.120934Z",
            "source": "call",
            "call_id": "call123",
        }
    ],
}

CHANGES: dict[str, Any] = {
    "dispositions": [{"customer_id": "customer123", **CUSTOMER["disposition_history"][0]}],
    "next_cursor": None,
}

CHANGES_QUERY: dict[str, str] = {
    "since": "2023-01-01T10:00:00Z",
    "until": "2023-01-01T12:00:00Z",
    "customer_id": "customer123",
    "status": "interested",
    "limit": "50",
    "cursor": "MjAyMy0wMS0wMVQxMDozMDowMCswMDowMAAyMDIzLTAxLTAxVDEwOjMxOjAyKzAwOjAwAGNhbGwxMjMAY3VzdG9tZXIxMjM",
}

CALLBACKS: dict[str, Any] = {
    "callbacks": [
        {
            "callback_id": "msg_7d41f2a09c53b8e61f04aa29",
            "call_id": "call123",
            "url": "https://partner.example.com/callback",
            "state": "undelivered",
            "created_at": "2023-01-01T10:33:40.501220Z",
            "next_attempt_at": None,
            "ended_at": "2023-01-01T10:41:02.339871Z",
            "attempts": [
                {
                    "attempt": 4,
                    "started_at": "2023-01-01T10:41:01.120934Z",
                    "http_status": 503,
                    "error": "The receiver answered 503.",
                }
            ],
        }
    ],
    "next_cursor": None,
}

CALLBACK_QUERY: dict[str, str] = {
    "state": "undelivered",
    "since": "2023-01-01T10:00:00Z",
    "until": "2023-01-01T12:00:00Z",
    "call_id": "call123",
    "limit": "50",
    "cursor": "MTY3MjU2OTIyMDUwMTIyMCBtc2dfN2Q0MWYyYTA5YzUzYjhlNjFmMDRhYTI5",
}

RESEND_BODY: dict[str, Any] = {"since": "2023-01-01T10:00:00Z", "until": "2023-01-01T12:00:00Z"}

RESENT: dict[str, Any] = {"resent": 128, "more": False}

RESENT_CALL: dict[str, Any] = {
    "call_id": "call123",
    "callback_id": "msg_7d41f2a09c53b8e61f04aa29",
    "callback_status": "pending",
    "resent": True,
}

ERASURE_BODY: dict[str, Any] = {"phone": "+12025550101"}

ERASURE: dict[str, Any] = {
    "erasure_id": "7b0c2f0e-54a1-4f0f-8d86-6d2f3c1e9a44",
    "kind": "call",
    "status": "erased",
    "asked_at": "2023-03-01T09:00:00.120934Z",
    "done_at": "2023-03-01T09:00:00.301552Z",
    "calls": 1,
    "customers": 1,
    "agents": 0,
    "rows": 17,
    "files": 2,
}

QUERY_FAULTS: list[dict[str, Any]] = [
    {"field": "since", "message": "since must be a valid ISO 8601 date string in UTC"},
    {"field": "limit", "message": "limit must be a number from 1 to 100"},
]

KEY_FAULTS: list[dict[str, Any]] = [
    {
        "field": "Idempotency-Key",
        "message": "Idempotency-Key must not be sent again with another request",
    }
]

RUBRIC: dict[str, Any] = {
    "version": 1,
    "applied_at": "2023-01-01T09:00:00.120934Z",
    "rubric": {
        "name": "spring-campaign",
        "parameters": [
            {
                "name": "Setting Context",
                "description": "Introduces self and company, and asks whether the time is right.",
                "maximum": 10,
                "rule": "setting_context",
                "phrases": [],
                "fatal": False,
            },
            {
                "name": "Recording Disclosed",
                "description": "Says that the call is recorded.",
                "maximum": 5,
                "rule": "says",
                "phrases": ["this call is recorded"],
                "fatal": True,
            },
        ],
        "intents": [{"intent": "INTERESTED", "description": "Asks for the spring offer.", "phrases": []}],
        "concerns": [{"category": "Pricing", "description": "It costs too much.", "phrases": []}],
        "topics": [{"label": "Budget", "description": "What they can or will spend.", "asked": [], "said": []}],
        "languages": ["en", "hi"],
        "redact_callbacks": False,
    },
}

APPLIED: dict[str, Any] = {"version": 1, "changed": True}

RUBRIC_FAULTS: list[dict[str, Any]] = [
    {"field": "parameters[0].rule", "message": "rule is not known; did you mean setting_context?"},
    {"field": "paramters", "message": "paramters is not known; did you mean parameters?"},
]

VERSION_FAULTS: list[dict[str, Any]] = [
    {"field": "version", "message": "version must be a whole number from 0 to 999999999"}
]
