"""Words in transcripts: what finds them, in which order, where they stand, and who is shown them."""

import random
import unicodedata
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callwright import calls, db, results
from callwright.db import Pool, Scope
from callwright.db.reads import Reads
from callwright.errors import ValidationFailed
from callwright.reports import search, search_windows
from callwright.reports.search import Wanted, Within, find_turns, tenant_of
from callwright.transcription import Speaker, Turn
from dashboards.spoken import conversation
from submissions import onboard, scope, submission

Hit = dict[str, Any]
DAY = datetime(2026, 1, 1, 10, tzinfo=UTC)
SPEAKERS: tuple[Speaker, Speaker] = ("agent", "customer")


@pytest.fixture
async def ours(pool: Pool) -> Scope:
    await onboard(pool)
    return await scope(pool)


async def say(pool: Pool, whose: Scope, call_id: str, *lines: str, at: datetime = DAY, **changes: Any) -> None:
    """A call in which these turns are said, by agent and customer in turn, and which ended then."""
    quality = changes.pop("quality", "final")
    times = {"start_time": (at - timedelta(minutes=5)).isoformat(), "end_time": at.isoformat()}
    await calls.accept(pool, whose, [submission(call_id, **{**times, **changes})])
    transcript = conversation([(SPEAKERS[n % 2], line) for n, line in enumerate(lines)], quality=quality)
    async with db.transaction(pool, whose.partner_id) as connection:
        await results.save_transcript(connection, whose.partner_id, call_id, transcript)


async def find(pool: Pool, whose: Scope | Within, words: str, **wanted: Any) -> list[Hit]:
    within = Within(whose.partner_id, (whose.subtenant_no,)) if isinstance(whose, Scope) else whose
    hits, place = await find_turns(Reads(pool), within, Wanted(words, **wanted), most=100)
    assert place is None
    return hits


async def texts(pool: Pool, whose: Scope | Within, words: str, **wanted: Any) -> list[str]:
    return [hit["text"] for hit in await find(pool, whose, words, **wanted)]


def marked(hit: Hit) -> list[str]:
    """The words that are highlighted."""
    return [hit["text"][each["offset"] :][: each["length"]] for each in hit["highlights"]]


async def test_a_hit(pool: Pool, ours: Scope) -> None:
    await say(pool, ours, "one", "Good morning.", "I want a refund, please.", agent_id="a", agent_name="Ann",
              customer_id="k", quality="draft")  # fmt: skip
    await say(pool, ours, "two", "Nothing of it here.")
    [hit] = await find(pool, ours, "refund")
    assert 0 < hit.pop("rank") < 1
    assert hit == {
        "call_id": "one", "tenant_id": "t", "subtenant_id": "s", "start_time": DAY - timedelta(minutes=5),
        "end_time": DAY, "agent_id": "a", "agent_name": "Ann", "customer_id": "k", "customer_name": None,
        "transcript": {"engine": "test", "quality": "draft", "draft": True},
        "turn": {"id": 1, "speaker": "customer", "start": 2.0, "end": 3.5},
        "text": "I want a refund, please.", "highlights": [{"offset": 9, "length": 6}],
    }  # fmt: skip
    await say(pool, ours, "three", "A refund.", quality="partner")
    assert [hit["transcript"]["draft"] for hit in await find(pool, ours, "refund")] == [False, True]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("prices", ["The price is high."]),
        ("PRICING", ["The price is high."]),
        ("interested", ["I am interested.", "I'm not interested, don't call me back."]),
        ('"not interested"', ["I'm not interested, don't call me back."]),
        ("“call me back”", ["I'm not interested, don't call me back."]),
        ("interested -not", ["I am interested."]),
        ("interested not", ["I'm not interested, don't call me back."]),
        ("price OR refund", ["The price is high."]),
        ("don’t", ["I'm not interested, don't call me back."]),  # noqa: RUF001
        ("नमस्ते", ["नमस्ते। मुझे दो किताबें चाहिए।"]),
        ("किताब", ["नमस्ते। मुझे दो किताबें चाहिए।"]),
        ('"मुझे दो किताब"', ["नमस्ते। मुझे दो किताबें चाहिए।"]),
        ("बड़ा", ["बड़ा लड़का, ₹500 में…"]),
        (unicodedata.normalize("NFD", "बड़ा"), ["बड़ा लड़का, ₹500 में…"]),
        ("500", ["बड़ा लड़का, ₹500 में…"]),
        ("kitna paisa", ["Kitna paisa lagega, sir?"]),
        ("café -tea", ["Un café “noir”, s'il vous plaît."]),
        ("noir", ["Un café “noir”, s'il vous plaît."]),
        ("high नमस्ते", []),
    ],
)
async def test_what_finds_what(pool: Pool, ours: Scope, words: str, found: list[str]) -> None:
    lines = ("The price is high.", "I am interested.", "I'm not interested, don't call me back.",
             "नमस्ते। मुझे दो किताबें चाहिए।", "ब\u095cा ल\u095cका, ₹500 में…", "Kitna paisa lagega, sir?",
             "Un café “noir”, s'il vous plaît.")  # fmt: skip
    await say(pool, ours, "one", *lines)
    hits = await find(pool, ours, words)
    expected = [unicodedata.normalize("NFC", text) for text in found]
    assert sorted(hit["text"] for hit in hits) == sorted(expected)
    assert all(marked(hit) for hit in hits)


