"""Rules tried on facts that a person writes, or that a recorded request had. No screen."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from conduit_tui.domain.decisions import Decision, RuleTrace
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.projects import AS_REQUESTED, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.rules import Rule
from conduit_tui.routing import fields
from conduit_tui.routing.facts import UNKNOWN, Cut, Facts, Value
from conduit_tui.routing.fields import Kind
from conduit_tui.routing.numbers import read_number
from conduit_tui.routing.recorded import facts_of
from conduit_tui.routing.router import Asker, RuleSet
from conduit_tui.routing.served import fits_in
from conduit_tui.routing.sticky import StickyMemory
from conduit_tui.routing.tokens import count, family_ratio

ALWAYS = ("message", "model", "agentType", "tokenCount", "flags")
MOST_TRACED = 200

Written = str | int | float | tuple[str, ...] | None


class Trial(NamedTuple):
    """What came of a trial: the decision, and each rule's part in it."""

    decision: Decision
    steps: Sequence[RuleTrace]


class TrialError(ValueError):
    """A fact is not of its field's kind; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TrialRules:
    """The rules of a project, ready to be tried. They are tried as if routing were on."""

    def __init__(self, rules: Sequence[Rule], config: ProjectConfig, providers: Sequence[Provider]) -> None:
        self._set = RuleSet(rule if rule.id else rule.model_copy(update={"id": rule.name}) for rule in rules)
        features = config.features.model_copy(update={"auto_routing": True})
        default = config.default_model.strip() or AS_REQUESTED
        self._config = config.model_copy(update={"enabled": True, "features": features, "default_model": default})
        self._providers = providers

    @property
    def fields(self) -> list[str]:
        """The facts to ask for: those that always matter, then what else any rule looks at."""
        known = {field.name: number for number, field in enumerate(fields.FIELDS)}
        more = sorted(self._set.needs - set(ALWAYS), key=lambda name: (known.get(name, len(known)), name))
        return [*ALWAYS, *(name for name in more if name != "dialect"), "dialect"]

    def told(self, request: RecordedRequest) -> dict[str, str]:
        """The facts of a recorded request, as they are written; what is not known is empty."""
        facts = facts_of(request, set(self.fields))
        return {name: shown(facts[name]) for name in self.fields}

    def run(self, written: Mapping[str, str], request: RecordedRequest | None = None) -> Trial:
        """Decide on these facts; those of `request` hold where nothing else was written. Raises TrialError."""
        known = self.told(request) if request is not None else {}
        given = {name: read(name, text) for name, text in written.items() if text != known.get(name)}
        if request is not None:
            facts = facts_of(request, set(self.fields))
            facts.update({name: _as_fact(value) for name, value in given.items()})
        else:
            message, model = written.get("message", ""), written.get("model", "")
            counted = {"tokenCount": lambda: round(count(message) * family_ratio(model))} if message else {}
            facts = Facts({**given, **(counted if given.get("tokenCount") is None else {})})
        facts.patient = True
        model = written.get("model", "")
        dialect = written.get("dialect", "") or Dialect.ANTHROPIC
        if dialect not in list(Dialect):
            raise TrialError("dialect", f"a dialect is one of {', '.join(Dialect)}")
        asker = Asker("trial", written.get("session", ""), written.get("requestClass", ""))
        routing = self._set.route(
            facts, model, self._config, asker, sticky=StickyMemory(), fits=fits_in(self._providers, Dialect(dialect))
        )
        return Trial(routing.decision, routing.trace(MOST_TRACED, show_text=True))


def read(name: str, text: str) -> Written:
    """A fact as it was written; nothing written is a fact that the request does not have. Raises TrialError."""
    field = fields.find(name)
    if not text.strip():
        return () if field and field.kind is Kind.LIST else None
    if field is None or field.kind is Kind.TEXT:
        return text
    if field.kind is Kind.LIST:
        return tuple(text.replace(",", " ").split())
    number = read_number(text.strip())
    if number is None and field.kind is Kind.NUMBER:
        raise TrialError(name, f"{name} is a number")
    return text if number is None else number


def shown(value: Value) -> str:
    """A fact as a person would write it."""
    if value is None or value is UNKNOWN:
        return ""
    if isinstance(value, Cut):
        return value.start
    if isinstance(value, frozenset):
        return " ".join(sorted(value))
    return str(value)


def _as_fact(value: Written) -> Value:
    return frozenset(value) if isinstance(value, tuple) else value
