"""Scripted calls with labels that were written before any engine was run on them.

A script is one line per turn, `A:` the agent and `C:` the customer; times follow from the number of words.
"""

from dataclasses import dataclass

from callwright.analysis import Conversation, Intent, Line, Speaker, Talk

SECONDS_PER_WORD = 0.4


def conversation(script: str, *, draft: bool = False, language: str | None = "en") -> Conversation:
    """The conversation that a script tells: no overlaps, half a second between turns."""
    turns: list[Line] = []
    at = 0.5
    for row in script.strip().splitlines():
        mark, _, text = row.strip().partition(":")
        speaker: Speaker = "agent" if mark == "A" else "customer"
        end = round(at + SECONDS_PER_WORD * max(len(text.split()), 1), 3)
        turns.append(Line(len(turns), speaker, at, end, text.strip()))
        at = round(end + 0.5, 3)
    speech = tuple(Talk(turn.speaker, turn.start, turn.end) for turn in turns)
    return Conversation(tuple(turns), speech, at, draft, language)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A script and what a careful listener would say of it.

    Attributes:
        intent: The customer's intent.
        concern: The category of the main objection; None where there is none.
        topics: The qualification topics that came up with an answer.
    """

    name: str
    script: str
    intent: Intent
    concern: str | None = None
    topics: frozenset[str] = frozenset()


SCRIPTED = (
    Labelled(
        "interested, asks the price",
        """
        A: Hi, this is Asha from Brightdesk. Is this a good time to talk?
        C: Yes, go ahead.
        A: What made you fill in our form?
        C: We need a tool that tracks our leads, everything is in spreadsheets today.
        A: Brightdesk keeps every lead in one place and reminds your team to follow up.
        C: That sounds good. How much does it cost per user?
        A: It is twenty dollars per user per month.
        C: Okay, can you send me a quote?
        A: Sure, I will send it today. Shall we book a demo on Tuesday at three?
        C: Tuesday works for me.
        """,
        "INTERESTED",
        None,
        frozenset({"Need", "Current Solution"}),
    ),
    Labelled(
        "polite no",
        """
        A: Good morning, this is Ravi from Solarly. I am calling about rooftop solar for your home.
        C: Oh, thanks for calling, but I think we will pass for now.
        A: May I ask why?
        C: It is a nice product, we are just happy with what we have. Thank you though.
        A: I understand. Have a good day.
        """,
        "NOT_INTERESTED",
        "Competition",
        frozenset({"Current Solution"}),
    ),
    Labelled(
        "plain negation",
        """
        A: Hello, I am calling from Fitnow about our gym membership.
        C: I'm not interested.
        A: Could I tell you about our new offer?
        C: No, I don't want it. Please don't call again.
        A: Of course, sorry for the trouble.
        """,
        "NOT_INTERESTED",
    ),
    Labelled(
        "not saying no",
        """
        A: So would you like to go ahead with the annual plan?
        C: I'm not saying no, I just need to see how the team likes it first.
        A: Fair enough. What would help them decide?
        C: Maybe a trial. Let me think about it and talk to them.
        A: I can open a trial for you.
        C: Perhaps next month.
        """,
        "NEUTRAL",
    ),
    Labelled(
        "sarcasm",
        """
        A: Hi, I am calling with a great offer on extended warranties.
        C: Oh great, another sales call. Just what I needed.
        A: It only takes two minutes.
        C: Yeah right. I've heard that before, goodbye.
        """,
        "NOT_INTERESTED",
    ),
    Labelled(
        "voicemail",
        """
        C: Hi, you have reached Daniel Kim. I can't come to the phone right now, please leave a message after the tone.
        A: Hi Daniel, this is Mia from Ledgerly. I am calling about your trial. Please call me back.
        """,
        "NOT_AVAILABLE",
    ),
    Labelled(
        "wrong number",
        """
        A: Hi, am I speaking with Mister Lopez?
        C: No, you have the wrong number.
        A: Oh, I am sorry about that. Have a nice day.
        C: No problem, bye.
        """,
        "NOT_QUALIFIED",
    ),
    Labelled(
        "busy, call later",
        """
        A: Hello, this is Priya from Edupath.
        C: I'm driving right now, can you call me later?
        A: Sure, what time suits you?
        C: After six in the evening.
        A: I will call you at six thirty, thank you.
        """,
        "NOT_AVAILABLE",
    ),
    Labelled(
        "customer never speaks",
        """
        A: Hello? This is Tom from Cloudnine. Can you hear me?
        A: Hello? I think the line is bad, I will try again later.
        """,
        "NOT_AVAILABLE",
    ),
    Labelled(
        "not the decision maker",
        """
        A: Hi, this is Lena from Paystack Pro, I am calling about your payroll software.
        C: You are talking to the wrong department, I'm not the one who decides on that.
        A: Who would be the right person?
        C: My manager handles all purchases, I have no say in it.
        A: Thank you, I will reach out to the manager.
        """,
        "NOT_QUALIFIED",
        None,
        frozenset({"Authority"}),
    ),
    Labelled(
        "no budget",
        """
        A: Do you have a budget set aside for training this year?
        C: No, we have no budget for this at all, everything is frozen until next year.
        A: I see. Would a smaller package be possible?
        C: We really can't spend anything, there is no money for it.
        A: Understood, thank you for your time.
        """,
        "NOT_QUALIFIED",
        None,
        frozenset({"Budget"}),
    ),
    Labelled(
        "third person's budget",
        """
        A: Hi, this is Noor from Homestead Kitchens. What kind of kitchen are you looking for?
        C: We want a modern kitchen with an island. My brother spent fifty thousand dollars on his.
        A: An island is possible. We design it and build it within six weeks.
        C: That sounds great, I'd love to see some designs.
        A: I can come by on Saturday at ten to measure.
        C: Saturday is fine.
        """,
        "INTERESTED",
        None,
        frozenset({"Need"}),
    ),
    Labelled(
        "price objection, then interest",
        """
        A: The licence is nine hundred a year.
        C: That's too expensive for us, your competitor asks for half of that.
        A: I understand. The difference is that support and onboarding are included, which the others charge for.
        C: Okay, that makes sense. When can we start?
        A: We can start on Monday. I will send you the contract today.
        C: Great, please send the contract.
        """,
        "INTERESTED",
        "Pricing",
    ),
    Labelled(
        "under contract with another",
        """
        A: Who provides your internet at the moment?
        C: We are with Northlink, and we are locked into a contract for another two years.
        A: When does the contract end?
        C: In March two years from now. There's nothing we can do before that.
        A: May I call you then?
        C: You can try.
        """,
        "NOT_QUALIFIED",
        "Competition",
        frozenset({"Current Solution"}),
    ),
    Labelled(
        "integration worry",
        """
        A: Did you have a look at the trial of our help desk?
        C: I did, and I like it. But I'm worried that it doesn't integrate with Salesforce.
        A: Good point. We have a Salesforce connector, it syncs every ten minutes and I can show it to you.
        C: Oh nice, I'd like to see that.
        A: Shall we say Thursday at two?
        C: Yes, Thursday at two works.
        """,
        "INTERESTED",
        "Integration",
    ),
    Labelled(
        "security concern, undecided",
        """
        A: Hi, this is Omar from Vaultly. I wanted to ask what you think of our proposal.
        C: We haven't decided yet. Our main concern is the security of our customer data.
        A: All data is encrypted and we are audited every year.
        C: Okay. We are still comparing a few vendors.
        A: When will you decide?
        C: By the end of the quarter, I guess.
        """,
        "NEUTRAL",
        "Trust",
        frozenset({"Timeline"}),
    ),
    Labelled(
        "full qualification",
        """
        A: Hi, this is Jane from Dialwise, do you have a few minutes?
        C: Sure.
        A: How many people are on your sales team?
        C: We have about forty reps.
        A: What are you using today?
        C: We use an old dialer, it drops calls all the time.
        A: What budget do you have in mind?
        C: Around two thousand dollars a month.
        A: Who else is involved in the decision?
        C: Me and our finance head.
        A: And when do you want to be live?
        C: By January.
        A: Where is your team located?
        C: We are based in Pune.
        A: Dialwise has a power dialer with clear lines, which helps your reps make twice the calls.
        C: That's what we need. Let's set up a demo.
        A: Wednesday at eleven?
        C: Perfect, see you then.
        """,
        "INTERESTED",
        None,
        frozenset({"Company Size", "Current Solution", "Budget", "Authority", "Timeline", "Need"}),
    ),
    Labelled(
        "email me, a brush-off",
        """
        A: Can I tell you about our insurance plans?
        C: Just send me an email, I'll have a look sometime.
        A: What is your email address?
        C: It's on our website. Okay, bye.
        """,
        "NEUTRAL",
    ),
    Labelled(
        "only questions about the product",
        """
        A: Hi, you asked for information about our accounting course.
        C: Yes. How long is the course?
        A: It is six months, on weekends.
        C: And is it online or in the city?
        A: Both are possible.
        C: Okay, thank you. I'll discuss it at home.
        """,
        "NEUTRAL",
    ),
    Labelled(
        "a friend is interested, not the customer",
        """
        A: Are you interested in our new credit card?
        C: My friend is interested in one, I am not.
        A: I see, may I have the friend's number?
        C: No, sorry. I already have two cards, I don't need another one.
        A: Alright, thank you.
        """,
        "NOT_INTERESTED",
        "Competition",
        frozenset(),
    ),
    Labelled(
        "ready to buy",
        """
        A: Hi, this is Carl from Coldbrew Machines, following up on last week's demo.
        C: Yes, we discussed it and we want to go ahead. Please send the invoice.
        A: Wonderful, thank you. I will send the invoice this afternoon.
        C: When will it be delivered?
        A: Within ten days.
        C: Perfect.
        """,
        "INTERESTED",
    ),
    Labelled(
        "slow roll-out worry and a no",
        """
        A: Have you thought about moving to our warehouse system?
        C: We have. The implementation takes too long, we can't stop the warehouse for three months.
        A: We could do it in phases.
        C: No, we've decided against it. It's not for us.
        A: Thank you for letting me know.
        """,
        "NOT_INTERESTED",
        "Implementation Timeline",
    ),
    Labelled(
        "missing feature",
        """
        A: How was the trial of our booking app?
        C: It's okay, but it doesn't have a waiting list, and we can't work without that.
        A: The waiting list comes with the next release in May. Would that be soon enough?
        C: Maybe. Call me when it's there.
        A: I will call you in May.
        """,
        "NEUTRAL",
        "Functionality",
    ),
    Labelled(
        "answers to yes/no questions only",
        """
        A: Hello, are you still interested in the apartment on Green Street?
        C: Yes.
        A: Would you like to visit it this weekend?
        C: Yes, sure.
        A: Saturday at eleven?
        C: Okay, that's fine.
        """,
        "INTERESTED",
    ),
)
