"""Redaction: what nobody needs to know of a call (cards, codes, accounts, ids, addresses) gives way to its kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from callwright.analysis import Line
from callwright.analysis.redaction import addresses, codes, kinds, numbers
from callwright.analysis.redaction.known import known_spans
from callwright.analysis.redaction.tokens import Token, apart, replaced, tokens
from callwright.analysis.redaction.words import FILLERS, NUMBERS, PLUS

Kind = Literal["card", "otp", "pin", "cvv", "account", "id", "phone", "email", "number"]
"""`number` is what is surely no quantity, and of which nobody says what it is."""

Value = tuple[str, str]
"""What was said and must be hidden, and its kind."""

Span = tuple[int, int, str]
"""Start and end of what must be hidden, as offsets in its turn, and its kind."""

_BETWEEN = 8  # words that the other side may say while somebody reads out a number
_HIDDEN_MOST = 500  # values of one call that are looked for in what is said of it


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without what must be hidden, and the kinds of that in the order in which they stood there."""

    text: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RedactedTurns:
    """A conversation without what must be hidden.

    Attributes:
        lines: The turns with their ids, speakers and times.
        kinds: What was hidden, in the order of the call.
        values: What it said there, with its kind, longest first: for hiding it in what is said of the call.
    """

    lines: tuple[Line, ...]
    kinds: tuple[str, ...]
    values: tuple[Value, ...]


def redact(text: str, known: Iterable[Value] = ()) -> Redacted:
    """A text in which each card number, code, account, id, address and phone number gives way to its kind, as `[card]`.

    Amounts, dates, times, shares, years and numbers of things stay.

    Args:
        text: One text, in English or Hindi, written in any script or transcribed from speech.
        known: Values that must not stand in it whatever they look like (`RedactedTurns.values`), nor parts of them that
            a quote has left: four of its digits, or three of its words.
    """
    said = tokens(text)
    hidden = apart([*_spans((text,), (said,), ((0,),))[0], *known_spans(text, said, known)])
    return Redacted(replaced(text, hidden), tuple(kind for _, _, kind in hidden))


def redact_turns(turns: Sequence[Line]) -> RedactedTurns:
    """A conversation likewise; a number that one side reads out over several of its turns is seen as one.

    Args:
        turns: In order of start.
    """
    said = [tokens(turn.text, line) for line, turn in enumerate(turns)]
    hidden = [apart(spans) for spans in _spans([turn.text for turn in turns], said, _streams(turns, said))]
    pairs = list(zip(turns, hidden, strict=True))
    values = {turn.text[start:end]: kind for turn, spans in pairs for start, end, kind in spans}
    return RedactedTurns(
        tuple(replace(turn, text=replaced(turn.text, spans)) for turn, spans in pairs),
        tuple(kind for spans in hidden for _, _, kind in spans),
        tuple(sorted(values.items(), key=lambda item: -len(item[0]))[:_HIDDEN_MOST]),
    )


def _streams(turns: Sequence[Line], said: Sequence[Sequence[Token]]) -> list[tuple[int, ...]]:
    """The positions of turns in which one side goes on, with no more than a few words of the other between."""
    streams: list[tuple[int, ...]] = []
    for speaker in ("agent", "customer"):
        stream: list[int] = []
        words = 0
        for line, turn in enumerate(turns):
            if turn.speaker != speaker:
                words += sum(not token.digits and token.word not in NUMBERS for token in said[line])
                continue
            if stream and words > _BETWEEN:
                streams.append(tuple(stream))
                stream = []
            stream.append(line)
            words = 0
        streams.append(tuple(stream))
    return streams


def _spans(texts: Sequence[str], said: Sequence[Sequence[Token]], streams: Iterable[Sequence[int]]) -> list[list[Span]]:
    """Per turn what must be hidden in it, in any order."""
    spans: list[list[Span]] = []
    asked = [addresses.is_asked(line) for line in said]
    named = [kinds.named(line) for line in said]
    last = [next((kind for kind in reversed(line) if kind), None) for line in named]
    for at, (text, line) in enumerate(zip(texts, said, strict=True)):
        nearby = slice(max(at - kinds.TURNS_BACK, 0), at + 1)
        found = list(addresses.read_out(line, asked=any(asked[nearby])))
        found += codes.codes(line, pan_named="id" in last[nearby])
        spans.append([*addresses.written(text), *((line[a].start, line[b].end, kind) for a, b, kind in found)])
    for stream in streams:
        words = [token for at in stream for token in said[at]]
        heard = kinds.Heard([kind for at in stream for kind in named[at]], last)
        for first, end, kind in _numbers(words, heard):
            for at, start, stop in _by_line(texts, words, first, end):
                spans[at].append((start, stop, kind))
    return spans


def _numbers(said: Sequence[Token], heard: kinds.Heard) -> Iterable[tuple[int, int, str]]:
    """The numbers that must be hidden, as the indices of their first and last tokens, and the kind."""
    for chain in numbers.chains(numbers.groups(said)):
        at = 0
        for start, end in (*kinds.cards(chain), (len(chain), len(chain))):
            for segment in _segments(chain[at:start]):
                yield from _decided(said, heard, segment)
            if end > start:
                yield chain[start].first, chain[end - 1].last, "card"
            at = end


def _segments(chain: Sequence[numbers.Group]) -> Iterable[list[numbers.Group]]:
    """The parts of a chain between its quantities."""
    segment: list[numbers.Group] = []
    for group in chain:
        if group.quantity:
            if segment:
                yield segment
            segment = []
        else:
            segment.append(group)
    if segment:
        yield segment


def _decided(
    said: Sequence[Token], heard: kinds.Heard, segment: Sequence[numbers.Group]
) -> Iterable[tuple[int, int, str]]:
    """What a segment is as a whole; where it is nothing as a whole, what its parts are."""
    kind = kinds.kind_of(said, heard, segment)
    if kind:
        yield segment[0].first, segment[-1].last, kind
        return
    part: list[numbers.Group] = []
    for group in segment:
        if part and group.join == "loose":
            yield from _part(said, heard, part, len(segment))
            part = []
        part.append(group)
    yield from _part(said, heard, part, len(segment))


def _part(
    said: Sequence[Token], heard: kinds.Heard, part: Sequence[numbers.Group], whole: int
) -> Iterable[tuple[int, int, str]]:
    kind = kinds.kind_of(said, heard, part) if len(part) < whole else None
    if kind:
        yield part[0].first, part[-1].last, kind


def _by_line(texts: Sequence[str], said: Sequence[Token], first: int, last: int) -> Iterable[tuple[int, int, int]]:
    """A number as turn, start and end for each turn that it stands in, with what is attached to its digits."""
    while first and said[first].before == "" and said[first].digits:
        first -= 1
    if first and said[first - 1].word in PLUS:
        first -= 1
    while said[last].after == "" and last + 1 < len(said) and said[last + 1].line == said[last].line:
        last += 1
    at = first
    while at <= last:
        end = at
        while end < last and said[end + 1].line == said[at].line:
            end += 1
        behind = end + 1
        start, text = said[at].start, texts[said[at].line]
        while at == first and start and text[start - 1] in "+(":
            start -= 1
        while at != first and at <= end and said[at].word in FILLERS:  # "and then" before the next part
            at, start = at + 1, said[min(at + 1, end)].start
        while end != last and end >= at and said[end].word in FILLERS:
            end -= 1
        if at <= end:
            yield said[at].line, start, said[end].end
        at = behind
