"""What stands in the editor's fields, read as a rule, with every problem at its field."""

import pytest

from conduit_tui.domain.rules import Condition, Group, Rule
from conduit_tui.routing.expression import parse
from conduit_tui.tui.log_expression import read
from conduit_tui.tui.rule_draft import Draft, check, draft_of

BASE = Rule(
    id="r1", name="night", priority=4, conditions=parse("hour >= 22"), target_model="claude-haiku-5-5", rollout=12.5,
    sticky="session", fallback=("a", "b"), description="d", enabled=False,
)  # fmt: skip


def served(model: str) -> bool:
    return model != "nobody"


def test_a_rule_comes_back_as_it_was() -> None:
    checked = check(draft_of(BASE), BASE, [], served)
    assert checked.rule == BASE
    assert not checked.problems


def test_what_is_not_edited_here_stays() -> None:
    imported = Rule.model_validate(
        {
            "id": "x", "name": "n", "targetModel": "m", "color": "blue", "created_by": "me",
            "conditions": {"type": "AND", "rules": [{"type": "OR", "rules": [
                {"field": "agentType", "operator": "equals", "value": "a", "note": 1}]}]},
        }
    )  # fmt: skip
    draft = draft_of(imported)
    renamed = check(Draft(**{**draft.__dict__, "name": "other"}), imported, [], served).rule
    assert renamed is not None
    assert renamed.conditions == imported.conditions
    assert renamed.model_extra == {"color": "blue"}
    assert renamed.created_by == "me"
    edited = check(Draft(**{**draft.__dict__, "when": "hour > 3"}), imported, [], served).rule
    assert edited is not None
    assert edited.conditions == Group(rules=(Condition(field="hour", operator=">", value=3),))


@pytest.mark.parametrize(
    ("changes", "field", "words", "warning"),
    [
        ({"name": " "}, "name", "must have a name", False),
        ({"name": "taken"}, "name", "already", False),
        ({"when": ""}, "conditions", "at least one condition", False),
        ({"when": 'agentType = "a'}, "conditions", "a closing quote is missing", False),
        ({"when": "tokenCuont > 5"}, "conditions", "did you mean `tokenCount`", False),
        ({"when": 'tokenCount > "abc"'}, "conditions", "needs a number", False),
        ({"when": 'message matches "("'}, "conditions", "RE2 refuses", False),
        ({"use": ""}, "targetModel", "target model", False),
        ({"use": "nobody"}, "targetModel", "no provider serves", True),
        ({"fallback": "a, nobody"}, "fallback", "no provider serves", True),
        ({"priority": "2.5"}, "priority", "integer", False),
        ({"priority": "high"}, "priority", "integer", False),
        ({"rollout": "130"}, "rollout", "0 to 100", False),
        ({"rollout": "0"}, "rollout", "acts on no session", True),
    ],
)
def test_problems_stand_at_their_fields(changes: dict[str, str], field: str, words: str, warning: bool) -> None:
    draft = Draft(**{**draft_of(BASE).__dict__, **changes})
    checked = check(draft, BASE, [Rule(id="r2", name="taken")], served)
    problem = checked.of(field)
    assert problem is not None
    assert words in problem.message
    assert problem.warning is warning
    assert (checked.rule is None) is not warning


def test_every_field_that_is_wrong_is_said_at_once() -> None:
    draft = Draft(name="", when="hour >", use="", priority="x", rollout="y")
    checked = check(draft, Rule(), [], served)
    wrong = {problem.field for problem in checked.refusals}
    assert wrong == {"name", "conditions", "targetModel", "priority", "rollout"}
    assert checked.error is not None
    assert checked.error.position == len("hour >")


def test_numbers_as_people_write_them() -> None:
    draft = Draft(**{**draft_of(BASE).__dict__, "priority": " 1k ", "rollout": "10 %", "fallback": " a ,, b,"})
    rule = check(draft, BASE, [], served).rule
    assert rule is not None
    assert (rule.priority, rule.rollout, rule.fallback) == (1000, 10, ("a", "b"))


@pytest.mark.parametrize(
    "text", ["opus", "model:opus", "status:4xx docs", "", "error timeout", "not found", "a contains b", '"a" "b"']
)
def test_words_are_no_expression(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text", ['model contains "opus" and cost > 0.05', "(status = 402)", "not cost > 1", 'message matches "a"']
)
def test_expressions_are(text: str) -> None:
    assert read(text) is not None


def test_an_expression_that_is_meant_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"unknown field `modle`, did you mean `model`\? \(at 1\)"):
        read("modle = 3")
    with pytest.raises(ValueError, match=r"a value after `>` is missing"):
        read("cost >")
