"""The decision: which model serves a request, and why."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import NamedTuple

from conduit_tui.domain.decisions import Decision, DecisionSource, RuleOutcome, RuleTrace
from conduit_tui.domain.projects import AS_REQUESTED, ProjectConfig
from conduit_tui.domain.rules import Rule
from conduit_tui.routing.comparisons import Answer
from conduit_tui.routing.compiler import Compiled, compile_group
from conduit_tui.routing.facts import UNKNOWN, Facts
from conduit_tui.routing.index import Index
from conduit_tui.routing.printer import to_text
from conduit_tui.routing.sticky import StickyMemory
from conduit_tui.routing.validation import unusable

REASON_CHARACTERS = 200
TRACED_RULES = 50
KEPT = "kept from the first request of the session"
WHOLE = "routing as a whole"  # deals sessions in and out independently of every rule's own rollout


def decide(requested_model: str) -> Decision:
    """The model for a request where there are no rules: the one that the client asked for."""
    return Decision(requested_model, DecisionSource.CLIENT, "as requested")


class Asker(NamedTuple):
    """Who is asking: what sticky answers and rollouts hang on. Without a session, a rollout hangs on the exchange."""

    exchange_id: str
    session: str = ""
    request_class: str = ""


class _Entry(NamedTuple):
    rule: Rule
    compiled: Compiled
    fingerprint: int  # of what a sticky answer depends on, 0 for others


class Routing:
    """A decision and how it came about.

    `unknown` tells that a rule might have decided otherwise, had a fact been known; `looked_at` counts the rules that
    were asked.
    """

    __slots__ = ("_entries", "_facts", "_notes", "decision", "looked_at", "unknown")

    def __init__(self, entries: tuple[_Entry, ...], facts: Facts) -> None:
        self.decision = _UNDECIDED
        self.looked_at = 0
        self.unknown = False
        self._entries = entries
        self._facts = facts
        self._notes: dict[int, tuple[RuleOutcome, str]] = {}  # of rules that were more than no match, by position

    def trace(self, limit: int = TRACED_RULES, *, show_text: bool = False) -> list[RuleTrace]:
        """The first rules in the order in which they were asked, and the one that decided.

        Nothing is found out anew. See `Compiled.explain` for `show_text`.
        """
        positions = list(range(min(limit, len(self._entries))))
        if self.looked_at > limit and self.decision.source is DecisionSource.RULE:
            positions.append(self.looked_at - 1)
        return [self._trace_of(position, show_text) for position in positions]

    def note(self, position: int, outcome: RuleOutcome, note: str = "") -> None:
        self._notes[position] = (outcome, note)

    def _trace_of(self, position: int, show_text: bool) -> RuleTrace:
        rule, compiled, _ = self._entries[position]
        if position >= self.looked_at:
            return RuleTrace(rule.id, rule.name, rule.priority, rule.target_model, RuleOutcome.NOT_LOOKED_AT)
        outcome, note = self._notes.get(position, (RuleOutcome.NO_MATCH, ""))
        conditions = () if note.startswith(KEPT) else tuple(compiled.explain(self._facts, show_text=show_text))
        return RuleTrace(rule.id, rule.name, rule.priority, rule.target_model, outcome, note, conditions)


_UNDECIDED = Decision("", DecisionSource.CLIENT, "")


class RuleSet:
    """The enabled rules of a project, compiled: highest priority first, ties by name.

    `broken` are rules that cannot act (their fields changed under them, say), with the reason; `needs` are the facts
    that any rule may look at.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        enabled = sorted((rule for rule in rules if rule.enabled), key=lambda rule: (-rule.priority, rule.name))
        reasons = [(rule, unusable(rule)) for rule in enabled]
        self.broken = tuple((rule, reason) for rule, reason in reasons if reason)
        self._entries = tuple(_entry(rule) for rule, reason in reasons if not reason)
        self._checks = tuple((entry.compiled.evaluate, entry.rule.sticky == "session") for entry in self._entries)
        self._index = Index(
            [None if entry.rule.sticky == "session" else entry.rule.conditions for entry in self._entries]
        )
        self._reasons: dict[int, str] = {}  # by position, as they are needed
        self._has_sticky = any(sticky for _, sticky in self._checks)
        self.needs = frozenset[str]().union(*(entry.compiled.needs for entry in self._entries))
        self.has_patterns = any(entry.compiled.has_patterns for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def route(
        self,
        facts: Facts,
        requested_model: str,
        config: ProjectConfig,
        asker: Asker,
        *,
        sticky: StickyMemory,
        fits: Callable[[str], bool],
        bypass: bool = False,
        among: Iterable[int] | None = None,
    ) -> Routing:
        """Decide. `fits` tells whether a provider serves a model in the request's dialect.

        Where many requests have much in common, `among` are the rules that `worth_asking` found for what they share.
        Raises TooSlow unless the facts are patient and what must be found out would hold up the event loop.
        """
        if bypass or not config.enabled:
            routing = Routing((), facts)
            reason = "bypass is on" if bypass else "the project is disabled"
            routing.decision = Decision(requested_model, DecisionSource.BYPASS, f"{reason}: as requested")
            return routing
        if config.rollout < 100 and share(WHOLE, asker.session or asker.exchange_id) >= config.rollout:
            routing = Routing((), facts)
            reason = f"outside of the project's rollout of {config.rollout} %: as requested"
            routing.decision = Decision(requested_model, DecisionSource.CLIENT, reason)
            return routing
        if not config.features.auto_routing:
            routing = Routing((), facts)
            routing.decision = _default(requested_model, config, "automatic routing is off", fits)
            return routing
        routing = Routing(self._entries, facts)
        kept = {}
        if self._has_sticky and asker.session:
            kept = sticky.answers(asker.session, asker.request_class)
        for position in self._index.candidates(facts) if among is None else among:
            check, is_sticky = self._checks[position]
            answer = self._sticky_answer(routing, position, kept) if is_sticky else check(facts)
            if answer is not False and self._acts(routing, position, answer, asker, fits):
                routing.looked_at = position + 1
                routing.decision = self._decision(routing, position, requested_model, config, fits)
                return routing
        routing.looked_at = len(self._entries)
        routing.decision = _default(requested_model, config, "no rule matched" if self._entries else "", fits)
        return routing

    def worth_asking(self, facts: Facts) -> tuple[int, ...]:
        """The positions of the rules that do not answer False to these facts; sticky ones have to be asked always."""
        checks = self._checks
        return tuple(
            position
            for position in self._index.candidates(facts)
            if checks[position][1] or checks[position][0](facts) is not False
        )

    def _sticky_answer(self, routing: Routing, position: int, kept: dict[int, bool]) -> Answer:
        entry = self._entries[position]
        answer = kept.get(entry.fingerprint)
        if answer is None:
            found = entry.compiled.evaluate(routing._facts)
            if found is UNKNOWN:
                return UNKNOWN
            if kept.setdefault(entry.fingerprint, found) is found:
                return found
        routing.note(position, RuleOutcome.MATCHED if answer else RuleOutcome.NO_MATCH, KEPT)
        return bool(answer)

    def _acts(self, routing: Routing, position: int, answer: Answer, asker: Asker, fits: Callable[[str], bool]) -> bool:
        """Whether a rule that did not answer False is the one that decides."""
        rule = self._entries[position].rule
        if rule.rollout < 100 and share(rule.id or rule.name, asker.session or asker.exchange_id) >= rule.rollout:
            routing.note(position, RuleOutcome.OUTSIDE_ROLLOUT, f"outside of its rollout of {rule.rollout:g} %")
            return False
        if rule.target_model != AS_REQUESTED and not fits(rule.target_model):
            note = f"no provider serves {rule.target_model} in this dialect"
            routing.note(position, RuleOutcome.NOT_SERVED, note)
            return False
        if answer is UNKNOWN:
            routing.unknown = True
            routing.note(position, RuleOutcome.UNKNOWN)
            return False
        return True

    def _decision(
        self,
        routing: Routing,
        position: int,
        requested_model: str,
        config: ProjectConfig,
        fits: Callable[[str], bool],
    ) -> Decision:
        rule = self._entries[position].rule
        _, note = routing._notes.get(position, (None, ""))
        routing.note(position, RuleOutcome.MATCHED, note)
        model = requested_model if rule.target_model == AS_REQUESTED else rule.target_model
        reason = f'rule "{rule.name}", {note}' if note else self._reasons.get(position)
        if reason is None:
            reason = self._reasons[position] = _reason(rule)
        fallback = _fallback(model, rule.fallback or config.fallback, fits)
        return Decision(model, DecisionSource.RULE, reason, rule.id, fallback)


def share(salt: str, key: str) -> float:
    """Where a key stands between 0 and 100, the same at all times; another salt deals the keys anew."""
    digest = blake2b(f"{salt}\0{key}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 * 100


def _entry(rule: Rule) -> _Entry:
    fingerprint = 0
    if rule.sticky == "session":
        written = rule.model_dump_json(include={"id", "name", "conditions", "target_model"})
        fingerprint = int.from_bytes(blake2b(written.encode(), digest_size=8).digest(), "big")
    return _Entry(rule, compile_group(rule.conditions), fingerprint)


def _reason(rule: Rule) -> str:
    reason = f'rule "{rule.name}": {to_text(rule.conditions)}'
    return reason if len(reason) <= REASON_CHARACTERS else f"{reason[: REASON_CHARACTERS - 1]}…"


def _default(requested_model: str, config: ProjectConfig, why: str, fits: Callable[[str], bool]) -> Decision:
    """What holds where no rule decides."""
    before = f"{why}: " if why else ""
    model = config.default_model
    if model in ("", AS_REQUESTED):
        fallback = _fallback(requested_model, config.fallback, fits)
        return Decision(requested_model, DecisionSource.CLIENT, f"{before}as requested", fallback=fallback)
    if not fits(model):
        why = f"{before}no provider serves the default model {model} in this dialect, so as requested"
        fallback = _fallback(requested_model, config.fallback, fits)
        return Decision(requested_model, DecisionSource.CLIENT, why, fallback=fallback)
    return Decision(
        model, DecisionSource.DEFAULT, f"{before}default model", fallback=_fallback(model, config.fallback, fits)
    )


def _fallback(chosen: str, models: Iterable[str], fits: Callable[[str], bool]) -> tuple[str, ...]:
    """The models to try after the chosen one: each once, and only what this dialect can reach."""
    return tuple(model for model in dict.fromkeys(models) if model != chosen and fits(model))
