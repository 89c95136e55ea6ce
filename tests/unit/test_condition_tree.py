"""Edits of the form: each is what the text says after it."""

import pytest

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing.expression import parse, to_text
from conduit_tui.tui import condition_tree as tree

NEW = Condition(field="model", operator="=", value="x")
TEXT = 'tokenCount > 5 and (agentType = "a" or not flags contains "b")'


def of(text: str) -> Group:
    return parse(text) if text else Group()


def test_rows_from_the_top_down() -> None:
    rows = [(row.place, row.depth, row.text) for row in tree.rows(of(TEXT))]
    assert rows == [
        ((), 0, "all of"),
        ((0,), 1, "tokenCount > 5"),
        ((1,), 1, "any of"),
        ((1, 0), 2, 'agentType = "a"'),
        ((1, 1), 2, "not"),
        ((1, 1, 0), 3, 'flags contains "b"'),
    ]
    assert [(row.place, row.text) for row in tree.rows(of("hour > 3"))] == [((0,), "hour > 3")]
    assert tree.rows(Group()) == []


@pytest.mark.parametrize(
    ("text", "place", "result", "at"),
    [
        ("", (), 'model = "x"', (0,)),
        ("hour > 3", (0,), 'hour > 3 and model = "x"', (1,)),
        ("hour > 3 or hour < 1", (0,), 'hour > 3 or model = "x" or hour < 1', (1,)),
        ("hour > 3 or hour < 1", (), 'hour > 3 or hour < 1 or model = "x"', (2,)),
        ("not hour > 3", (), 'not (hour > 3 and model = "x")', (0, 1)),
        ("not hour > 3", (0,), 'not (hour > 3 and model = "x")', (0, 1)),
        (TEXT, (1, 1, 0), 'tokenCount > 5 and (agentType = "a" or not (flags contains "b" and model = "x"))', None),
    ],
)
def test_added(text: str, place: tree.Place, result: str, at: tree.Place | None) -> None:
    found, where = tree.added(of(text), place, NEW)
    assert to_text(found) == result
    assert tree.at(found, where) == NEW
    assert at is None or where == at


@pytest.mark.parametrize(
    ("text", "place", "result"),
    [
        ("", (), 'model = "x"'),
        ("hour > 3", (0,), 'hour > 3 or model = "x"'),
        ("hour > 3 and hour < 9", (1,), 'hour > 3 and (hour < 9 or model = "x")'),
        ("hour > 3 or hour < 1", (0,), '(hour > 3 and model = "x") or hour < 1'),
        (TEXT, (), f'({TEXT}) or model = "x"'),
    ],
)
def test_grouped(text: str, place: tree.Place, result: str) -> None:
    found, where = tree.grouped(of(text), place, NEW)
    assert to_text(found) == result
    assert tree.at(found, where) == NEW


@pytest.mark.parametrize(
    ("text", "place", "result"),
    [
        ("hour > 3", (0,), "not hour > 3"),
        ("not hour > 3", (0,), "hour > 3"),
        ("not hour > 3", (), "hour > 3"),
        ("hour > 3 or hour < 1", (), "not (hour > 3 or hour < 1)"),
        ("hour > 3 and hour < 9", (1,), "hour > 3 and not hour < 9"),
    ],
)
def test_negated_and_back(text: str, place: tree.Place, result: str) -> None:
    assert to_text(tree.negated(of(text), place)) == result


@pytest.mark.parametrize(
    ("text", "place", "result"),
    [
        ("hour > 3", (0,), ""),
        ("hour > 3 and hour < 9", (0,), "hour < 9"),
        ("hour > 3 and hour < 9", (), ""),
        ("not hour > 3", (0,), ""),
        (TEXT, (1, 1, 0), 'tokenCount > 5 and agentType = "a"'),
        (TEXT, (1,), "tokenCount > 5"),
    ],
)
def test_removed_with_the_groups_left_empty(text: str, place: tree.Place, result: str) -> None:
    found = tree.removed(of(text), place)
    assert to_text(found) == result
    assert found == Group() or all(not isinstance(row.node, Group) or row.node.rules for row in tree.rows(found))


def test_flipped() -> None:
    assert to_text(tree.flipped(of("hour > 3 and hour < 9"), ())) == "hour > 3 or hour < 9"
    assert to_text(tree.flipped(of("not hour > 3"), ())) == "not hour > 3"
    assert to_text(tree.flipped(of(TEXT), (1,))) == 'tokenCount > 5 and (agentType = "a" and not flags contains "b")'
