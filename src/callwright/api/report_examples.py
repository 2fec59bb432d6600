"""The examples of reports in the OpenAPI document; a test holds each against its schema."""

from typing import Any

QUERY: dict[str, str] = {
    "first_day": "2023-01-01",
    "last_day": "2023-01-31",
    "time_zone": "Asia/Kolkata",
    "agent_id": "agent123",
    "customer_id": "customer123",
    "intent": "INTERESTED",
    "disposition": "interested",
    "format": "json",
}
CONTACTS_QUERY: dict[str, str] = {**QUERY, "search": "smith", "limit": "50", "cursor": "Y3VzdG9tZXIxMjM"}
CALLS_QUERY: dict[str, str] = {
    **QUERY,
    "engaged": "yes",
    "concern": "Pricing",
    "parameter": "Setting Context",
    "disposition_set": "interested",
    "limit": "50",
    "cursor": "MjAyMy0wMS0wMVQxMDozMDowMCswMDowMABjYWxsMTIz",
}
FAULTS: list[dict[str, Any]] = [
    {"field": "first_day", "message": "first_day must be a day, as 2026-11-24"},
    {"field": "format", "message": "format must be json or csv"},
]

_PERIOD: dict[str, Any] = {"first_day": "2023-01-01", "last_day": "2023-01-31", "time_zone": "Asia/Kolkata"}
_FIGURES: dict[str, Any] = {
    "calls": 64,
    "engaged_calls": 51,
    "average_seconds": 412.5,
    "talk_seconds": 20410.2,
    "talk_ratio": 0.55,
    "quality_average": 78.4,
    "quality_calls": 58,
    "intent_score_average": 61.0,
    "assessed": 58,
    "interested": 21,
}
_BEFORE: dict[str, Any] = {**_FIGURES, "calls": 40, "engaged_calls": 30, "quality_average": None, "quality_calls": 0}

SUMMARY: dict[str, Any] = {
    **_PERIOD,
    "now": {**_FIGURES, "completed": 62, "failed": 2, "contacts": 49},
    "before": {
        "first_day": "2022-12-01",
        "last_day": "2022-12-31",
        **_BEFORE,
        "completed": 40,
        "failed": 0,
        "contacts": 37,
    },
    "words": [
        {
            "text": "Pricing stood in the way in 29 % of calls (18 of 62).",
            "figure": "concerns",
            "tone": "neutral",
            "calls": {"concern": "Pricing"},
        }
    ],
}
INTENT: dict[str, Any] = {
    **_PERIOD,
    "intents": [{"intent": "INTERESTED", "calls": 21, "share": 0.3281, "contacts": 19, "calls_before": 12}],
}
CONCERNS: dict[str, Any] = {**_PERIOD, "concerns": [{"concern": "Pricing", "calls": 18, "share": 0.2903}]}
PITCH_GAPS: dict[str, Any] = {
    **_PERIOD,
    "pitch_gaps": [{"parameter_name": "Setting Context", "share": 0.614, "calls": 58}],
}
TRENDS: dict[str, Any] = {
    **_PERIOD,
    "days_of_a_step": 1,
    "points": [{"first_day": "2023-01-01", "last_day": "2023-01-01", **_FIGURES}],
}
DISPOSITIONS: dict[str, Any] = {
    **_PERIOD,
    "days_of_a_step": 1,
    "dispositions": [
        {
            "disposition": "interested",
            "times": 9,
            "points": [{"first_day": "2023-01-01", "last_day": "2023-01-01", "times": 9}],
        }
    ],
}
LEADERBOARD: dict[str, Any] = {
    **_PERIOD,
    "agents": [{"agent_id": "agent123", "name": "Asha Rao", "now": _FIGURES, "before": _BEFORE}],
}
CONTACTS: dict[str, Any] = {
    **_PERIOD,
    "contacts": [
        {
            "customer_id": "customer123",
            "name": "Jo Smith",
            "email": "jo@example.com",
            "calls": 3,
            "last_call_at": "2023-01-01T10:30:00Z",
            "last_call_id": "call123",
            "agent_id": "agent123",
            "agent_name": "Asha Rao",
            "intent": "INTERESTED",
            "intent_score": 74,
            "quality": 78.5,
            "disposition": "interested",
        }
    ],
    "next_cursor": None,
}
CALLS: dict[str, Any] = {
    **_PERIOD,
    "calls": [
        {
            "call_id": "call123",
            "end_time": "2023-01-01T10:30:00Z",
            "seconds": 1800.0,
            "completed": True,
            "agent_id": "agent123",
            "agent_name": "Asha Rao",
            "customer_id": "customer123",
            "customer_name": "Jo Smith",
            "intent": "INTERESTED",
            "intent_score": 74,
            "quality": 82,
            "reached": 8,
            "maximum": 10,
        }
    ],
    "next_cursor": None,
}

TABLES: dict[str, str] = {
    "summary": "figure,now,before\r\ncalls,64,40\r\n…",
    "intent": "intent,calls,share,contacts,calls_before\r\nINTERESTED,21,0.3281,19,12\r\n…",
    "concerns": "concern,calls,share\r\nPricing,18,0.2903\r\n",
    "pitch-gaps": "parameter_name,share,calls\r\nSetting Context,0.614,58\r\n",
    "trends": "first_day,last_day,calls,engaged_calls,…\r\n2023-01-01,2023-01-01,64,51,…\r\n",
    "dispositions": "disposition,first_day,last_day,times\r\ninterested,2023-01-01,2023-01-01,9\r\n",
    "leaderboard": "agent_id,name,calls,…,calls_before,…\r\nagent123,Asha Rao,64,…,40,…\r\n",
    "contacts": "customer_id,name,email,calls,…\r\ncustomer123,Jo Smith,jo@example.com,3,…\r\n",
    "calls": "call_id,end_time,seconds,completed,…\r\ncall123,2023-01-01T10:30:00+00:00,1800.0,True,…\r\n",
}
