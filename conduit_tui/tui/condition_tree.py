"""Edits of a condition tree, as the form makes them. No screen.

A place is the way down from the root: the numbers of the members. Every edit makes a new tree, which may hold groups of
one; the text form's normal form does away with them.
"""

from collections.abc import Iterator
from typing import NamedTuple

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing.printer import condition_text

Place = tuple[int, ...]
Node = Condition | Group

_GROUPS = {"AND": "all of", "OR": "any of", "NOT": "not"}


class Row(NamedTuple):
    """A line of the form."""

    place: Place
    depth: int
    node: Node
    text: str


def rows(root: Group) -> list[Row]:
    """The tree from the top down; a lone condition stands without its group."""
    if not root.rules:
        return []
    if root.type == "AND" and len(root.rules) == 1:
        return list(_rows(root.rules[0], (0,), 0))
    return list(_rows(root, (), 0))


def _rows(node: Node, place: Place, depth: int) -> Iterator[Row]:
    if isinstance(node, Condition):
        yield Row(place, depth, node, condition_text(node))
        return
    yield Row(place, depth, node, _GROUPS[node.type])
    for number, member in enumerate(node.rules):
        yield from _rows(member, (*place, number), depth + 1)


def at(root: Group, place: Place) -> Node:
    """The node at a place."""
    node: Node = root
    for number in place:
        assert isinstance(node, Group), "only groups have members"
        node = node.rules[number]
    return node


def put(root: Group, place: Place, node: Node) -> Group:
    """With another node at a place."""
    if not place:
        return node if isinstance(node, Group) else Group(rules=(node,))
    return _in_parent(root, place, (node,))


def removed(root: Group, place: Place) -> Group:
    """Without the node at a place, and without the groups that are left empty."""
    if not place:
        return Group()
    smaller = _in_parent(root, place, ())
    parent = at(smaller, place[:-1])
    empty = isinstance(parent, Group) and not parent.rules
    return removed(smaller, place[:-1]) if empty and place[:-1] else smaller


def added(root: Group, place: Place, condition: Condition) -> tuple[Group, Place]:
    """With a condition after the one at a place, or at the end of the group there; and where it stands then."""
    if not root.rules:
        return Group(rules=(condition,)), (0,)
    node = at(root, place)
    if isinstance(node, Group) and node.type != "NOT":
        return put(root, place, _with_members(node, (*node.rules, condition))), (*place, len(node.rules))
    if isinstance(node, Group):
        return added(root, (*place, 0), condition)
    parent = at(root, place[:-1])
    if isinstance(parent, Group) and parent.type == "NOT":
        return put(root, place, Group(rules=(node, condition))), (*place, 1)
    return _in_parent(root, place, (node, condition)), (*place[:-1], place[-1] + 1)


def grouped(root: Group, place: Place, condition: Condition) -> tuple[Group, Place]:
    """With the node at a place and a condition in a group of their own, of the other kind than the group around."""
    if not root.rules:
        return added(root, place, condition)
    around = at(root, place[:-1]) if place else root
    other = "OR" if isinstance(around, Group) and around.type != "OR" else "AND"
    node = at(root, place)
    return put(root, place, Group(type=other, rules=(node, condition))), (*place, 1)


def negated(root: Group, place: Place) -> Group:
    """With the opposite of the node at a place; a double negation is none."""
    node = at(root, place)
    if isinstance(node, Group) and node.type == "NOT" and len(node.rules) == 1:
        return put(root, place, node.rules[0])
    parent = at(root, place[:-1]) if place else None
    if isinstance(parent, Group) and parent.type == "NOT" and len(parent.rules) == 1:
        return put(root, place[:-1], node)
    return put(root, place, Group(type="NOT", rules=(node,)))


def flipped(root: Group, place: Place) -> Group:
    """With `all of` instead of `any of` at a place, or the other way round; a NOT stays."""
    node = at(root, place)
    if isinstance(node, Group) and node.type != "NOT":
        return put(root, place, node.model_copy(update={"type": "OR" if node.type == "AND" else "AND"}))
    return root


def _with_members(group: Group, members: tuple[Node, ...]) -> Group:
    return group.model_copy(update={"rules": members})


def _in_parent(root: Group, place: Place, nodes: tuple[Node, ...]) -> Group:
    *way, last = place
    parent = at(root, tuple(way))
    assert isinstance(parent, Group), "only groups have members"
    return put(root, tuple(way), _with_members(parent, (*parent.rules[:last], *nodes, *parent.rules[last + 1 :])))
