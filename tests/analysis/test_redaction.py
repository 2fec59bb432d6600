"""Redaction: what must be hidden is hidden in every form it is said in, and what a sale is about stays."""

import re
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from analysis.conversations import conversation
from analysis.sensitive import HIDDEN, KEPT
from callwright.analysis.redaction import redact, redact_turns
from callwright.analysis.redaction.checksums import is_aadhaar, is_card, is_iban, luhn, verhoeff

ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DEVANAGARI = ["शून्य", "एक", "दो", "तीन", "चार", "पाँच", "छह", "सात", "आठ", "नौ"]
LATIN = ["zero", "ek", "do", "teen", "char", "paanch", "chhe", "saat", "aath", "nau"]


@pytest.mark.parametrize(("text", "expected"), HIDDEN)
def test_what_must_be_hidden_gives_way_to_its_kind(text: str, expected: str) -> None:
    found = redact(text)

    assert found.text == expected
    assert [f"[{kind}]" for kind in found.kinds] == re.findall(r"\[[a-z]+\]", expected)


@pytest.mark.parametrize("text", KEPT)
def test_what_the_sale_is_about_stays(text: str) -> None:
    assert redact(text) == redact(text, known=[("Zara", "id")])
    assert (redact(text).text, redact(text).kinds) == (text, ())


@pytest.mark.parametrize(("text", "_"), HIDDEN)
def test_nothing_is_hidden_twice(text: str, _: str) -> None:
    once = redact(text).text

    assert redact(once).text == once


def with_check_digit(digits: str) -> str:
    return next(digits + check for check in "0123456789" if luhn(digits + check))


CARDS = st.one_of(
    st.from_regex(r"4[0-9]{14}", fullmatch=True),
    st.from_regex(r"5[1-5][0-9]{13}", fullmatch=True),
    st.from_regex(r"3[47][0-9]{12}", fullmatch=True),
    st.from_regex(r"6[05][0-9]{13}", fullmatch=True),
    st.from_regex(r"4[0-9]{17}", fullmatch=True),
).map(with_check_digit)

SEPARATORS = st.sampled_from(
    ["", "", "", " ", "-", "  ", " - ", "\u00a0", "\u2013", ".", "/", ", ", ",", "\u200b", "_"]
)
ZEROS = st.sampled_from("0\u0966\uff10\u0660\U0001d7d8")  # of five scripts; the digits follow their zero


def digits_in(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())


@given(CARDS, st.lists(SEPARATORS, min_size=19, max_size=19), ZEROS, st.sampled_from(["", "my card is ", "हाँ जी, "]))
def test_no_card_number_survives_in_any_form(card: str, between: list[str], zero: str, before: str) -> None:
    written = "".join(chr(ord(zero) + int(digit)) + gap for digit, gap in zip(card, between, strict=False))

    found = redact(f"{before}{written} okay?")

    assert digits_in(found.text) == ""
    assert set(found.kinds) <= {"card", "id", "phone", "number", "account"}


@given(st.text("0123456789", min_size=12, max_size=18).map(with_check_digit), st.sampled_from(["", " ", "-", "."]))
def test_no_number_with_a_right_check_digit_survives(number: str, gap: str) -> None:
    written = gap.join(number[at : at + 4] for at in range(0, len(number), 4))

    assert digits_in(redact(f"it is {written} okay").text) == ""


@given(CARDS, st.lists(st.sampled_from(["", ",", " and", " then"]), min_size=19, max_size=19), st.data())
def test_no_card_number_survives_that_is_read_out(card: str, between: list[str], data: st.DataObject) -> None:
    words = data.draw(st.sampled_from([ENGLISH, DEVANAGARI, LATIN]))
    said = " ".join(words[int(digit)] + gap for digit, gap in zip(card, between, strict=False))

    left = redact(f"well {said} please").text

    assert not set(re.findall(r"[^\s,]+", left)) & set(words)


@given(st.text(st.characters(exclude_categories=["Nd", "No", "Nl", "Cs"], exclude_characters="@")))
def test_text_without_digits_or_words_for_them_stays(text: str) -> None:
    words = set(re.findall(r"\w+", text.casefold()))
    assume(not words & {"at", "dot", "oh", "o"} and not any("\u0900" <= character <= "\u097f" for character in text))

    assert redact(text).text == text


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    found = redact(text)

    assert (found.text == text) == (not found.kinds)


@given(st.integers(1, 999), st.sampled_from(["agents", "days", "%", "rupees", "minutes", "लोग", "महीने"]))
def test_numbers_of_things_stay(number: int, thing: str) -> None:
    text = f"We have {number} {thing} now"

    assert redact(text).text == text


def turns(script: str) -> list[str]:
    return [line.text for line in redact_turns(conversation(script).turns).lines]


def test_a_card_read_out_in_groups_is_one_number() -> None:
    found = turns(
        """
        A: What is the card number?
        C: four two four two
        A: yes
        C: 4242
        A: four two four two, okay
        C: and then 4242, 4242
        A: Thank you. You have 12 agents?
        C: 12, yes
        """
    )

    assert found[1] == "[card]"
    assert found[3] == "[card]"
    assert found[4] == "[number], okay"
    assert found[5] == "and then [card]"
    assert found[6:] == ["Thank you. You have 12 agents?", "12, yes"]


