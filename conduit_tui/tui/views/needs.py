"""What needs a person, and what the Overview knows when it says so."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.domain.limits import ALARM_PERCENT, WARNING_PERCENT, dollars, limit_name
from conduit_tui.tui import format as words
from conduit_tui.tui.clean import clean
from conduit_tui.tui.ink import Ink, Line
from conduit_tui.tui.recent import Pulse
from conduit_tui.tui.state import AppState, Link
from conduit_tui.tui.table import cell
from conduit_tui.tui.views import names

if TYPE_CHECKING:
    from conduit_tui.domain.budgets import Gauge
    from conduit_tui.domain.sessions import SessionRow
    from conduit_tui.store.interface import GuessedPrice, SessionSummary, UsageTotal
    from conduit_tui.tui.project_rules import RuleWorry
    from conduit_tui.tui.savings import Saving

ERRORS_WORTH_A_WORD = 0.05
OLD_PRICES_DAYS = 120  # models and prices of a whole season would be missing

Target = tuple[str, str]
"""What a line opens: a kind (`session`, `filter`, `screen`, `start`) and its value."""
TargetLine = tuple[Line, Target | None]


@dataclass
class OverviewData:
    """What was read from the database."""

    today: UsageTotal | None = None
    models: Sequence[UsageTotal] = ()
    day_costs: Sequence[int] = ()  # nano-dollars in each of the last 96 buckets of 15 minutes
    sessions: Sequence[SessionSummary] = ()  # with each of their agents
    session_rows: Sequence[SessionRow] = ()  # the totals of them
    stopped: frozenset[tuple[str, str]] = frozenset()  # projects and sessions
    guessed: Sequence[GuessedPrice] = ()  # today's
    rules: Sequence[RuleWorry] = ()
    gauges: Sequence[Gauge] = ()
    saved: Saving | None = None  # today, against the models that were asked for
    restarts: int = 0  # exits of a gateway within the last hour
    ever: bool = False  # whether there has been any request at all


class Need(NamedTuple):
    """Something that needs a person."""

    text: str
    ink: Ink
    hint: str = ""
    target: Target | None = None


_STATE_NEEDS = {
    "FAILED": ("the gateway failed", Ink.BAD),
    "BACKOFF": ("the gateway ended and will start again", Ink.WARN),
    "COOLDOWN": ("the gateway ended too often and waits", Ink.BAD),
    "DEGRADED": ("the gateway is degraded", Ink.WARN),
    "STOPPED": ("the gateway is stopped", Ink.WARN),
}


def needs(state: AppState, data: OverviewData, pulse: Pulse, now: int) -> list[Need]:
    """What a person should look at, the gravest first."""
    found: list[Need] = []
    status = state.status
    if state.link is Link.FAILED:
        reason = state.link_reason or "no reason was given"
        found.append(Need(f"the gateway did not start: {reason}", Ink.BAD, "try again", ("start", "")))
    elif state.link is Link.LOST:
        since = words.moment(state.link_since, now)
        found.append(Need(f"daemon unreachable since {since}", Ink.BAD, "start it", ("start", "")))
    elif status is not None and status.state in _STATE_NEEDS:
        text, ink = _STATE_NEEDS[status.state]
        hint, target = ("start it", ("start", "")) if status.state in _STARTABLE else ("look", ("screen", "process"))
        found.append(Need(f"{text}: {status.reason}" if status.reason else text, ink, hint, target))
    elif state.serving and state.live_lost:
        since = words.moment(state.live_since, now)
        found.append(Need(f"gateway unreachable since {since}", Ink.BAD, "look", ("screen", "process")))
    if state.store_problem:
        found.append(Need(f"requests cannot be read: {state.store_problem}", Ink.BAD, "look", ("screen", "process")))
    if pulse.requests >= 5 and pulse.errors / pulse.requests > ERRORS_WORTH_A_WORD:
        text = f"{pulse.errors} of the last {pulse.requests} requests failed"
        found.append(Need(text, Ink.BAD, "look", ("filter", "status:error")))
    if data.restarts:
        times = "once" if data.restarts == 1 else f"{data.restarts} times"
        found.append(Need(f"the gateway ended {times} in the last hour", Ink.WARN, "look", ("screen", "process")))
    found += _full_budgets(data.gauges)
    found += [
        Need(worry.text, Ink.WARN, "look", ("rule", f"{worry.project}/{worry.rule_id}")) for worry in data.rules[:3]
    ]
    found += [_guess(one) for one in data.guessed[:3]]
    if state.live is not None and state.live.price_list_problem:
        text = f"the price list cannot be read, models cost the unknown-model rate: {state.live.price_list_problem}"
        found.append(Need(text, Ink.BAD, "prices", ("price", "")))
    elif state.live is not None and state.live.price_list_days > OLD_PRICES_DAYS:
        text = f"the newest listed price is {state.live.price_list_days} days old; a newer conduit-tui has today's"
        found.append(Need(text, Ink.WARN, "prices", ("price", "")))
    return found


def _guess(one: GuessedPrice) -> Need:
    if one.unknown:
        text = f"{names.model(one.model)} has no price: unknown-model rate charged"
        return Need(text, Ink.WARN, "set one", ("price", one.model))
    text = f"{names.model(one.model)}: a fee or tier without a published price, charged at a stated rate"
    return Need(text, Ink.WARN, "look", ("filter", f"model:{one.model}"))


_STARTABLE = ("STOPPED", "FAILED")


def _full_budgets(gauges: Sequence[Gauge]) -> list[Need]:
    """Budgets from the warning on, the fullest first."""
    found = []
    for gauge in sorted(gauges, key=lambda gauge: -gauge.window.used_percent):
        used = gauge.window.used_percent
        if used < WARNING_PERCENT or not gauge.window.cap:
            continue
        name = limit_name(gauge.window)
        whose = f"{gauge.budget.project}: {name[0].lower()}{name[1:]}" if gauge.budget.project else name
        text = f"{whose} {used:.0f} % spent or held of {dollars(gauge.window.cap)}"
        found.append(Need(text, Ink.BAD if used >= ALARM_PERCENT else Ink.WARN, "look", ("screen", "budgets")))
    return found[:3]


def need_lines(found: Sequence[Need], width: int) -> list[TargetLine]:
    """The needs as lines that open what is meant; nothing when there are none."""
    if not found:
        return []
    body: list[TargetLine] = [(((" NEEDS YOU", Ink.TITLE),), None)]
    for need in found:
        hint = f"enter  {need.hint}" if need.hint else ""
        room = max(12, width - 6 - len(hint))
        first, *rest = textwrap.wrap(clean(need.text), room) or [""]
        line = ((" ! ", need.ink), (cell(first, room), Ink.TEXT), (f"  {hint}", Ink.MUTED))
        body.append((line, need.target))
        body += [(((f"   {more}", Ink.TEXT),), None) for more in rest]
    return body
