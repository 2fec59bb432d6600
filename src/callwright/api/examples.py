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
    },
    "transcript": {
        "engine": "faster-whisper",
        "model": "small",
        "language": "en",
        "quality": "final",
        "speakers": "channels",
        "coverage": 0.97,
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
        "evidence": {
            "intent": [41],
            "summary": [[12, 13]],
            "bant": {"needs": [4], "objection": [15], "concern_categories": [15], "objection_handling": [16]},
            "qualification": [[22]],
            "quality": [[0, 2]],
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
        },
        "engine": "rules",
        "version": "1",
        "model": None,
        "draft": False,
        "notes": [],
    },
}

BATCH: dict[str, Any] = {
    "batch_id": ACCEPTED["batch_id"],
    "received_at": "2023-01-01T10:31:02.120934Z",
    "accepted": 1,
    "duplicates": 0,
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
