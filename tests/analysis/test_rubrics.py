"""Rubrics from files: what is read is what was written, and what is wrong is told all at once, with its line."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from callwright.analysis import Intent
from callwright.analysis.built_in import DEFAULT, NAMES, built_in, built_in_file
from callwright.analysis.rubric import RULES, TAKE_PHRASES, Concern, Meaning, Rubric, Topic
from callwright.analysis.rubric_check import MAX_BYTES, MOST_FAULTS, RubricRefused, read_document
from callwright.analysis.rubric_document import RubricDocument, document_of
from callwright.analysis.rubric_file import read_file, unapplied, write_file
from callwright.analysis.rules import quality
from callwright.analysis.scorecard import Parameter

SCHEMA = Draft202012Validator(TypeAdapter(RubricDocument).json_schema())
SMALL: dict[str, Any] = {
    "name": "small",
    "parameters": [{"name": "Clarity", "description": "Is clear.", "maximum": 10, "rule": "described"}],
}

_words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20)
_line = _words.map(lambda text: " ".join(text.split())).filter(lambda text: any(map(str.isalnum, text)))
_phrases = st.lists(_line, max_size=3).map(tuple)
_described = (st.none(), _line, st.just(()))


def _named(key: str, *parts: st.SearchStrategy[Any], of: Callable[..., Any]) -> st.SearchStrategy[Any]:
    """Up to three parts of a rubric with names of their own."""
    return st.lists(st.builds(of, *parts), max_size=3, unique_by=lambda part: getattr(part, key).casefold()).map(tuple)


_judged = st.sampled_from([rule for rule in RULES if rule not in TAKE_PHRASES])
RUBRICS = st.builds(
    Rubric,
    name=st.from_regex(r"[a-z0-9]{1,9}(-[a-z0-9]{1,9}){0,2}", fullmatch=True),
    parameters=_named(
        "name", _line, _line, st.integers(1, 100), _judged, st.just(()), st.booleans(), of=Parameter
    ).filter(len),
    intents=_named("intent", st.sampled_from(get_args(Intent)), _line, _phrases, of=Meaning),
    concerns=_named("category", _line, _line, _phrases, of=Concern),
    topics=_named("label", _line, _line, _phrases, _phrases, of=Topic),
    languages=st.lists(st.sampled_from(["en", "hi", "no", "hi-Latn", "en-IN"]), unique=True).map(tuple),
    redact_callbacks=st.booleans(),
)


def faults(content: str | bytes | dict[str, Any]) -> list[str]:
    """What is wrong with a document, as it is shown."""
    if isinstance(content, dict):
        content = yaml.safe_dump(content, sort_keys=False)
    with pytest.raises(RubricRefused) as refused:
        read_file(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return [str(fault) for fault in refused.value.faults]


@settings(deadline=None)
@given(RUBRICS)
def test_what_is_written_is_what_is_read(rubric: Rubric) -> None:
    document = document_of(rubric)
    assert read_file(write_file(rubric).encode()) == rubric
    assert read_file(json.dumps(document).encode()) == rubric
    assert read_file(json.dumps(document, ensure_ascii=False, indent="\t").encode()) == rubric
    assert SCHEMA.is_valid(document)
    assert SCHEMA.is_valid(yaml.safe_load(write_file(rubric))), "the schema says what the parser takes"


@pytest.mark.parametrize("name", NAMES)
def test_the_built_in_rubrics_are_whole(name: str) -> None:
    rubric = built_in(name)
    assert (rubric.name, rubric.version, rubric.label) == (name, 0, f"{name}/0")
    assert read_file(write_file(rubric).encode()) == rubric
    assert {meaning.intent for meaning in rubric.intents} == set(get_args(Intent))
    assert any(parameter.fatal for parameter in rubric.parameters)
    assert not any(parameter.rule == "described" for parameter in rubric.parameters), "every engine can judge it"
    assert rubric.concerns
    assert rubric.topics
    assert built_in_file(name).startswith(b"#")


def test_the_default_judges_by_every_rule_for_sales() -> None:
    judged = {parameter.rule for parameter in built_in(DEFAULT).parameters}
    assert judged == set(RULES[:9])


def test_every_rule_that_the_engine_has_can_be_named() -> None:
    assert set(quality.RULES) == set(RULES), "every rule has its judge, and no judge is without a rule"


def test_there_is_no_other() -> None:
    with pytest.raises(KeyError):
        built_in("../inside-sales")


def test_a_file_that_was_not_applied_is_told_by_its_contents() -> None:
    one = unapplied(built_in("support"))
    assert one.label.startswith("support/file-")
    assert unapplied(read_file(write_file(built_in("support")).encode())) == one
    assert unapplied(replace(built_in("support"), redact_callbacks=True)).label != one.label


HOSTILE = """\
name: My Rubric
paramters: []
parameters:
  - name: A
    maximum: 7.5
    rule: objection_handeling
    fatal: yes
    phrases: [911, "\\ud800", "a\\u0000b", ..., "bell \\a"]
  - name: a
    maximum: 10
    maximum: 11
    rule: &x says
    description: *x
  - !!python/object/apply:os.system ["true"]
