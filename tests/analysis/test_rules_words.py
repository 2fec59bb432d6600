"""What the rules make of single words: Hindi in any spelling, numbers, days, and a rubric's own phrases."""

from datetime import date

import pytest

from analysis.conversations import conversation
from callwright.analysis.rules import phrases
from callwright.analysis.rules.amounts import amounts
from callwright.analysis.rules.dates import times
from callwright.analysis.rules.reading import as_said, normalised, read

TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    "spellings",
    [
        ["मुझे नहीं चाहिए", "Mujhe nahi chahiye", "mujhe nahin chaahiye", "mujhe nai chahie"],
        ["बहुत महंगा है", "bahut mehnga hai", "bohot mahanga hai", "bahut mehngi hai"],
        ["अगले हफ्ते भेज दीजिए", "agle hafte bhej dijiye", "Agle hafte bhej dijie"],
        ["पाँच तारीख़ को", "paanch tareekh ko", "Panch tarikh ko"],
        ["कोई भरोसा नहीं", "koi bharosa nahi", "koi bharosa nahin"],
    ],
)
def test_both_scripts_and_all_spellings_are_read_alike(spellings: list[str]) -> None:
    assert len({normalised(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    "english",
    [
        "I do not know how to do the order.",
        "She has the main bus pass in her hand.",
        "Hi, the high call rate is an issue.",
    ],
)
def test_english_words_are_not_taken_for_hindi(english: str) -> None:
    assert normalised(english) == english.lower()


@pytest.mark.parametrize(
    ("said", "value", "money", "per"),
    [
        ("twenty five thousand", 25_000, False, None),
        ("2.5k per user", 2_500, False, "user"),
        ("Rs 1,50,000", 150_000, True, None),
        ("₹3 lakh a month", 300_000, True, "month"),
        ("nine fifty", 950, False, None),
        ("twelve hundred and forty", 1_240, False, None),
        ("a hundred dollars", 100, True, None),
        ("two crore", 20_000_000, False, None),
        ("dedh lakh", 150_000, False, None),
        ("डेढ़ लाख रुपये", 150_000, True, None),
        ("साढ़े आठ सौ", 850, False, None),
        ("pachaas hazaar rupaye mahine", 50_000, True, "month"),
        ("बाईस हज़ार", 22_000, False, None),
    ],
)
def test_amounts_as_they_are_spoken(said: str, value: float, money: bool, per: str | None) -> None:
    found = [(amount.value, amount.money, amount.per) for amount in amounts(normalised(said)) if not amount.bare]

    assert found == [(value, money, per)]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("today", "2026-11-24"),
        ("Tuesday at three", "2026-12-01"),
        ("on Thursday", "2026-11-26"),
        ("the day after tomorrow", "2026-11-26"),
        ("in two weeks", "2026-12-08"),
        ("by the 25th", "2026-11-25"),
        ("on the twentieth of December", "2026-12-20"),
        ("from the first of March", "2027-03-01"),
        ("by the end of the month", "2026-11-30"),
        ("kal subah", "2026-11-25"),
        ("कल सुबह दस बजे", "2026-11-25"),
        ("parson shaam ko", "2026-11-26"),
        ("budhvar ko teen baje", "2026-11-25"),
        ("बुधवार को तीन बजे", "2026-11-25"),
        ("pandrah tareekh ko", "2026-12-15"),
        ("पाँच तारीख़ को", "2026-12-05"),
        ("do din mein", "2026-11-26"),
        ("next Friday", None),
        ("next month", None),
        ("agle hafte", None),
        ("अगले हफ्ते", None),
        ("at three", None),
    ],
)
def test_a_day_is_told_only_where_it_can_be(said: str, day: str | None) -> None:
    found = times(normalised(said), TUESDAY)

    assert len(found) == 1
    assert (found[0].day and found[0].day.isoformat()) == day


@pytest.mark.parametrize("said", ["last Friday", "two days ago", "the 31st of February", "saat sau rupaye"])
def test_what_is_past_or_no_day_gives_none(said: str) -> None:
    assert [when.day for when in times(normalised(said), TUESDAY) if when.day] == []


def test_a_time_is_quoted_in_the_words_of_the_call() -> None:
    sentence = read(conversation("C: हाँ, बुधवार दोपहर तीन बजे, ठीक है।").turns)[0].sentences[0]
    when = times(sentence.plain, TUESDAY)[0]

    assert as_said(sentence, when.start, when.end) == "बुधवार दोपहर तीन बजे"


@pytest.mark.parametrize(
    ("phrase", "said", "heard"),
    [
        ("cancel my plan", "I want to cancel my plans.", True),
        ("cancel my plan", "Cancelling, my plan is.", False),
        ("call recording", "This call's recorded.", False),
        ("रिन्यू करना है", "Plan renew karna hai.", True),
        ("a.c", "abc", False),
        ("(", "(", False),
    ],
)
def test_a_phrase_is_found_as_words_and_never_as_a_pattern(phrase: str, said: str, heard: bool) -> None:
    pattern = phrases.compiled((phrase,))

    assert (pattern is not None and pattern.search(normalised(said)) is not None) == heard
