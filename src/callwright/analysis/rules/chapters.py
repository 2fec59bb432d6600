"""Chapters by topic shift, each summed up by the sentences that carry most of it."""

import math
from collections import Counter
from collections.abc import Sequence

from callwright.analysis import Chapter, Speaker
from callwright.analysis.rules import tables
from callwright.analysis.rules.reading import Said, Sentence, content_words
from callwright.analysis.rules.tables import Domain
from callwright.analysis.text import SENTENCE_LIMIT, clean

_MOST = 12  # chapters of one call


def chapters(said: Sequence[Said], domain: Domain) -> tuple[Chapter, ...]:
    """The parts of the call in order; every turn with words is in exactly one."""
    if not said:
        return ()
    shortest = max(2, math.ceil(len(said) / _MOST))
    parts = _joined(_parts(said, domain), shortest)
    return tuple(Chapter(name, _summary(turns), tuple(turn.turn for turn in turns)) for name, turns in parts)


def _parts(said: Sequence[Said], domain: Domain) -> list[tuple[str, list[Said]]]:
    """Runs of turns on one topic; a turn without a topic of its own goes on with the one before."""
    votes = [_votes(turn, index / len(said), domain) for index, turn in enumerate(said)]
    parts: list[tuple[str, list[Said]]] = []
    for index, turn in enumerate(said):
        nearby = dict.fromkeys(tables.PARTS, 0)
        for distance, weight in ((-1, 1), (0, 2), (1, 1)):
            if 0 <= index + distance < len(votes):
                for topic in votes[index + distance]:
                    nearby[topic] += weight
        current = parts[-1][0] if parts else "Conversation"
        best = max(nearby, key=nearby.__getitem__)
        topic = best if nearby[best] > nearby.get(current, 0) else current
        if parts and topic == current:
            parts[-1][1].append(turn)
        else:
            parts.append((topic, [turn]))
    return parts


def _votes(turn: Said, position: float, domain: Domain) -> list[str]:
    """The topics heard in a turn; openings only at the start of the call and closings only at its end count."""
    barred = {"Opening"} if position > 0.2 else set()
    barred |= {"Closing"} if position < 0.8 else set()
    return [
        t for sentence in turn.sentences for t in tables.section("part", domain).ids(sentence.plain) if t not in barred
    ]


def _joined(parts: list[tuple[str, list[Said]]], shortest: int) -> list[tuple[str, list[Said]]]:
    """Parts of at least `shortest` turns: a shorter one joins the part before it, a short first one the next."""
    joined: list[tuple[str, list[Said]]] = []
    for name, turns in parts:
        if joined and (joined[-1][0] == name or len(turns) < shortest):
            joined[-1][1].extend(turns)
        elif joined and len(joined[-1][1]) < shortest:
            joined[-1] = (name, joined[-1][1] + turns)
        else:
            joined.append((name, list(turns)))
    return joined


def _summary(turns: Sequence[Said]) -> str:
    """The weightiest sentence of each side, in the order of the call."""
    read = [(sentence, content_words(sentence.plain)) for turn in turns for sentence in turn.sentences]
    frequency = Counter(word for _, words in read for word in words)
    best: dict[Speaker, tuple[float, Sentence]] = {}
    for sentence, words in read:
        weight = sum(frequency[word] for word in words) / math.sqrt(len(words) + 2)
        weight += any(character.isdigit() for character in sentence.plain)
        if sentence.speaker not in best or weight > best[sentence.speaker][0]:
            best[sentence.speaker] = (weight, sentence)
    chosen = sorted((sentence for _, sentence in best.values()), key=lambda sentence: sentence.turn)
    return " ".join(f"{s.speaker.capitalize()}: {clean(s.text, SENTENCE_LIMIT)}" for s in chosen)
