"""Changes of an ordered set of rules: each makes a new list and leaves the old one alone."""

from collections.abc import Iterable, Sequence

from conduit_tui.domain.rules import Rule


def firing_order(rules: Iterable[Rule]) -> list[Rule]:
    """The order in which rules are looked at: by priority, highest first, ties by name."""
    return sorted(rules, key=_rank)


def find(rules: Iterable[Rule], name: str) -> Rule:
    """The rule of this name, or else of this id. Raises KeyError."""
    known = list(rules)
    for rule in (*(each for each in known if each.name == name), *(each for each in known if each.id == name)):
        return rule
    raise KeyError(name)


def added(rules: Iterable[Rule], rule: Rule) -> list[Rule]:
    """With one more rule."""
    return firing_order([*rules, rule])


def replaced(rules: Iterable[Rule], rule: Rule) -> list[Rule]:
    """With this rule in the place of the one that has its id. Raises KeyError if none has."""
    known = list(rules)
    if all(each.id != rule.id for each in known):
        raise KeyError(rule.id)
    return firing_order(rule if each.id == rule.id else each for each in known)


def removed(rules: Iterable[Rule], rule_id: str) -> list[Rule]:
    """Without the rule that has this id. Raises KeyError if none has."""
    known = list(rules)
    left = [each for each in known if each.id != rule_id]
    if len(left) == len(known):
        raise KeyError(rule_id)
    return firing_order(left)


def toggled(rules: Iterable[Rule], rule_id: str) -> list[Rule]:
    """With the rule of this id enabled if it was not, and the other way round. Raises KeyError."""
    known = list(rules)
    rule = next((each for each in known if each.id == rule_id), None)
    if rule is None:
        raise KeyError(rule_id)
    return replaced(known, rule.model_copy(update={"enabled": not rule.enabled}))


def moved(rules: Iterable[Rule], rule_id: str, by: int) -> list[Rule]:
    """With the rule of this id that many places later (or earlier, below 0) in the firing order.

    It takes the priority of the rule that stood there, and the rules that it passes move up to each other's; where that
    leaves a tie in the wrong order, the earlier rules' priorities grow by as little as is needed. Raises KeyError.
    """
    known = firing_order(rules)
    start = next((place for place, each in enumerate(known) if each.id == rule_id), None)
    if start is None:
        raise KeyError(rule_id)
    end = min(max(start + by, 0), len(known) - 1)
    priorities = [each.priority for each in known]
    known.insert(end, known.pop(start))
    return _in_this_order(known, priorities)


def _in_this_order(rules: Sequence[Rule], priorities: Sequence[int]) -> list[Rule]:
    ordered: list[Rule] = []  # from the last one up
    for rule, wanted in zip(reversed(rules), reversed(priorities), strict=True):
        priority = wanted
        if ordered and (-priority, rule.name) > _rank(ordered[-1]):
            priority = ordered[-1].priority + 1
        ordered.append(rule if rule.priority == priority else rule.model_copy(update={"priority": priority}))
    return ordered[::-1]


def _rank(rule: Rule) -> tuple[int, str]:
    return -rule.priority, rule.name
