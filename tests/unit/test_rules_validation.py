"""What is refused when a rule is saved, at which field and in which words."""

from typing import Any

import pytest

from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.validation import (
    Problem,
    read_rule,
    validate_default_model,
    validate_rule,
    validate_rules,
)

CONDITION = {"field": "model", "operator": "=", "value": "m"}
NAME_AND_TARGET = "All routing rules must have a name and target model"


def given(**more: Any) -> dict[str, Any]:
    return {"name": "X", "targetModel": "haiku", "conditions": {"type": "AND", "rules": [CONDITION]}, **more}


def problems(**more: Any) -> list[Problem]:
    rule = read_rule(given(**more))
    return validate_rule(rule, []) if isinstance(rule, Rule) else rule


def tree(*members: Any, kind: str = "AND") -> dict[str, Any]:
    return {"type": kind, "rules": list(members)}


def test_a_good_rule_has_no_problems() -> None:
    assert problems() == []
    assert problems(sticky="session", rollout=10, fallback=["a", "b"], colour="red") == []


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"name": " "}, "name", NAME_AND_TARGET),
        ({"targetModel": ""}, "targetModel", NAME_AND_TARGET),
        ({"targetModel": "m" * 201}, "targetModel", "a model's name has at most 200 characters"),
        ({"fallback": ["m" * 201]}, "fallback.0", "a model's name has at most 200 characters"),
        ({"name": "a\nb"}, "name", "a name is one line of at most 100 printable characters"),
        ({"conditions": tree()}, "conditions", 'Routing rule "X" must have at least one condition'),
        (
            {"conditions": tree(tree(), tree(kind="NOT"))},
            "conditions",
            'Routing rule "X" must have at least one condition',
        ),
        (
            {"conditions": tree(CONDITION, tree(kind="OR"))},
            "conditions.rules.1.rules",
            "OR has no condition: add one, or take the group away",
        ),
        (
            {"conditions": tree({**CONDITION, "field": "modle"})},
            "conditions.rules.0.field",
            "unknown field `modle`, did you mean `model`?",
        ),
        (
            {"conditions": tree(CONDITION, tree({**CONDITION, "operator": "like"}))},
            "conditions.rules.1.rules.0.operator",
            "unknown operator `like`: use = != contains matches",
        ),
        (
            {"conditions": tree({"field": "tokenCount", "operator": ">", "value": "abc"})},
            "conditions.rules.0.value",
            "`>` needs a number, `abc` is none",
        ),
        (
            {"conditions": tree({**CONDITION, "value": 5})},
            "conditions.rules.0.value",
            "`=` needs text, 5 is a number",
        ),
        (
            {"conditions": tree({"field": "message", "operator": "matches", "value": "a" * 1001})},
            "conditions.rules.0.value",
            "the pattern is longer than 1,000 characters",
        ),
        (
            {"conditions": tree({"field": "message", "operator": "matches", "value": "(?=a)"})},
            "conditions.rules.0.value",
            "RE2 refuses the pattern: invalid perl operator: (?=",
        ),
        (
            {"conditions": tree({**CONDITION, "value": True})},
            "conditions.rules.0.value",
            "a value is text or a finite number",
        ),
        (
            {"conditions": tree({**CONDITION, "value": ["m"]})},
            "conditions.rules.0.value",
            "a value is text or a finite number",
        ),
        ({"conditions": tree({"field": "model"})}, "conditions.rules.0.operator", "is missing"),
        ({"conditions": tree(CONDITION, kind="XOR")}, "conditions.type", "should be 'AND', 'OR' or 'NOT'"),
        ({"priority": 1.5}, "priority", "a priority is an integer"),
        ({"priority": "1"}, "priority", "a priority is an integer"),
        ({"priority": True}, "priority", "a priority is an integer"),
        ({"priority": 2**40}, "priority", "a priority lies between -2,147,483,648 and 2,147,483,647"),
        ({"rollout": 101}, "rollout", "a rollout is a percentage from 0 to 100"),
        ({"sticky": "week"}, "sticky", "should be 'request' or 'session'"),
        ({"fallback": ["a", " "]}, "fallback.1", "a fallback needs the name of a model"),
    ],
)
def test_what_is_refused(change: dict[str, Any], field: str, message: str) -> None:
    found = problems(**change)
    assert (field, message, False) in [tuple(problem) for problem in found]


def test_a_name_is_free_or_the_rules_own() -> None:
    rule = Rule.model_validate(given(id="1"))
    others = [Rule.model_validate(given(id="1")), Rule.model_validate(given(id="2", name="Y"))]
    assert validate_rule(rule, others) == []
    renamed = rule.model_copy(update={"name": "Y"})
    assert validate_rule(renamed, others) == [Problem("name", 'there is a routing rule "Y" already')]
    assert validate_rule(rule.model_copy(update={"id": ""}), others)[0].field == "name"


def test_what_is_only_warned_of() -> None:
    rule = Rule.model_validate(
        given(fallback=["b", "haiku"], rollout=0, conditions=tree(CONDITION, CONDITION, kind="NOT"))
    )
    found = validate_rule(rule, [], served=lambda model: model == "haiku")
    assert all(problem.warning for problem in found)
    assert [(problem.field, problem.message) for problem in found] == [
        ("conditions.rules", "NOT of several means that none of them holds"),
        ("fallback.0", "no provider serves `b`: the rule is passed over until one does"),
        ("fallback.1", "`haiku` stands before already"),
        ("rollout", "a rollout of 0 % acts on no session"),
    ]
    unserved = validate_rule(rule.model_copy(update={"target_model": "gone"}), [], served=lambda model: model != "gone")
    assert Problem("targetModel", "no provider serves `gone`: the rule is passed over until one does", True) in unserved
    as_requested = Rule.model_validate(given(targetModel="as-requested"))
    assert validate_rule(as_requested, [], served=lambda _model: False) == []


@pytest.mark.parametrize("depth", [33, 90, 300, 5000])
def test_nesting_has_an_end(depth: int) -> None:
    nested: dict[str, Any] = CONDITION
    for _ in range(depth):
        nested = tree(nested, CONDITION, kind="OR")
    assert any("more than 32 groups within groups" in problem.message for problem in problems(conditions=nested))


def test_a_list_of_rules_is_looked_at_as_a_whole() -> None:
    rules = [Rule.model_validate(given(id=str(n), name=name)) for n, name in enumerate(["a", "b", "a", ""])]
    assert [(problem.field, problem.message) for problem in validate_rules(rules)] == [
        ("0.name", 'there is a routing rule "a" already'),
        ("2.name", 'there is a routing rule "a" already'),
        ("3.name", NAME_AND_TARGET),
    ]


def test_a_default_model_is_needed_while_enabled() -> None:
    needed = Problem("defaultModel", "Default model is required when Conduit is enabled")
    assert validate_default_model(ProjectConfig(default_model=" ")) == [needed]
    assert validate_default_model(ProjectConfig(enabled=False, default_model="")) == []
    assert validate_default_model(ProjectConfig(), served=lambda _model: False) == []
    pasted = Problem("defaultModel", "a model's name has at most 200 characters")
    assert validate_default_model(ProjectConfig(default_model="m" * 201)) == [pasted]
    assert validate_default_model(ProjectConfig(default_model="m"), served=lambda _model: False)[0].warning
