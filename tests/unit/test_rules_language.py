"""Rules as text and as JSON: both ways without loss, errors with their place, completion."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.domain.rules import Condition, Group, Rule
from conduit_tui.routing import fields
from conduit_tui.routing.completion import complete
from conduit_tui.routing.expression import DEEPEST, ExpressionError, normalise, parse, to_text
from conduit_tui.routing.fields import FIELDS, Kind, Scope
from conduit_tui.routing.lexer import quote, unescape

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
NUMERIC_TEXTS = st.sampled_from(["5", "1_000", "-0.5", "2k", "1.5M", "1e6"])
TAILS = st.sampled_from(["x-name", "user.id", "a b", 'q"uote', "and", "ümlaut", "=", "(x)", "tab\there"])


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from([field for field in FIELDS if not field.log_only]))
    name = field.name
    if field.is_family:
        name += "." + draw(st.just("x-Name") if field.name == "header" else TAILS)
    operator = draw(st.sampled_from(field.operators))
    values: st.SearchStrategy[Any] = ANY_TEXT
    if field.kind is Kind.NUMBER or operator in fields.NUMBERS_ONLY:
        values = NUMBERS | NUMERIC_TEXTS
    elif operator == "matches":
        values = st.sampled_from(
            [r"\d+", r"(?i)analy[sz]e", r"\\server\\share", "a\\\\", "^x$", r"\bword\b", "\n", '"']
        )
    elif field.kind is Kind.OPEN and operator in ("=", "!="):
        values = ANY_TEXT | NUMBERS | NUMERIC_TEXTS
    return Condition(field=name, operator=operator, value=draw(values))


TREES = st.recursive(
    conditions(),
    lambda inner: st.builds(
        lambda kind, members: Group(type=kind, rules=tuple(members)),
        st.sampled_from(["AND", "OR", "NOT"]),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@given(TREES)
def test_json_to_text_to_json_gives_the_normal_form(tree: Condition | Group) -> None:
    group = tree if isinstance(tree, Group) else Group(rules=(tree,))
    normal = normalise(group)
    text = to_text(group)
    assert "\n" not in text
    assert text.isprintable()
    if not normal.rules:
        assert text == ""
        return
    assert parse(text).model_dump() == normal.model_dump()
    assert repr(parse(text)) == repr(normal)  # 5 is not 5.0, and not "5"
    assert to_text(parse(text)) == text
    assert normalise(normal) == normal


@given(TREES)
def test_a_tree_in_a_file_is_read_back_as_it_was(tree: Condition | Group) -> None:
    rule = Rule(name="r", target_model="m", conditions=tree if isinstance(tree, Group) else Group(rules=(tree,)))
    assert repr(Rule.model_validate_json(rule.model_dump_json(by_alias=True))) == repr(rule)


@given(ANY_TEXT)
def test_quoting_is_taken_back(text: str) -> None:
    quoted = quote(text)
    assert quoted.isprintable()
    assert unescape(quoted[1:-1]) == text


def parsed(text: str) -> Group | ExpressionError:
    try:
        return parse(text)
    except ExpressionError as error:
        return error


@given(st.text(st.sampled_from("() \"'\\<>=!andortkCu.59_k-\n"), max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    found = parsed(text)
    if isinstance(found, ExpressionError):
        assert found.message
        assert 0 <= found.position <= len(text)
        assert found.length >= 1
    else:
        assert parse(to_text(found)) == found
    for cursor in range(len(text) + 1):
        complete(text, cursor, models=("claude-opus-5-5",))


def test_the_example_of_the_design() -> None:
    text = (
        'tokenCount > 50000 and (agentType = "research" or message matches "(?i)analy[sz]e")'
        ' and not flags contains "thinking"'
    )
    tree = {
        "type": "AND",
        "rules": [
            {"field": "tokenCount", "operator": ">", "value": 50000},
            {
                "type": "OR",
                "rules": [
                    {"field": "agentType", "operator": "=", "value": "research"},
                    {"field": "message", "operator": "matches", "value": "(?i)analy[sz]e"},
                ],
            },
            {"type": "NOT", "rules": [{"field": "flags", "operator": "contains", "value": "thinking"}]},
        ],
    }
    assert parse(text) == Group.model_validate(tree)
    assert json.loads(parse(text).model_dump_json()) == tree
    assert to_text(Group.model_validate(tree)) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("model = a", 'model = "a"'),
        ("((model = a))", 'model = "a"'),
        ("model equals a", 'model = "a"'),
        ("NOT model = a AND agent = b", 'not model = "a" and agent = "b"'),
        ("model = a or agent = b and session = c", 'model = "a" or (agent = "b" and session = "c")'),
        ("model = a and (agent = b and session = c)", 'model = "a" and (agent = "b" and session = "c")'),
        ("not (model = a or agent = b)", 'not (model = "a" or agent = "b")'),
        ("not not model = a", 'not not model = "a"'),
        ("flags contains --thinking", 'flags contains "--thinking"'),
        ("tokenCount > 50k", "tokenCount > 50000"),
        ("tokenCount>=1_500", "tokenCount >= 1500"),
        ("tokenCount < 1.5M", "tokenCount < 1500000"),
        ("budgetUsed > 12.5", "budgetUsed > 12.5"),
        ('tokenCount > "50000"', 'tokenCount > "50000"'),
        ("session = 123", 'session = "123"'),
        ("header.x-tier = 3", "header.x-tier = 3"),
        ("metadata.team.name = ops", 'metadata.team.name = "ops"'),
        ("message contains 'a \"b\" c'", r'message contains "a \"b\" c"'),
        (r'message matches "\d+\.\d"', r'message matches "\d+\.\d"'),
        (r'message matches "C:\\new"', r'message matches "C:\\new"'),
    ],
)
def test_how_a_line_reads_afterwards(text: str, printed: str) -> None:
    assert to_text(parse(text)) == printed


def test_equality_is_after_normalisation() -> None:
    condition = {"field": "model", "operator": "equals", "value": "a"}
    tree = Group.model_validate(
        {"type": "OR", "rules": [{"type": "AND", "rules": [condition]}, {"type": "AND", "rules": []}]}
    )
    assert normalise(tree) == parse("model = a")
    none_of = Group.model_validate({"type": "NOT", "rules": [condition, {**condition, "value": "b"}]})
    assert to_text(none_of) == 'not (model = "a" or model = "b")'


@pytest.mark.parametrize(
    ("text", "place", "message", "suggestion"),
    [
        ("", (0, 1), "a condition is missing", ""),
        ("tokenCuont > 5", (0, 10), "unknown field `tokenCuont`, did you mean `tokenCount`?", "tokenCount"),
        ("model = a and toolcount > 5", (14, 9), "unknown field `toolcount`, did you mean `toolCount`?", "toolCount"),
        ("zzz = 1", (0, 3), "unknown field `zzz`", ""),
        ("header = 1", (0, 6), "`header` needs a name behind it, as in `header.user-agent`", "header."),
        ("headers.x-a = 1", (0, 11), "unknown field `headers.x-a`, did you mean `header.x-a`?", "header.x-a"),
        ("header.ü = 1", (0, 8), "`ü` cannot be the name of a header", ""),
        ("cost > 5", (0, 4), "`cost` is known only after the answer: it filters the log, but decides no rule", ""),
        ("tokenCount > abc", (13, 3), "`>` needs a number, `abc` is none", ""),
        ('tokenCount > "abc"', (13, 5), "`>` needs a number, `abc` is none", ""),
        ("tokenCount > 1e999", (13, 5), "`>` needs a number, `1e999` is none", ""),
        ("tokenCount >", (12, 1), "a value after `>` is missing", ""),
        ("(tokenCount > )", (14, 1), "a value after `>` is missing", ""),
        ("tokenCount", (10, 1), "an operator after `tokenCount` (> < >= <= = !=) is missing", ""),
        ("tokenCount => 5", (11, 2), "unknown operator `=>`, did you mean `>=`?", ">="),
        ("model == a", (6, 2), "unknown operator `==`, did you mean `=`?", "="),
        ("model contians a", (6, 8), "unknown operator `contians`, did you mean `contains`?", "contains"),
        ("model > 5", (6, 1), "`model` is text: `>` does not apply, use = != contains matches", ""),
        ("flags = a", (6, 1), "`flags` is a list: `=` does not apply, use contains matches", ""),
        ("model = a && agent = b", (10, 2), "`and` or `or` is missing before `&&`, did you mean `and`?", "and"),
        ("! model = a", (0, 1), "a condition is expected here, did you mean `not`?", "not"),
        (
            "message contains foo bar",
            (21, 3),
            '`and` or `or` is missing before `bar`; text of several words needs quotes: "foo bar"',
            "",
        ),
        ('message contains "analy', (23, 1), "a closing quote is missing", ""),
        ("(model = a", (0, 1), "this parenthesis is not closed", ""),
        ("model = a)", (9, 1), "this parenthesis closes nothing", ""),
        ("model = a or", (12, 1), "a condition is missing", ""),
        ("and model = a", (0, 3), "a condition is missing", ""),
        ("model = not", (8, 3), "a value after `=` is expected here", ""),
        ('message matches "(a"', (16, 4), "RE2 refuses the pattern: missing ): (a", ""),
        (r'message matches "(a)\1"', (16, 7), r"RE2 refuses the pattern: invalid escape sequence: \1", ""),
        ("model = \udcff", (8, 1), "this is no character", ""),
    ],
)
def test_errors_name_place_and_remedy(text: str, place: tuple[int, int], message: str, suggestion: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    assert (error.message, (error.position, error.length), error.suggestion) == (message, place, suggestion)
    assert error.word == text[error.position : error.position + error.length] or error.position == len(text)


def test_nesting_has_an_end() -> None:
    assert parse("(" * DEEPEST + "model = a" + ")" * DEEPEST) == parse("model = a")
    for opening, closing in (("(", ")"), ("not ", "")):
        with pytest.raises(ExpressionError, match="groups within groups"):
            parse(opening * 5000 + "model = a" + closing * 5000)


def test_the_log_knows_more_fields() -> None:
    text = 'model contains "opus" and cost > 0.05 and (status >= 400 or error != "") and routedModel = "m"'
    assert to_text(parse(text, Scope.LOG)) == text
    with pytest.raises(ExpressionError, match="did you mean `latency`"):
        parse("latncy > 5", Scope.LOG)


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("tok|", ["tokenCount", "maxTokens"]),
        ("to|k > 5", ["tokenCount", "toolCount", "maxTokens"]),
        ("tokenCount |", [">", "<", ">=", "<=", "=", "!="]),
        ("flags |", ["contains", "matches"]),
        ("model con|", ["contains"]),
        ("tokenCount >|", [">="]),
        ("tokenCount > |", []),
        ("model = a |", ["and", "or"]),
        ("model = a o|", ["or"]),
        ("(model = a) |", ["and", "or"]),
        ("model = a and ag|", ["agentType", "agent", "message", "flags", "messageCount"]),
        ("not hea|", ["header."]),
        ("model = |", ['"claude-opus-5-5"', '"gpt-6"']),
        ('model = "GP|', ['"gpt-6"']),
        ("model = opus|", ['"claude-opus-5-5"']),
        ("requestClass = sub|", ['"subagent"']),
        ("agentType = |", []),
    ],
)
def test_completion(text: str, completed: list[str]) -> None:
    cursor = text.index("|")
    offered = complete(text.replace("|", ""), cursor, models=("claude-opus-5-5", "gpt-6"))
    assert [completion.text for completion in offered] == completed


def test_a_completion_replaces_the_word_at_the_cursor_and_helps() -> None:
    text = "model = a and tok > 5"
    first = complete(text, 16)[0]
    assert text[: first.start] + first.text + text[first.end :] == "model = a and tokenCount > 5"
    assert first.help
    assert "cost" not in [completion.text for completion in complete("", 0)]
    assert "cost" in [completion.text for completion in complete("", 0, scope=Scope.LOG)]


def test_a_rule_keeps_what_it_does_not_know_and_writes_no_more_than_it_was_given() -> None:
    given = {
        "id": "r1",
        "name": "big",
        "description": "",
        "enabled": True,
        "priority": 3,
        "colour": "red",
        "conditions": {
            "type": "AND",
            "rules": [{"field": "model", "operator": "=", "value": "a", "note": [1]}],
            "x": 1,
        },
        "targetModel": "m",
    }
    assert json.loads(Rule.model_validate(given).model_dump_json(by_alias=True)) == given
    ours = {**given, "sticky": "session", "rollout": 10.0, "fallback": ["n"], "created_by": "me", "created_at": 5}
    assert json.loads(Rule.model_validate(ours).model_dump_json(by_alias=True)) == ours
