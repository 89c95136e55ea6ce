"""A condition tree as one line of text, and the normal form in which two trees are compared."""

from conduit_tui.domain.rules import Condition, Group
from conduit_tui.routing.lexer import BARE_WORD, KEYWORDS, quote


def normalise(group: Group) -> Group:
    """The tree as the text form gives it back.

    A NOT has one member (of several it means: none of them), an AND or OR of one member is that member, a lone
    condition stands in an AND, groups without members are gone. Keys that are not ours are not carried over.
    """
    member = _normal(group)
    if member is None:
        return Group()
    return Group(rules=(member,)) if isinstance(member, Condition) else member


def to_text(group: Group) -> str:
    """The line for people. Nested groups stand in parentheses, so that nobody needs to know what binds tighter."""
    member = _normal(group)
    return "" if member is None else _line(member)


def condition_text(condition: Condition) -> str:
    """One condition, such as `agentType = "research"`."""
    value = condition.value
    field = condition.field
    bare = BARE_WORD.fullmatch(field) and field.isprintable() and field.lower() not in KEYWORDS
    shown = quote(value) if isinstance(value, str) else repr(value)
    return f"{field if bare else quote(field)} {condition.operator} {shown}"


def _normal(member: Condition | Group) -> Condition | Group | None:
    if isinstance(member, Condition):
        return Condition(field=member.field, operator=member.operator, value=member.value)
    members = tuple(normal for inner in member.rules if (normal := _normal(inner)) is not None)
    if not members:
        return None
    if member.type == "NOT":
        return Group(type="NOT", rules=members if len(members) == 1 else (Group(type="OR", rules=members),))
    return members[0] if len(members) == 1 else Group(type=member.type, rules=members)


def _line(member: Condition | Group) -> str:
    if isinstance(member, Condition):
        return condition_text(member)
    if member.type == "NOT":
        return f"not {_inner(member.rules[0])}"
    return f" {member.type.lower()} ".join(_inner(inner) for inner in member.rules)


def _inner(member: Condition | Group) -> str:
    line = _line(member)
    return f"({line})" if isinstance(member, Group) and member.type != "NOT" else line
