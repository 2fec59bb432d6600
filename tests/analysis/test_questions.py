"""Questions are counted by their marks, and by English and Hindi question forms where marks are missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.analysis.questions import count_questions, marked

ASKING = [
    "What is your budget",
    "so what budget do you have in mind",
    "okay, when are you planning to move",
    "How much does it cost",
    "how long have you used it",
    "who else decides on this",
    "which tower would you prefer",
    "Is this a good time to talk",
    "Can I send you the brochure",
    "May I know your name",
    "don't you think so",
    "hello this is asha from acme are you looking for a flat",
    "that is the best price isn't it",
    "What\u2019s your budget",
    "aapka budget kitna hai",
    "kya aap interested hain",
    "sir aap kab tak decide karenge",
    "office kahan par hai aapka",
    "aap Sunday ko aa rahe hain ya nahi",
    "to phir theek hai na",
    "kyun nahi le rahe",
    "आपका बजट कितना है",
    "क्या आप अभी बात कर सकते हैं",
    "कब तक फैसला करेंगे",
    "ऑफिस कहाँ है",
    "यह क्यों चाहिए",
    "आप आएंगे या नहीं",
]
STATING = [
    "What I mean is that we deliver",
    "which is why I called",
    "when you visit us we show you the flat",
    "I do not know",
    "you can do it now",
    "How nice of you",
    "we are what they need",
    "do that tomorrow",
    "have the documents ready",
    "kuch bhi kar lo",
    "kabhi bhi aa jao",
    "kaise bhi ho jayega",
    "pata nahi kitna lagega",
    "maine kaha tha",
    "kyunki budget nahi hai",
    "main bataunga ki kitna lagega",
    "kya baat",
    "क्योंकि बजट नहीं है",
    "मैंने कहा था",
    "पता नहीं कितना लगेगा",
    "कैसे भी हो जाएगा",
    "हाँ जी ठीक है",
]


@pytest.mark.parametrize("text", ASKING)
def test_a_question_form_asks_without_a_mark(text: str) -> None:
    assert count_questions([text], marked=False) == 1
    assert count_questions([text], marked=True) == 1
    assert count_questions([f"{text}."], marked=False) == 1
    assert count_questions([f"{text}."], marked=True) == 0, "who writes question marks means a full stop"


@pytest.mark.parametrize("text", STATING)
def test_what_only_looks_like_a_question_states(text: str) -> None:
    assert count_questions([text], marked=False) == 0
    assert count_questions([f"{text}?"], marked=True) == 1, "its mark says it all the same"


def test_each_sentence_with_a_mark_counts_once() -> None:
    assert count_questions(["Really?! And you?? I see. Why? No", "नाम क्या है? जी।", "", "?"], marked=True) == 4


def test_a_transcript_has_marks_or_none() -> None:
    assert marked(["Yes.", "And you\uff1f"])
    assert not marked(["Yes.", "what is it"])


@given(st.lists(st.text(alphabet=st.characters() | st.sampled_from("?.! kyaकब")), max_size=5))
def test_any_text_has_at_most_a_question_per_sentence(texts: list[str]) -> None:
    found = count_questions(texts, marked=marked(texts))
    assert 0 <= found <= sum(len(text) for text in texts)