async def test_what_must_not_be_there_is_asked_of_the_turn_and_not_of_the_call(pool: Pool, ours: Scope) -> None:
    await say(pool, ours, "one", "A refund now.", "A refund of the deposit.")
    assert await texts(pool, ours, "refund -deposit") == ["A refund now."]
    assert await texts(pool, ours, "now deposit") == [], "and so are all the words"
    assert await texts(pool, ours, '"now a refund"') == [], "and a phrase"
    hits = await find(pool, ours, 'refund -"deposit a"')
    assert [marked(hit) for hit in hits] == [["refund"], ["refund"]], "and is not marked"


async def test_the_best_first_and_of_equals_the_newest(pool: Pool, ours: Scope) -> None:
    long = "The refund is one of a great many things that we could talk about for a good while today."
    await say(pool, ours, "old", "Refund.", at=DAY - timedelta(days=40))
    await say(pool, ours, "new", "Refund.", long, "A refund, a full refund of the refund fee.", at=DAY)
    await say(pool, ours, "far", "Nobody will refund, so they said and kept on saying, all money.", "Refund money.")
    found = await find(pool, ours, "refund")
    ranks = [hit["rank"] for hit in found]
    assert ranks == sorted(ranks, reverse=True)
    assert [(hit["call_id"], hit["turn"]["id"]) for hit in found[:3]] == [("new", 0), ("old", 0), ("new", 2)]
    assert found[-1]["text"] == long
    assert await texts(pool, ours, "refund money") == ["Refund money.", found[-2]["text"]], "words that stand together"


async def test_filters(pool: Pool, ours: Scope) -> None:
    for number, (agent, customer) in enumerate([("a", "x"), ("a", "y"), ("b", "x")]):
        await say(pool, ours, f"c{number}", "yes", "yes", at=DAY + timedelta(days=number), agent_id=agent,
                  customer_id=customer)  # fmt: skip

    async def found(**wanted: Any) -> list[tuple[str, int]]:
        return [(hit["call_id"], hit["turn"]["id"]) for hit in await find(pool, ours, "yes", **wanted)]

    assert await found(agent_id="a") == [("c1", 0), ("c1", 1), ("c0", 0), ("c0", 1)]
    assert await found(customer_id="x", speaker="customer") == [("c2", 1), ("c0", 1)]
    assert await found(customer_id="x", agent_id="a", speaker="agent") == [("c0", 0)]
    assert await found(since=DAY + timedelta(days=1), speaker="agent") == [("c2", 0), ("c1", 0)], "included"
    assert await found(until=DAY + timedelta(days=1), speaker="agent") == [("c0", 0)], "not included"
    assert await found(agent_id="nobody") == []


