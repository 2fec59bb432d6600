"""The rules where no cue has the customer's words: by vocabulary, by the main concern, by the last words of a call."""

import pytest

from analysis.test_rules_calls import RUBRICS, judge, topics
from callwright.analysis.built_in import built_in


@pytest.mark.parametrize(
    ("domain", "script", "category", "turns"),
    [
        (
            "sales",
            "A: It is nine hundred.\nC: Every extra has its surcharge, the deposit hurts.\nA: I see.\nC: No, thanks.",
            "Pricing",
            (1,),
        ),
        (
            "sales",
            "A: The files lie in our cloud.\nC: But it is private, and I read of leaks.\nA: I see.\nC: No, thank you.",
            "Trust",
            (1,),
        ),
        (
            "support",
            "A: How can I help?\nC: Subah se bot hi milta hai, phir wahi button, phir gaana.\nA: Maafi.\nC: Theek hai.",
            "Support",
            (1,),
        ),
        (
            "sales",
            "A: It is nine hundred.\nC: The deposit is fine.\nA: Shall I send it?\nC: Yes, send me the contract.",
            None,
            (),
        ),
        ("sales", "A: It is nine hundred.\nC: It is not expensive.\nA: I see.\nC: No, thanks, not for us.", None, ()),
    ],
)
def test_a_concern_in_words_that_no_cue_has(
    domain: str, script: str, category: str | None, turns: tuple[int, ...]
) -> None:
    concern = judge(script, RUBRICS[domain]).bant.concern_categories

    assert (concern and concern.text, concern.turns if concern else ()) == (category, turns)


def test_clear_words_outweigh_the_vocabulary_of_another_concern() -> None:
    found = judge("A: It is forty.\nC: I don't trust you.\nA: Why?\nC: The deposit, the surcharge. No, thanks.")

    assert found.bant.concern_categories
    assert found.bant.concern_categories.text == "Trust"


def test_the_main_concern_answers_a_topic_that_nothing_else_does() -> None:
    due = judge(
        "A: Forty are overdue.\nC: Hello.\nA: Hello?\nC: I don't owe it, the amount is wrong.", RUBRICS["collections"]
    )
    wavering = judge("A: Forty are overdue.\nC: Hello.\nA: Hello?\nC: Let me see.", RUBRICS["collections"])

    assert topics(due)["Reason For Delay"] == (3,)
    assert "Reason For Delay" not in topics(wavering)


def test_an_undecided_call_rests_on_the_last_words_of_substance() -> None:
    found = judge(
        "A: Our tool counts parcels.\nC: We have many of those.\nA: So.\nC: Let us see what comes.\nA: Bye.\nC: Bye."
    )

    assert found.intent == "NEUTRAL"
    assert 3 in found.intent_turns
    assert 5 not in found.intent_turns


def test_who_keeps_a_number_to_themselves_declines_nothing() -> None:
    kept = judge("A: May I have her number?\nC: I'd rather not.\nA: Fine.\nC: Ask me in spring.")
    declined = judge("A: May I send an offer?\nC: I'd rather not.\nA: Fine.\nC: Ask me in spring.")

    assert (kept.intent, declined.intent) == ("NEUTRAL", "NOT_INTERESTED")


def test_what_is_to_be_settled_first_is_not_settled() -> None:
    found = judge("A: Forty are overdue, until it is settled.\nC: No, I refuse to pay that.", RUBRICS["collections"])

    assert found.intent == "NOT_INTERESTED"


_REPORT = "A: Support, hello.\nC: {problem}\nA: {answer}\nC: All right, tomorrow then."


@pytest.mark.parametrize(
    ("problem", "answer", "category"),
    [
        ("The router drops the line.", "I'll send a new one.", None),
        ("This is the third router that drops the line, every week.", "I'm sorry, I'll send a new one.", "Quality"),
        ("You people told me in May that somebody would ring, still nothing.", "I apologise for that.", "Support"),
        (
            "Surely it ought to split an invoice, I looked everywhere.",
            "There's no option for that, sorry.",
            "Functionality",
        ),
        ("Aap log ne bill kyon badhaya, yeh to loot hai.", "Maaf kijiye.", "Pricing"),
    ],
)
def test_a_complaint_to_support_has_a_concern_and_a_report_has_none(
    problem: str, answer: str, category: str | None
) -> None:
    concern = judge(_REPORT.format(problem=problem, answer=answer), built_in("support")).bant.concern_categories

    assert (concern and concern.text) == category


def test_a_customer_who_is_content_in_the_end_holds_nothing_against_anybody() -> None:
    script = "A: Hello.\nC: My order is not what I ordered, it is green.\nA: A blue one comes today.\nC: {last}"

    content = judge(script.format(last="Perfect, that was quick."), RUBRICS["support"]).bant
    mocking = judge(script.format(last="Great, another one. Just what I needed, perfect."), RUBRICS["support"]).bant

    assert content.concern_categories is None
    assert mocking.concern_categories


def test_a_price_that_is_said_back_as_a_surprise_is_the_concern() -> None:
    shocked = judge("A: It is 900 dollars.\nC: 900 dollars! Hm.\nA: I see.\nC: We will see about it.").bant
    asking = judge("A: It is 900 dollars.\nC: Is it 900 dollars for all?\nA: Yes.\nC: We will see about it.").bant

    assert shocked.concern_categories
    assert shocked.concern_categories.text == "Pricing"
    assert asking.concern_categories is None