def test_groups_far_apart_are_no_one_number() -> None:
    script = """
        C: We pay 4242
        A: I see, and how many seats did the company that you had before give you for that price?
        C: 4242, then 4242
        A: And that was for the whole team, with all the licences and support that they gave?
        C: 4242
    """

    assert turns(script) == [row.split(": ")[1] for row in script.strip().splitlines()]


@pytest.mark.parametrize(
    ("asked", "answer", "expected"),
    [
        ("Please tell me the OTP.", "427190", "[otp]"),
        ("Could you read the verification code?", "Yes, it's 4271", "Yes, it's [otp]"),
        ("ओटीपी बताइए", "जी, ४२७१", "जी, [otp]"),
        ("And the CVV?", "427", "[cvv]"),
        ("What is your account number?", "it is 12345678", "it is [account]"),
        ("Which phone number is it?", "2345 6789", "[phone]"),
        ("Can I have your e-mail?", "ravi kumar at bright desk dot com", "[email]"),
        ("Did you get the OTP?", "We have 427 agents who get it", "We have 427 agents who get it"),
        ("Did you get the OTP?", "It costs us 5000 rupees", "It costs us 5000 rupees"),
    ],
)
def test_what_was_asked_for_tells_what_the_answer_is(asked: str, answer: str, expected: str) -> None:
    assert turns(f"A: {asked}\nC: {answer}")[1] == expected


def test_ids_and_times_stay() -> None:
    call = conversation("A: Your number?\nC: 98765 43210")

    found = redact_turns(call.turns)

    assert [(line.id, line.speaker, line.start, line.end) for line in found.lines] == [
        (line.id, line.speaker, line.start, line.end) for line in call.turns
    ]
    assert found.kinds == ("phone",)
    assert found.values == (("98765 43210", "phone"),)


def test_what_was_hidden_in_the_call_is_hidden_in_what_is_said_of_it() -> None:
    call = redact_turns(conversation("A: Tell me the OTP.\nC: 427190").turns)

    assert redact("Customer: 427190", call.values).text == "Customer: [otp]"
    assert redact("Order 14271905", call.values).text == "Order 14271905"


QUOTED = {
    "4111 1111. 1111 1111": ("card", 'The customer said: "My card is 4111 1111."', '"1111 1111, right?"', '"4111…"'),
    "98765 43210": ("phone", "Call me back tomorrow, my number is 98765…", "…43210 until five."),
    "four one one one, one one one one, one one one one, one one one one": ("card", "It is four one one…"),
    "paanch chhah saat aath nau das gyarah": ("account", "Acct: paanch chhah saat…", "…aath nau das gyarah."),
    "asha dot rao at example dot com": ("email", "Write to asha dot rao at…", "Write to asha dot rao…"),
}


@pytest.mark.parametrize(("value", "said"), QUOTED.items(), ids=QUOTED)
def test_what_a_quote_has_cut_off_of_a_value_is_hidden_too(value: str, said: tuple[str, ...]) -> None:
    kind, *quotes = said
    words = [word for word in re.findall(r"[\d]+|[a-z]{3,}", value) if word not in {"dot", "com"}]

    for quote in quotes:
        found = redact(quote, [(value, kind)])

        assert not {word for word in words if re.search(rf"\b{word}\b", found.text)}, found.text
        assert found.kinds == (kind,), "one mark for all that stands together"


def test_what_only_shares_a_word_with_a_value_stays() -> None:
    known = [
        ("98765 43210", "phone"),
        ("four one and nine nine two", "otp"),
        ("asha dot rao at example dot com", "email"),
    ]

    for text in (
        "It costs 987 a month.",
        "One and nine agents.",
        "Asha is at example two.",
        "9876 calls",
        "and and and",
    ):
        assert redact(text, known).text == text


def test_no_turns_are_no_turns() -> None:
    assert redact_turns(()).lines == ()


HOSTILE = {
    "digits": "4" * 100_000,
    "digits apart": "4 " * 50_000,
    "amounts": "4,242," * 15_000,
    "dates": "2026-11-24-" * 10_000,
    "words": "four " * 20_000,
    "do": "do " * 30_000,
    "signs": "@" * 100_000,
    "names": "a@" * 50_000,
    "one name": "a" * 100_000,
    "dots": "a." * 50_000,
    "addresses": "at a dot " * 12_000,
    "letters": "A B C P E " * 10_000,
    "iban": "GB82 " * 20_000,
    "spaces": " " * 100_000 + "4242",
    "gaps": ("4" + " " * 1000) * 300,
    "keys": "otp is the " * 10_000 + "4271",
    "fillers": "4 and and " * 10_000,
    "invisible": "\u200b" * 100_000,
    "marks": "[card]" * 15_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_time_grows_with_the_length_and_no_faster(text: str) -> None:
    """A pattern that goes back and forth would take hours for these, whatever the machine."""
    found = redact(text)

    assert found.text != text or not found.kinds


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (luhn, "79927398713", "79927398710"),  # the example of ISO/IEC 7812-1
        (verhoeff, "2363", "2364"),  # the example of Verhoeff's paper
        (is_aadhaar, "234123412346", "134123412346"),
        (is_card, "4242424242424242", "1242424242424242"),
        (is_iban, "GB82WEST12345698765432", "GB28WEST12345698765432"),
    ],
)
def test_check_digits(check: Callable[[str], bool], good: str, bad: str) -> None:
    assert check(good)
    assert not check(bad)