topics: 5
languages: [en, no, EN, "not a tag"]
intents:
  - intent: INTRESTED
    description: "   "
"""


def test_every_fault_is_told_at_once_with_its_line() -> None:
    tag = "tag:yaml.org,2002:python/object/apply:os.system"
    assert faults(HOSTILE) == [
        "line 1, name: name must be of small letters and digits, with single hyphens between them, as inside-sales",
        "line 2, paramters: paramters is not known; did you mean parameters?",
        "line 4, parameters[0].description: description should not be empty",
        "line 5, parameters[0].maximum: maximum must be a whole number from 1 to 100",
        "line 6, parameters[0].rule: rule is not known; did you mean objection_handling?",
        "line 7, parameters[0].fatal: fatal must be true or false",
        "line 8, parameters[0].phrases[0]: phrases[0] must be a string: write it in quotes",
        "line 8, parameters[0].phrases[1]: phrases[1] must be plain text, without control characters",
        "line 8, parameters[0].phrases[2]: phrases[2] must not contain the character U+0000",
        "line 8, parameters[0].phrases[3]: phrases[3] must have a letter or a digit",
        "line 8, parameters[0].phrases[4]: phrases[4] must be plain text, without control characters",
        "line 9, parameters[1].name: name must be unique; parameters[0].name is the same",
        "line 9, parameters[1].phrases: phrases should not be empty, as says listens for them",
        "line 11, parameters[1].maximum: maximum must not stand twice; it is in line 10 already",
        "line 12, parameters[1].rule: rule must not have an anchor (&x)",
        "line 13, parameters[1].description: description must not be an alias (*x): write the value out",
        "line 14, parameters[2]: parameters[2] must be an object",
        f"line 14, parameters[2]: parameters[2] must not have a tag ({tag})",
        "line 15, topics: topics must be an array",
        "line 16, languages[2]: languages[2] must be unique; languages[0] is the same",
        "line 16, languages[3]: languages[3] must be a BCP 47 language tag, as en or hi-IN",
        "line 18, intents[0].intent: intent is not known; did you mean INTERESTED?",
        "line 19, intents[0].description: description should not be empty",
    ]


def parameter(**changes: Any) -> dict[str, Any]:
    """The small rubric with its parameter changed."""
    return {**SMALL, "parameters": [{**SMALL["parameters"][0], **changes}]}


SCORE = "maximum must be a whole number from 1 to 100"
SLUG = "name must be of small letters and digits, with single hyphens between them, as inside-sales"
PLAIN = "must be plain text, without control characters"
TOP = "name, parameters, intents, concerns, topics, languages, redact_callbacks"
ELEVEN = [{**SMALL["parameters"][0], "name": str(n), "maximum": 100} for n in range(11)]
ALIKE = [{"category": "A b", "description": "x"}, {"category": " a  B", "description": "x"}]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, "name: name should not be empty|parameters: parameters should not be empty"),
        (
            {"parameters": []},
            "line 1, parameters: parameters must contain at least 1 element|line 1, name: name should not be empty",
        ),
        ({**SMALL, "parameters": None}, "line 2, parameters: parameters should not be empty"),
        ({**SMALL, "name": "a--b"}, f"line 1, name: {SLUG}"),
        ({**SMALL, "name": "a" * 65}, "line 1, name: name must be shorter than or equal to 64 characters"),
        ({**SMALL, "version": 3}, f"line 7, version: version is not known; known are {TOP}"),
        (parameter(name="x" * 256), "line 3, parameters[0].name: name must be shorter than or equal to 255 characters"),
        (parameter(name="a\u202eb"), f"line 3, parameters[0].name: name {PLAIN}"),
        (parameter(maximum=0), f"line 5, parameters[0].maximum: {SCORE}"),
        (parameter(maximum=True), f"line 5, parameters[0].maximum: {SCORE}"),
        (parameter(maximum="10"), f"line 5, parameters[0].maximum: {SCORE}"),
        (parameter(maximum=10**40), f"line 5, parameters[0].maximum: {SCORE}"),
        (parameter(rule="shouting"), f"line 6, parameters[0].rule: rule must be one of {', '.join(RULES)}"),
        (parameter(rule=None), "line 6, parameters[0].rule: rule should not be empty"),
        (
            parameter(rule="says"),
            "line 3, parameters[0].phrases: phrases should not be empty, as says listens for them",
        ),
        (
            parameter(phrases=["hello"]),
            "line 7, parameters[0].phrases: phrases must be left out, as only says and never_says listen for them",
        ),
        (
            parameter(rule="says", phrases=["x" * 101]),
            "line 8, parameters[0].phrases[0]: phrases[0] must be shorter than or equal to 100 characters",
        ),
        (
            parameter(rule="says", phrases=["x"] * 100 + [5]),
            "line 7, parameters[0].phrases: phrases must contain no more than 100 elements",
        ),
        (parameter(rule="says", phrases=[["x"]]), "line 8, parameters[0].phrases[0]: phrases[0] must be a string"),
        (
            {**SMALL, "parameters": ELEVEN},
            "line 2, parameters: parameters must have maximums of no more than 1000 together, not 1100",
        ),
        (
            {**SMALL, "concerns": ALIKE},
            "line 10, concerns[1].category: category must be unique; concerns[0].category is the same",
        ),
        ({**SMALL, "redact_callbacks": "yes"}, "line 7, redact_callbacks: redact_callbacks must be true or false"),
    ],
)
def test_what_is_wrong_is_told_in_plain_words(document: dict[str, Any], told: str) -> None:
    assert "|".join(faults(document)) == told


def test_of_a_list_that_is_too_long_the_first_elements_are_looked_at() -> None:
    many = [{**SMALL["parameters"][0], "name": str(n), "maximum": 1} for n in range(51)]
    many[49]["rule"] = many[50]["rule"] = "none"
    told = faults({**SMALL, "parameters": many})
    assert [each.split(": ", 1)[1][:48] for each in told] == [
        "parameters must contain no more than 50 elements",
        f"rule must be one of {', '.join(RULES)}"[:48],
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe", "line 1: the file must be UTF-8"),
        (b"name: a\nb: \xff", "line 2: the file must be UTF-8"),
        (b"name: a\n\0", "line 2: the file must not contain the character U+0000"),
        (b"name: a\n\nb: \x07", "line 3: the file must not contain control characters"),
        (
            b"name: a\n\tb: 1",
            "line 2: the file is not well-formed YAML: found character '\\t' that cannot start any token",
        ),
        (b"- a\n", "line 1: the file must have keys, as name and parameters, each with its value"),
        (b"name: a\n? [x]\n: y\n", "line 2: the file must have plain words for keys"),
        (b"name: a\n? &b c\n: y\n", "line 2: the file must have plain words for keys"),
        (b"name: a\n--- \nname: b\n", "line 2: the file must hold one document"),
        (b"name: " + b"[" * 100_000, "line 1: the file must not be nested deeper than 8 levels"),
        (b'{"name": "a",\n "name": "b"}', "name must not stand twice in one object"),
        (b'{"name":\n "a",}', "line 2: the file is not well-formed JSON: "),
        (b'{"a":' * 50_000, "the file is no JSON that a rubric could be"),
        (b'{"name": ' + b"9" * 9_000 + b"}", "the file is no JSON that a rubric could be"),
        (b"#" * (MAX_BYTES + 1), "the file must not be larger than 256 kB"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content: bytes, told: str) -> None:
    assert any(each.startswith(told) for each in faults(content))


@pytest.mark.parametrize(
    "content",
    [
        b"a: &a [x, x]\n" + b"".join(b"k%d: &k%d [*a, *a, *a]\n" % (n, n) for n in range(9_000)),
        b"".join(b"k%d: 1\n" % n for n in range(25_000)),
        b"name: a\nparameters:\n" + b"- {}\n" * 40_000,
        b"parameters:\n- {name: a, description: b, maximum: 5, rule: says, phrases: [" + b"5," * 100_000 + b"]}",
    ],
)
def test_a_hostile_file_costs_little_and_its_faults_are_bounded(content: bytes) -> None:
    began = time.process_time()
    assert 0 < len(faults(content)) <= MOST_FAULTS
    assert time.process_time() - began < 60, "some 3 s: it does not grow with the square of the size"


def test_the_total_counts_whole_numbers_with_a_point_too() -> None:
    many = [{**each, "maximum": 100.0} for each in ELEVEN]
    with pytest.raises(RubricRefused, match="together, not 1100"):
        read_document({**SMALL, "parameters": many})
    for number in (7.5, float("inf"), 1e300):
        with pytest.raises(RubricRefused, match="whole number from 1 to 100"):
            read_document(parameter(maximum=number))


def test_words_are_words() -> None:
    text = "name: small\nlanguages: [no]\nparameters:\n- {name: on, description: 1.5 m, maximum: 10, rule: described}\n"
    rubric = read_file(text.encode())
    assert (rubric.languages, rubric.parameters[0].name) == (("no",), "on")
    folded = {**SMALL, "parameters": [{**SMALL["parameters"][0], "description": "Two\n  lines.\n", "phrases": None}]}
    assert read_document(folded).parameters[0].description == "Two lines."


@pytest.mark.parametrize("value", [None, [], "x", 5, {"name": 5}, {"parameters": [None, 5, []], "topics": {}}])
def test_documents_of_other_shapes_are_refused(value: object) -> None:
    with pytest.raises(RubricRefused):
        read_document(value)
    assert not SCHEMA.is_valid(value)
