"""The rules on short calls of every domain, in English and Hindi of both scripts: what is found, and on which turns."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from analysis.conversations import conversation
from callwright.analysis import Action, Analysis
from callwright.analysis.built_in import INSIDE_SALES
from callwright.analysis.rubric import Concern, Meaning, Rubric, Topic
from callwright.analysis.rules import RulesAnalyser
from callwright.analysis.rules.quality import RULES
from callwright.analysis.scorecard import Parameter

ENGINE = RulesAnalyser()
CATEGORIES = ("Pricing", "Trust", "Authority", "Timing", "Quality", "Support", "Dispute", "Payment Ability")
CONCERNS = tuple(Concern(category, "…") for category in CATEGORIES)


def _rubric(name: str, topics: tuple[str, ...], rules: tuple[str, ...]) -> Rubric:
    parameters = tuple(Parameter(rule, "…", 10, rule) for rule in rules)
    return Rubric(name, parameters, concerns=CONCERNS, topics=tuple(Topic(topic, "…") for topic in topics))


COLLECTIONS = _rubric(
    "collections",
    ("Reason For Delay", "Promise To Pay", "Payment Mode"),
    ("identity_check", "purpose_disclosed", "amount_stated", "payment_commitment", "no_threats", "closing"),
)
SUPPORT = _rubric(
    "support",
    ("Problem", "Since When", "Impact", "Resolution"),
    ("greeting", "problem_restated", "empathy", "solution_offered", "resolution_confirmed", "closing"),
)
RUBRICS = {"sales": INSIDE_SALES, "collections": COLLECTIONS, "support": SUPPORT}


def judge(script: str, rubric: Rubric = INSIDE_SALES, started: datetime | None = None) -> Analysis:
    return ENGINE.judge(replace(conversation(script, language=None), started_at=started), rubric)


def topics(analysis: Analysis) -> dict[str, tuple[int, ...]]:
    return {topic.label: topic.turns for topic in analysis.qualification}


def points(analysis: Analysis) -> dict[str, int | None]:
    return {entry.parameter_name: entry.inference_score for entry in analysis.quality}


@pytest.mark.parametrize(
    ("domain", "script", "intent"),
    [
        ("sales", "A: Shall we say Monday at ten?\nC: Yes, Monday is good.", "INTERESTED"),
        ("sales", "A: Demo kab rakhein?\nC: Kal subah gyarah baje rakh lo.", "INTERESTED"),
        ("sales", "A: तो फ़ॉर्म भेज दूँ?\nC: हाँ भेज दीजिए।", "INTERESTED"),
        ("sales", "A: Offer hai sir.\nC: Abhi zaroorat nahi hai, rehne dijiye.", "NOT_INTERESTED"),
        ("sales", "A: एक बार देख लीजिए।\nC: मुझे कोई दिलचस्पी नहीं है।", "NOT_INTERESTED"),
        ("sales", "A: Toh le lein sir?\nC: Dekhte hain, ghar pe baat karke batata hoon.", "NEUTRAL"),
        ("sales", "A: Aapko nahi chahiye?\nC: Nahi nahi, aisa nahi hai ki nahi chahiye.", "NEUTRAL"),
        ("sales", "A: What do you think?\nC: If we had the money, I'd buy it tomorrow.", "NEUTRAL"),
        ("sales", "A: Sirf ek crore mein.\nC: Wah, kitna sasta hai, do le lun?", "NOT_INTERESTED"),
        ("sales", "A: Is that Mr. Reed?\nC: No, you've got the wrong number.", "NOT_QUALIFIED"),
        ("sales", "A: Vinod ji?\nC: Nahi, galat number hai.", "NOT_QUALIFIED"),
        ("sales", "A: नमस्ते।\nC: अभी मीटिंग में हूँ, बाद में फ़ोन कीजिए।", "NOT_AVAILABLE"),
        ("sales", "C: कृपया बीप के बाद अपना संदेश छोड़ें।\nA: नमस्ते सर।", "NOT_AVAILABLE"),
        ("sales", "A: Is he in?\nC: Papa ghar pe nahi hain.", "NOT_AVAILABLE"),
        ("collections", "A: It is two hundred.\nC: I'll transfer it on Friday.", "INTERESTED"),
        ("collections", "A: Kab tak denge?\nC: Shukravar ko pakka de dunga.", "INTERESTED"),
        ("collections", "A: कब तक भर पाएँगे?\nC: पाँच तारीख़ को भर दूँगा।", "INTERESTED"),
        ("collections", "A: It is two hundred.\nC: I'm not paying a penny.", "NOT_INTERESTED"),
        ("collections", "A: Bharna toh padega.\nC: Nahi bharunga.", "NOT_INTERESTED"),
        ("collections", "A: When?\nC: I'll try, but I can't promise you anything.", "NEUTRAL"),
        ("collections", "A: कब देंगे?\nC: कोशिश करता हूँ, पक्का नहीं कह सकता।", "NEUTRAL"),
        ("support", "A: All done.\nC: Great, then renew it for another year please.", "INTERESTED"),
        ("support", "A: जी।\nC: मेरा कनेक्शन काट दीजिए।", "NOT_INTERESTED"),
        ("support", "A: How can I help?\nC: I'd like to cancel my subscription.", "NOT_INTERESTED"),
        ("support", "A: Hello.\nC: The screen is black.\nA: Press it.\nC: Ah, it's back. Thanks.", "NEUTRAL"),
        ("support", "A: Trains?\nC: I don't even have an account with you.", "NOT_QUALIFIED"),
    ],
)
def test_intent_in_each_domain_and_language(domain: str, script: str, intent: str) -> None:
    found = judge(script, RUBRICS[domain])

    assert found.intent == intent
    assert found.intent_turns


def test_where_the_customer_stands_at_the_end_counts() -> None:
    won = judge("A: It is forty.\nC: No thanks, not for us.\nA: It is free in May.\nC: Okay, then sign me up.")
    lost = judge("A: It is forty.\nC: Send me the contract.\nA: Here.\nC: No. We have decided against it, no thanks.")

    assert (won.intent, won.intent_turns) == ("INTERESTED", (3,))
    assert (lost.intent, lost.intent_turns) == ("NOT_INTERESTED", (3,))


@pytest.mark.parametrize(
    ("domain", "said", "category"),
    [
        ("sales", "That's far too expensive for us.", "Pricing"),
        ("sales", "Itna mehnga? Nahi chahiye.", "Pricing"),
        ("sales", "यह तो बहुत महँगा है।", "Pricing"),
        ("sales", "Mujhe aap pe bharosa nahi hai.", "Trust"),
        ("sales", "मुझे भरोसा नहीं होता।", "Trust"),
        ("sales", "I'd have to ask my boss first.", "Authority"),
        ("sales", "फ़ैसला मेरे पति करेंगे, मैं अकेले नहीं ले सकती।", "Authority"),
        ("collections", "I don't owe it.", "Dispute"),
        ("collections", "मैंने कोई लोन लिया ही नहीं।", "Dispute"),
        ("collections", "Abhi paisa nahi hai, haath tang hai.", "Payment Ability"),
        ("support", "Nobody has answered my tickets.", "Support"),
        ("support", "साल में तीसरी बार ख़राब हुआ है।", "Quality"),
        ("sales", "It is not too expensive.", None),
        ("sales", "Is it expensive?", None),
        ("support", "The app crashed.", None),
    ],
)
def test_concerns_in_both_languages_and_scripts(domain: str, said: str, category: str | None) -> None:
    concern = judge(f"A: Hello.\nC: {said}", RUBRICS[domain]).bant.concern_categories

    assert (concern and concern.text) == category
    assert concern is None or concern.turns == (1,)


@pytest.mark.parametrize(
    ("domain", "script", "label", "turns"),
    [
        ("sales", "A: What could you spend?\nC: Hm.\nA: Roughly.\nC: Around 2.5k a month.", "Budget", (3,)),
        ("sales", "A: Budget kya hai?\nC: Do lakh tak laga sakte hain.", "Budget", (1,)),
        ("sales", "A: बजट कितना है?\nC: दो लाख तक।", "Budget", (1,)),
        ("sales", "A: When do you need it?\nC: For which office?\nA: The big one.\nC: By March.", "Timeline", (3,)),
        ("sales", "A: कब से शुरू करेंगे?\nC: अप्रैल से।", "Timeline", (1,)),
        ("sales", "A: Who decides?\nC: My boss Ravi and Anita from finance.", "Authority", (1,)),
        ("sales", "A: फ़ैसला कौन लेता है?\nC: मैं और मेरी पत्नी।", "Authority", (1,)),
        ("sales", "A: Kitne students hain?\nC: Teen sau students.", "Company Size", (1,)),
        ("collections", "A: What happened?\nC: I lost my job in May.", "Reason For Delay", (1,)),
        ("collections", "A: क्या कारण रहा?\nC: वेतन देर से आया।", "Reason For Delay", (1,)),
        ("collections", "A: Kab tak?\nC: Somvar tak de dunga.", "Promise To Pay", (1,)),
        ("collections", "A: कैसे भरेंगे?\nC: यूपीआई से।", "Payment Mode", (1,)),
        ("support", "A: Hello.\nC: My printer doesn't print.", "Problem", (1,)),
        ("support", "A: कब से?\nC: तीन दिन से।", "Since When", (1,)),
        ("support", "A: Hello.\nC: It is down.\nA: I've fixed it.\nC: It works.", "Resolution", (2, 3)),
    ],
)
def test_topics_with_the_turns_that_carry_the_answer(
    domain: str, script: str, label: str, turns: tuple[int, ...]
) -> None:
    assert topics(judge(script, RUBRICS[domain])).get(label) == turns


@pytest.mark.parametrize(
    "script",
    [
        "A: What is your budget?\nC: My brother has a budget of ten thousand.",
        "A: What is your budget?\nC: I couldn't say.",
        "A: We have a budget plan for ten thousand.\nC: Okay.",
        "A: When do you want to start?\nC: I don't know.",
    ],
)
def test_somebody_elses_and_missing_answers_are_no_topic(script: str) -> None:
    assert topics(judge(script)) == {}


WHEN = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("script", "owner", "due", "day", "turns"),
    [
        ("A: I'll send the offer by Friday.\nC: Fine.", "agent", "by Friday", "2026-11-27", (0,)),
        ("A: Main kal agreement bhej doongi.\nC: Theek hai.", "agent", "kal", "2026-11-25", (0,)),
        ("A: मैं कल सुबह मिस्त्री भेज देती हूँ।\nC: ठीक है।", "agent", "कल सुबह", "2026-11-25", (0,)),
        ("A: Shall we meet on Tuesday at three?\nC: Yes.", "agent", "on Tuesday at three", "2026-12-01", (0, 1)),
        ("A: Good.\nC: I'll pay it on the 30th.", "customer", "on the 30th", "2026-11-30", (1,)),
        ("A: I'll call you next week.\nC: Okay.", "agent", "next week", None, (0,)),
        ("A: I'll text you the address.\nC: Cheers.", "agent", None, None, (0,)),
    ],
)
def test_actions_with_the_day_that_is_meant(
    script: str, owner: str, due: str | None, day: str | None, turns: tuple[int, ...]
) -> None:
    found = judge(script, started=WHEN).suggested_actions

    assert [(action.owner, action.due, action.due_date, action.turns) for action in found] == [(owner, due, day, turns)]


def test_a_request_and_the_promise_that_follows_are_one_action() -> None:
    found = judge("A: Anything else?\nC: Send me the price list by Monday.\nA: I'll send it.", started=WHEN)

    assert [(a.owner, a.due_date, a.turns) for a in found.suggested_actions] == [("agent", "2026-11-30", (1, 2))]


@pytest.mark.parametrize(
    "script",
    [
        "A: Shall I send you a sample?\nC: No, thank you.",
        "C: Please leave a message after the tone.\nA: I'll try you again tomorrow.",
        "A: If you like it, I'd send a sample.\nC: Hm.",
    ],
)
def test_what_was_not_agreed_is_no_action(script: str) -> None:
    assert judge(script, started=WHEN).suggested_actions == ()


def test_without_a_start_no_day_is_made_up() -> None:
    action = judge("A: I'll send the offer tomorrow.\nC: Fine.").suggested_actions[0]

    assert isinstance(action, Action)
    assert (action.due, action.due_date) == ("tomorrow", None)


def test_talking_points_are_what_was_left_open() -> None:
    still = judge("A: It is ninety.\nC: That is too expensive.\nA: I see.\nC: Let me think about it.")
    settled = judge("A: It is ninety.\nC: That is too expensive.\nA: For you sixty.\nC: Then I can live with that.")

    assert [point.turns for point in still.talking_points if "Pricing" in point.text] == [(1,)]
    assert not [point for point in settled.talking_points if "Pricing" in point.text]


def test_a_rubrics_own_words_are_listened_for() -> None:
    rubric = Rubric(
        "wine",
        (),
        intents=(
            Meaning("INTERESTED", "…", ("put me on the list",)),
            Meaning("NOT_QUALIFIED", "…", ("drink no wine",)),
        ),
        concerns=(Concern("Corked", "…", ("tastes of cork",)),),
        topics=(Topic("Cellar", "…", ("where do you store",), ("my cellar",)),),
    )
    keen = judge("A: Where do you store it?\nC: In a cool room below. Put me on the list.", rubric)
    other = judge("A: Hello.\nC: My cellar is full, and yours tastes of cork. I drink no wine.", rubric)

    assert (keen.intent, topics(keen)) == ("INTERESTED", {"Cellar": (1,)})
    assert (other.intent, topics(other)) == ("NOT_QUALIFIED", {"Cellar": (1,)})
    assert judge("A: Hi.\nC: Yours tastes of cork.", rubric).bant.concern_categories is not None


def test_a_category_that_the_rubric_lacks_is_not_reported() -> None:
    bare = Rubric("bare", (), concerns=(Concern("Trust", "…"),))

    assert judge("A: Hello.\nC: That is too expensive.", bare).bant.concern_categories is None


def test_phrases_that_are_to_be_said_and_those_that_are_not() -> None:
    rubric = Rubric(
        "phrases",
        (
            Parameter("Notice", "…", 5, "says", ("call is recorded", "कॉल रिकॉर्ड")),
            Parameter("Guarantee", "…", 5, "never_says", ("guaranteed return",), fatal=True),
            Parameter("Warmth", "…", 5, "described"),
        ),
    )
    good = judge("A: This call is recorded.\nC: Okay, that is fine.\nA: Good.", rubric)
    bad = judge("A: It has guaranteed returns.\nC: Is the call recorded?\nA: Hm.", rubric)

    assert points(good) == {"Notice": 5, "Guarantee": 5, "Warmth": None}
    assert points(bad) == {"Notice": 0, "Guarantee": 0, "Warmth": None}
    assert [entry.turns for entry in good.quality] == [(0,), (), ()]
    assert [entry.turns for entry in bad.quality] == [(), (0,), ()]
    assert "language model" in good.quality[2].justification


def test_every_rule_is_known_and_judges() -> None:
    rubric = Rubric("all", tuple(Parameter(rule, "…", 10, rule, ("hello",)) for rule in RULES))
    found = judge("A: Hello, this is Asha.\nC: Yes, hello.\nA: Good.", rubric)

    assert len(RULES) == len(set(RULES))
    assert not [entry for entry in found.quality if "no rule named" in entry.justification]


def test_the_quality_of_a_call_that_collects() -> None:
    good = judge(
        """
        A: Hello, am I speaking with Mr. Novak? This is Priya from Bell Leasing.
        C: Yes, that's me.
        A: The instalment of twelve hundred and forty of the third of October is still open. When could you pay it?
        C: On Friday, the whole amount.
        A: And how would you pay?
        C: Bank transfer.
        A: Thank you, goodbye.
        """,
        COLLECTIONS,
    )
    threat = judge("A: Pay, or we tell your neighbours.\nC: Goodbye.", COLLECTIONS)

    assert set(points(good).values()) == {10}
    assert next(e.turns for e in good.quality if e.parameter_name == "payment_commitment") == (2, 3, 5)
    assert points(threat)["no_threats"] == 0


def test_a_threat_counts_in_hindi_too() -> None:
    found = judge("A: Paisa do warna ghar pe aadmi bhej dunga.\nC: Haan ji.", COLLECTIONS)

    assert points(found)["no_threats"] == 0


def test_the_quality_of_a_call_that_solves_a_problem() -> None:
    good = judge(
        """
        A: Hello, InkBooks support, this is Noor, how can I help?
        C: My invoices are stuck since this morning.
        A: I'm sorry. So your invoices are stuck, is that right?
        C: Yes.
        A: I've cleared it. Could you try again?
        C: It works.
        A: Have a nice day.
        """,
        SUPPORT,
    )
    poor = judge("A: Yes?\nC: My invoices are stuck since this morning.\nA: Hm.\nC: Well.", SUPPORT)

    assert set(points(good).values()) == {10}
    assert set(points(poor).values()) == {0}
