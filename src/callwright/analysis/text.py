"""Text that is safe to store and to show: cleaned of what breaks databases and pages, and bounded."""

import re

SENTENCE_LIMIT = 300
PARAGRAPH_LIMIT = 1000

# Controls, lone surrogates, line separators, marks that reorder what is shown, and what is no character at all.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\uffff]+")
_SPACE = re.compile(r"\s+")


def clean(text: str, limit: int = SENTENCE_LIMIT) -> str:
    """One line of at most `limit` characters, cut at a word where possible and then ending in an ellipsis."""
    line = _SPACE.sub(" ", _UNSAFE.sub(" ", text[: 4 * limit])).strip()
    if len(line) <= limit:
        return line
    head = line[: limit - 1]
    at = head.rfind(" ")
    return head[: at if at > limit // 2 else len(head)].rstrip() + "…"
