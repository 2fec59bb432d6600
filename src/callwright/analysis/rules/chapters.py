"""Chapters by topic shift, each summed up by the sentences that carry most of it."""

import math
from collections import Counter
from collections.abc import Sequence

from callwright.analysis import Chapter
from callwright.analysis.rules import cues
from callwright.analysis.rules.reading import Said, Sentence, content_words
from callwright.analysis.text import SENTENCE_LIMIT, clean

_MOST = 12  # chapters of one call


def chapters(said: Sequence[Said]) -> tuple[Chapter, ...]:
    """The parts of the call in order; every turn with words is in exactly one."""
    if not said:
        return ()
    shortest = max(2, math.ceil(len(said) / _MOST))
    parts = _joined(_parts(said), shortest)
    return tuple(Chapter(name, _summary(turns), tuple(turn.turn for turn in turns)) for name, turns in parts)


def _parts(said: Sequence[Said]) -> list[tuple[str, list[Said]]]:
    """Runs of turns on one topic; a turn without a topic of its own goes on with the one before."""
    votes = [_votes(turn, index / len(said)) for index, turn in enumerate(said)]
    parts: list[tuple[str, list[Said]]] = []
    for index, turn in enumerate(said):
        nearby: Counter[str] = Counter()
        for distance, weight in ((-1, 1), (0, 2), (1, 1)):
            if 0 <= index + distance < len(votes):
                for topic, count in votes[index + distance].items():
                    nearby[topic] += weight * count
        current = parts[-1][0] if parts else "Conversation"
        best = max(nearby.values(), default=0)
        topic = current if not best or nearby[current] == best else max(nearby, key=lambda name: nearby[name])
        if parts and topic == current:
            parts[-1][1].append(turn)
        else:
            parts.append((topic, [turn]))
    return parts


def _votes(turn: Said, position: float) -> Counter[str]:
    heard = Counter(topic for sentence in turn.sentences for topic in cues.TOPIC.ids(sentence.plain))
    if position > 0.2:
        heard.pop("Opening", None)
    if position < 0.8:
        heard.pop("Closing", None)
    return heard


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
    frequency = Counter(word for turn in turns for sentence in turn.sentences for word in content_words(sentence.plain))
    best: dict[str, tuple[float, Sentence]] = {}
    for turn in turns:
        for sentence in turn.sentences:
            words = content_words(sentence.plain)
            weight = sum(frequency[word] for word in words) / math.sqrt(len(words) + 2)
            weight += any(character.isdigit() for character in sentence.plain)
            if turn.speaker not in best or weight > best[turn.speaker][0]:
                best[turn.speaker] = (weight, sentence)
    chosen = sorted((sentence for _, sentence in best.values()), key=lambda sentence: sentence.turn)
    return " ".join(f"{s.speaker.capitalize()}: {clean(s.text, SENTENCE_LIMIT)}" for s in chosen)