async def test_calls_of_any_time_are_found(pool: Pool, ours: Scope) -> None:
    times = [datetime(year, 1, 2, tzinfo=UTC) for year in (1, 1969, 1970, 1999, 2025, 2059, 2060, 9999)]
    for at in times:
        await say(pool, ours, f"{at.year}", "yes", at=at)
    assert [hit["end_time"] for hit in await find(pool, ours, "yes")] == times[::-1]
    late = await find(
        pool, ours, "yes", since=datetime(2059, 12, 1, tzinfo=UTC), until=datetime.max.replace(tzinfo=UTC)
    )
    assert [hit["call_id"] for hit in late] == ["9999", "2060"]


async def test_whose_calls_are_searched(pool: Pool) -> None:
    numbers = {}
    for partner in ("acme", "other"):
        await onboard(pool, partner)
        for tenant, subtenant in (("t", "s"), ("t", "r"), ("u", "s")):
            whose = numbers[partner, tenant, subtenant] = await scope(pool, partner, tenant, subtenant)
            await say(pool, whose, f"{tenant}/{subtenant}", f"the secret of {partner} {tenant} {subtenant}")
    whose = numbers["acme", "t", "s"]
    assert await texts(pool, whose, "secret") == ["the secret of acme t s"]
    async with db.transaction(pool, whose.partner_id) as connection:
        within = await tenant_of(connection, whose.partner_id, "t")
    assert sorted(await texts(pool, within, "secret")) == ["the secret of acme t r", "the secret of acme t s"]
    everything = await find(pool, Within(whose.partner_id, None), "secret")
    assert {(hit["tenant_id"], hit["subtenant_id"]) for hit in everything} == {("t", "s"), ("t", "r"), ("u", "s")}
    assert all("acme" in hit["text"] for hit in everything)
    assert await texts(pool, Within(whose.partner_id, ()), "secret") == []


