"""What differs between two configurations, in words for the history and the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.rules import Group
from conduit_tui.routing.expression import to_text

LONGEST = 120  # characters of a value
MOST = 50  # lines
_NOT_SAID = {"id", "created_at", "updated_at", "created_by", "conditions", "enabled", "name"}

Json = Mapping[str, Any]


def described(before: ProjectConfig, after: ProjectConfig) -> list[str]:
    """One line for each thing that changed; none if nothing did."""
    old, new = (config.model_dump(mode="json", by_alias=True) for config in (before, after))
    lines = [*_rules(old.pop("routingRules"), new.pop("routingRules")), *_values(old, new, "")]
    return lines if len(lines) <= MOST else [*lines[: MOST - 1], f"and {len(lines) - MOST + 1} more changes"]


def _values(old: Json, new: Json, prefix: str) -> Iterator[str]:
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _values(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}: {_word(before)} -> {_word(after)}"


def _rules(old: Sequence[Json], new: Sequence[Json]) -> Iterator[str]:
    before, after = ({_key(rule): rule for rule in rules} for rules in (old, new))
    for key, rule in after.items():
        if key not in before:
            yield f"added rule {_name(rule)}: when {_when(rule)} use {rule.get('targetModel', '')}"
        elif rule != before[key]:
            yield from _rule(before[key], rule)
    for key, rule in before.items():
        if key not in after:
            yield f"removed rule {_name(rule)}"


def _rule(before: Json, after: Json) -> Iterator[str]:
    name = _name(after)
    if before.get("name") != after.get("name"):
        yield f"renamed rule {_name(before)} to {name}"
    if before.get("enabled", True) != after.get("enabled", True):
        yield f"{'enabled' if after.get('enabled', True) else 'disabled'} rule {name}"
    if before.get("conditions") != after.get("conditions"):
        was, now = _when(before), _when(after)
        yield f"rule {name}: when {was} -> when {now}" if was != now else f"rule {name}: form of the conditions"
    old, new = ({key: value for key, value in rule.items() if key not in _NOT_SAID} for rule in (before, after))
    yield from _values(old, new, f"rule {name}: ")


def _key(rule: Json) -> str:
    return str(rule.get("id") or rule.get("name"))


def _name(rule: Json) -> str:
    return f"'{_short(str(rule.get('name', '')))}'"


def _when(rule: Json) -> str:
    try:
        return _short(to_text(Group.model_validate(rule.get("conditions", {}))))
    except ValidationError:
        return "(conditions of another kind)"


def _word(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return _short(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
