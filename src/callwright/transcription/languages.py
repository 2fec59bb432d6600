"""Which language is spoken: a vote of several pieces, by seconds of speech, among those that are expected."""

from collections.abc import Callable, Sequence

from callwright.transcription.engine import Heard, primary

WINDOWS = 5
"""Pieces that vote at most, the longest ones: a language guessed from one word is a wild guess, and one from a single
piece may be that of a recorded greeting."""


def vote(
    seconds: Sequence[float], hear: Callable[[int, tuple[str, ...]], Heard], expected: tuple[str, ...]
) -> tuple[str | None, dict[int, Heard]]:
    """Find the language of a call, and keep what was heard on the way.

    Pieces are heard one after the other, the longest first, until no other language can win any more. A piece that was
    heard in another language than the one that wins is not kept: its words are wrong.

    Args:
        seconds: Of speech, of each piece.
        hear: Puts the piece of a number into words, with the languages that it may be in.
        expected: BCP 47 tags; empty is any language, and one needs no vote.

    Returns:
        The tag, as it is in `expected` where that names any. The first of them where no piece is in any of them; None
        where the engine does not say. And what was heard of the pieces that need not be heard again, by number.
    """
    if len(expected) == 1:
        return expected[0], {}
    order = sorted(range(len(seconds)), key=lambda number: -seconds[number])[:WINDOWS]
    left = sum(seconds[number] for number in order)
    votes: dict[str, float] = dict.fromkeys(expected, 0.0)
    heard: dict[int, Heard] = {}
    for number in order:
        heard[number] = hear(number, expected)
        left -= seconds[number]
        if (tag := _tag(heard[number].language, expected)) is not None:
            votes[tag] = votes.get(tag, 0.0) + seconds[number]
        first, second, *_ = [*sorted(votes.values(), reverse=True), 0.0, 0.0]
        if first - second > left:
            break
    language = max(votes, key=lambda tag: votes[tag], default=None)
    return language, {
        number: said
        for number, said in heard.items()
        if said.language is None or language is None or primary(said.language) == primary(language)
    }


def _tag(language: str | None, expected: tuple[str, ...]) -> str | None:
    """What a piece votes for; None where that is nothing that may win."""
    if language is None or not expected:
        return language
    return next((tag for tag in expected if primary(tag) == primary(language)), None)


_NAMES = """
en english|zh chinese|de german|es spanish|ru russian|ko korean|fr french|ja japanese|pt portuguese|tr turkish|pl polish
ca catalan|nl dutch|ar arabic|sv swedish|it italian|id indonesian|hi hindi|fi finnish|vi vietnamese|he hebrew
uk ukrainian|el greek|ms malay|cs czech|ro romanian|da danish|hu hungarian|ta tamil|no norwegian|th thai|ur urdu
hr croatian|bg bulgarian|lt lithuanian|la latin|mi maori|ml malayalam|cy welsh|sk slovak|te telugu|fa persian
lv latvian|bn bengali|sr serbian|az azerbaijani|sl slovenian|kn kannada|et estonian|mk macedonian|br breton|eu basque
is icelandic|hy armenian|ne nepali|mn mongolian|bs bosnian|kk kazakh|sq albanian|sw swahili|gl galician|mr marathi
pa punjabi|si sinhala|km khmer|sn shona|yo yoruba|so somali|af afrikaans|oc occitan|ka georgian|be belarusian|tg tajik
sd sindhi|gu gujarati|am amharic|yi yiddish|lo lao|uz uzbek|fo faroese|ht haitian creole|ps pashto|tk turkmen
nn nynorsk|mt maltese|sa sanskrit|lb luxembourgish|my myanmar|bo tibetan|tl tagalog|mg malagasy|as assamese|tt tatar
haw hawaiian|ln lingala|ha hausa|ba bashkir|jw javanese|su sundanese|yue cantonese
"""
WHISPER_LANGUAGES = {
    name: code
    for code, _, name in (entry.partition(" ") for line in _NAMES.strip().split("\n") for entry in line.split("|"))
}
"""Codes by the names that speech servers give: https://github.com/openai/whisper/blob/main/whisper/tokenizer.py."""