async def test_row_level_security_stands_behind_what_the_index_finds(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partner in ("acme", "other"):
        await onboard(pool, partner)
        await say(pool, await scope(pool, partner), partner, "a secret")
    await say(pool, await scope(pool, "acme", "t", "r"), "colleagues", "a secret")

    async def finds_everything(*_: Any) -> search_windows.Window:
        return search_windows.Window(["acme", "other", "colleagues"], search_windows.BEFORE_ALL)

    monkeypatch.setattr(search, "find_window", finds_everything)
    assert [hit["call_id"] for hit in await find(pool, await scope(pool, "acme"), "secret")] == ["acme"]
    everything = Within((await scope(pool, "acme")).partner_id, None)
    assert sorted([hit["call_id"] for hit in await find(pool, everything, "secret")]) == ["acme", "colleagues"]


async def test_what_is_deleted_or_replaced_is_not_found(pool: Pool, ours: Scope) -> None:
    await say(pool, ours, "one", "a refund")
    async with db.transaction(pool, ours.partner_id) as connection:
        await connection.execute("UPDATE transcripts SET body = jsonb_set(body, '{turns,0,text}', '\"a price\"')")
    assert await texts(pool, ours, "refund") == []
    assert await texts(pool, ours, "price") == ["a price"]
    async with db.transaction(pool, ours.partner_id) as connection:
        await connection.execute("DELETE FROM transcripts WHERE partner_id = $1", ours.partner_id)
    assert await texts(pool, ours, "price") == []


WORDS = ("yes", "yes, yes", "yes and no, and no again and again", "no")


async def many(pool: Pool, ours: Scope, count: int, seed: int) -> list[tuple[str, int]]:
    """So many calls, several of which ended at the same moment; the turns in which `yes` is said."""
    chance, expected = random.Random(seed), []
    for number in range(count):
        lines = chance.choices(WORDS, k=4)
        at = DAY - timedelta(days=chance.choice((0, 0, 1, 1, 1, 30, 31, 700)), hours=chance.randrange(2))
        await say(pool, ours, f"{seed}-{number}", *lines, at=at)
        expected += [(f"{seed}-{number}", turn) for turn, line in enumerate(lines) if "yes" in line]
    return expected


async def test_pages_show_every_turn_once_whatever_is_written_meanwhile(
    pool: Pool, ours: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_windows, "WINDOW", 4)
    monkeypatch.setattr(search_windows, "CROWD", 6)
    monkeypatch.setattr(search, "LOOKED_AT", 7)
    there_before = await many(pool, ours, 40, seed=1)
    later, pages, place = set[tuple[str, int]](), list[list[tuple[str, int]]](), None
    within, seed = Within(ours.partner_id, (ours.subtenant_no,)), 2
    while True:
        hits, place = await find_turns(Reads(pool), within, Wanted("yes"), most=5, after=place)
        pages.append([(hit["call_id"], hit["turn"]["id"]) for hit in hits])
        if place is None:
            break
        later |= set(await many(pool, ours, 2, seed=seed))
        seed += 1
    shown = [each for page in pages for each in page]
    assert len(pages) > 10
    assert max(len(page) for page in pages) == 5
    assert len(shown) == len(set(shown)), "none twice"
    assert set(shown) == set(there_before), "none left out, and what came later is on the next search's"
    monkeypatch.undo()
    assert {hit["call_id"] for hit in await find(pool, ours, "yes", since=DAY)} & {call for call, _ in later}


async def test_a_page_ends_where_too_many_calls_would_be_looked_at(
    pool: Pool, ours: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_windows, "WINDOW", 3)
    monkeypatch.setattr(search, "LOOKED_AT", 6)
    for number in range(20):
        await say(pool, ours, f"c{number}", "call me", "go back" if number else "call me, call back", at=DAY)
    within, place, sizes = Within(ours.partner_id, None), None, list[int]()
    while not sizes or place is not None:
        hits, place = await find_turns(Reads(pool), within, Wanted('"call back"'), most=50, after=place)
        sizes.append(len(hits))
    assert (len(sizes), sum(sizes)) == (4, 1)


async def test_a_window_that_was_made_up_is_not_read_whole(
    pool: Pool, ours: Scope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_windows, "WINDOW", 3)
    for number in range(5):
        await say(pool, ours, f"c{number}", "a refund")
    sought = search_windows.Sought(ours.partner_id, "'refund'", None, None, None, None, None, datetime.now(UTC))
    async with db.everywhere(pool) as connection:
        look = search_windows._Look(connection, sought, None, search_windows.BEFORE_ALL)
        assert [row["found"] for row in await look.all_of(0, 32_767)] == [3, 3, 3]


async def test_marks_stand_where_the_words_are(pool: Pool, ours: Scope) -> None:
    """Whatever stands around them: the text is told whole, and each mark is the word."""
    chance = random.Random(7)
    around = [
        *"<>&\"'`/\\.,:;-_@#%+=~()[]{}|!?* \u00a0\u2026\u0964₹€“”\u2019—\ufeff\u200d🙂𝔸éक्षिZ9٣",
        "&amp;",
        "<b>",
        "</b>",
    ]
    around += ["https://a.example/b?c=d", "a@b.example", "1,5", "-3", "foo-bar", "e\u0301", "\u095c", "ﬁ", "ß", "İ"]
    lines = []
    for _ in range(300):
        before, after = ("".join(chance.choices(around, k=chance.randrange(9))) for _ in range(2))
        lines.append(f"{before} needle {after}".strip())
    await say(pool, ours, "one", *lines)
    within, place, shown = Within(ours.partner_id, None), None, dict[int, Hit]()
    while not shown or place is not None:
        hits, place = await find_turns(Reads(pool), within, Wanted("needles -haystack"), most=100, after=place)
        shown |= {hit["turn"]["id"]: hit for hit in hits}
    assert len(shown) >= 290, "a blank parts words; only inside what looks like a tag nothing is found"
    for number, hit in shown.items():
        assert hit["text"] == unicodedata.normalize("NFC", lines[number])
        assert marked(hit) == ["needle"], lines[number]


@pytest.mark.parametrize(
    "words", ["-", '"', "-refund", "- OR -", '"" ""', "& | ! <-> :* ( )", "refund OR -price", "।…₹", "  ' "]
)
async def test_what_names_no_word_is_refused(pool: Pool, ours: Scope, words: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await find(pool, ours, words)
    assert refused.value.faults == [{"field": "q", "message": "q must contain a word to search for"}]


@pytest.mark.parametrize(
    "words",
    ["a & !b", "refund:*AB", "(refund", "refund <-> )", "'; DROP TABLE calls; --", "refund\\", "%' OR '1'='1",
     "\x01\x02", "\x02refund\x03", "\U0001d538" * 200, "x " * 100, '"' * 199 + "x", "-" * 199 + "x", "x OR " * 40,
     "\ud7ff\ue000\U0010ffff x"],
)  # fmt: skip
async def test_hostile_words_are_words(pool: Pool, ours: Scope, words: str) -> None:
    await say(pool, ours, "one", "An unfunded mandate.")
    with suppress(ValidationFailed):
        assert await find(pool, ours, words) == []
    assert await texts(pool, ours, "mandate") == ["An unfunded mandate."]


async def test_transcripts_of_any_size_are_kept_and_found(pool: Pool, ours: Scope) -> None:
    """More words than a tsvector holds: what is over the limit is not found, and nothing breaks."""
    letters = [chr(c) for c in (*range(0x4E00, 0x9FA5), *range(0x20000, 0x2A6D0))]
    many_words = " ".join(letter * 3 for letter in letters) + " tail"
    for call_id, text in (("wide", many_words), ("long", "word" * 200_000), ("Ⱥ", "ȺȾ " * 200_000)):
        await say(pool, ours, call_id, "the needle", "x")
        async with db.transaction(pool, ours.partner_id) as connection:
            transcript = conversation([("agent", "the needle")])
            turns = (*transcript.turns, Turn(1, "customer", 3, 4, text))
            await connection.execute("DELETE FROM transcripts WHERE partner_id = $1 AND call_id = $2",
                                     ours.partner_id, call_id)  # fmt: skip
            await results.save_transcript(connection, ours.partner_id, call_id, replace(transcript, turns=turns))
    assert len(await find(pool, ours, "needle")) == 3
    assert [hit["call_id"] for hit in await find(pool, ours, letters[0] * 3)] == ["wide"]
    assert await find(pool, ours, "tail") == []


async def test_a_call_without_words_is_kept(pool: Pool, ours: Scope) -> None:
    await say(pool, ours, "silent", "-")
    assert await find(pool, ours, "word") == []


async def test_spans_are_the_days_that_they_are_made_of(rows: Pool) -> None:
    chance = random.Random(3)
    for _ in range(50):
        first = chance.randrange(32_768)
        last = min(32_767, first + chance.choice((0, 1, 40, 1_500, 32_767)))
        spans = list(search_windows._spans(first, last))
        assert [d for level, n in spans for d in range(n << 5 * level, n + 1 << 5 * level)] == [*range(first, last + 1)]
        assert len(spans) <= 31 * 2 * 3
    for at in (
        DAY,
        datetime(1, 1, 2, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
        datetime(1970, 1, 1, 23, 59, tzinfo=UTC),
    ):
        day = search_windows._day(at, 0)
        assert await rows.fetchval("SELECT search_day($1)", at) == day
        expected = [(8 * 4 + level) * 32_768 + (day >> 5 * level) for level in range(4)]
        assert (await rows.fetchval("SELECT search_keys(8, 1, $1, 'a', 'k')", at))[:4] == expected


async def test_the_index_answers(pool: Pool, ours: Scope) -> None:
    """Under row level security no index answers `@@`, as it is not leakproof: so the window is found without."""
    sought = search_windows.Sought(ours.partner_id, "'refund'", (1,), None, None, None, None, DAY)
    look = search_windows._Look(None, sought, None, None)  # type: ignore[arg-type]
    async with db.everywhere(pool) as connection:
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(
            row[0] for row in await connection.fetch(f"EXPLAIN {search_windows._MATCHING}", *look.given(1, 9, 5, 5))
        )
    assert "Bitmap Index Scan on transcripts_by_words" in plan
    assert plan.count("Index Cond") == plan.count("Bitmap Index Scan on transcripts_by_words"), (
        "no other index beside it"
    )
    assert "Seq Scan on transcripts" not in plan
