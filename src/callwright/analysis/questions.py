"""How often somebody asks: by question marks, and by question forms of English and Hindi where marks are missing."""

import re
import unicodedata
from collections.abc import Iterable

_MARKS = ".?!\u2026\u0964\u0965\uff1f\u061f"  # with the danda, the double danda, and the full-width and Arabic marks
_SENTENCE = re.compile(f"([^{_MARKS}]+)([{_MARKS}]*)")
_ASKING_MARK = re.compile("[?\uff1f\u061f]")

_LEAD = (
    r"(?:(?:so|and|okay|ok|well|but|now|then|also|sir|madam|yes|yeah|hi|hello|right|alright|sorry|um|uh|please),? )*"
)
_BE_OR_DO = r"(?:is|are|was|were|do|does|did|will|would|can|could|should|shall|has|have)(?:n't)?"
_ENGLISH = re.compile(
    rf"^{_LEAD}(?:"
    rf"(?:when|where|why) {_BE_OR_DO}\b|why not\b|(?:what|where|when|who|why|how)'(?:s|re)\b"
    # "What I mean is", "which is why" and "who you know" state something.
    r"|what\b(?! (?:i|we|you|he|she|they|it|a|an|the|matters)\b)"
    r"|which (?!is\b|are\b|means\b|i\b|we\b|you\b|they\b|he\b|she\b|it\b)|who (?!i\b|we\b|you\b|knows\b)"
    rf"|how (?:much|many|long|often|soon|far|old|big|about|come|{_BE_OR_DO})\b"
    r"|(?:is|are|was|were|does|did|will|would|can|could|should|shall)(?:n't)? "
    r"(?:i|you|we|they|he|she|it|this|that|there|these|those|your|the|any|anyone|anybody|someone)\b"
    r"|(?:do|have)(?:n't)? (?:i|you|we|they)\b|may (?:i|we)\b)"
    r"|\b(?:are|do|did|can|could|would|will|were|should|shall) you \w"
    r"|\b(?:is|are|do|does|did|was|were|wo|would|could|have|has|ca)n't (?:it|you|we|they|he|she|that)$"
)

_BEFORE, _AFTER = r"(?<![\w\u0900-\u097f])", r"(?![\w\u0900-\u097f])"
_HINDI = re.compile(
    rf"{_BEFORE}(?:"
    r"kya(?! baat)|kaun(?:s[aei])?|kon s[aei]|kons[aei]|kis(?:ko|k[aei]|ne|e)?|kab|kahaa?n|kyu|kyo|kyu?o?n|kais[aei]"
    r"|kitn[aei]|kidhar"
    r"|क्या(?! बात)|कौन(?:सा|सी|से)?|किस(?:को|का|की|के|ने|े)?|कब|कहाँ|कहां|क्यों|क्यूँ|कैसा|कैसे|कैसी|कितना|कितने|कितनी|किधर"
    rf"){_AFTER}(?! (?:bhi|भी){_AFTER})"
    rf"|{_BEFORE}(?:ya nahin?|या नहीं|(?:hain?|thi|tha|है|हैं|था|थी) (?:naa?|ना|न))$"
)
# What follows is what is known, or not known: "pata nahi kitna lagega" asks nothing.
_EMBEDDED = re.compile(rf"{_BEFORE}(?:ki|कि|pata (?:nahin?|hai)|पता (?:नहीं|है))(?: [^ ]+){{0,3}} $")


def marked(texts: Iterable[str]) -> bool:
    """Whether whoever wrote these texts writes question marks at all."""
    return any(_ASKING_MARK.search(text) for text in texts)


def count_questions(texts: Iterable[str], *, marked: bool) -> int:
    """How many sentences ask.

    A sentence asks where it ends in a question mark, or has no mark at its end and a question form of English or
    Hindi (in Devanagari or Latin script). Text without marks at all is one sentence a turn, so that two questions in
    it count as one.

    Args:
        texts: Turns.
        marked: Whether the transcript has question marks, so that a sentence with a full stop is none; without any
            in all of it, a full stop says nothing.
    """
    asked = 0
    for text in texts:
        for words, end in _SENTENCE.findall(text):
            if _ASKING_MARK.search(end):
                asked += 1
            elif not (marked and end):
                asked += _has_form(words)
    return asked


def _has_form(sentence: str) -> bool:
    plain = unicodedata.normalize("NFC", sentence).lower().replace("\u2019", "'")
    plain = " ".join(plain.split()).strip(" ,;:-\"'")
    if _ENGLISH.search(plain):
        return True
    return any(not _EMBEDDED.search(plain[: found.start()]) for found in _HINDI.finditer(plain))
