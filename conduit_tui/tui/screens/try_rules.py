"""Try: facts of a request, typed or taken from a real one, and what each rule answers to them."""

import asyncio
from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input

from conduit_tui.domain.recorded import RecordedRequest
from conduit_tui.domain.rules import Rule as RoutingRule
from conduit_tui.routing.validation import Problem
from conduit_tui.tui.actions import Scope, bindings, of
from conduit_tui.tui.format import count, moment
from conduit_tui.tui.ink import BLANK, Ink, Line, cut, spread
from conduit_tui.tui.match_count import MatchCounter
from conduit_tui.tui.project_rules import ProjectRules
from conduit_tui.tui.screens.base import ConduitScreen
from conduit_tui.tui.trial import Trial, TrialError, TrialRules
from conduit_tui.tui.views import names
from conduit_tui.tui.views.decision import rule_lines
from conduit_tui.tui.widgets.chrome import Footer, Rule
from conduit_tui.tui.widgets.fields import LABEL, FieldRow, TextInput
from conduit_tui.tui.widgets.lines import Lines

TYPING_PAUSE_SECONDS = 0.1


class TryScreen(ConduitScreen):
    """Nothing is sent anywhere: the rules are asked here."""

    SCOPES = (Scope.TRY,)
    TAB = "rules"
    BINDINGS = bindings(*SCOPES)
    HELP_TEXT = (
        "Type what a request would be like, or take a real one with pgdn: its facts fill the fields, and any of them "
        "can be changed. An empty field is a fact that the request does not have; an empty tokenCount is counted from "
        "the message. The answers are those of the rules as they are; a rule that is off is not asked."
    )

    def __init__(self, known: ProjectRules, rules: Sequence[RoutingRule]) -> None:
        super().__init__()
        self._known = known
        self._rules = TrialRules(rules, known.project.config, known.providers)
        self._counter = MatchCounter(known.project.name)
        self._requests: Sequence[RecordedRequest] = ()
        self._back = 0  # how many requests back; 0 is none of them

    def compose_content(self) -> ComposeResult:
        yield Lines(widget_id="try-title")
        with VerticalScroll(id="facts", can_focus=False):
            for name in self._rules.fields:
                value = "anthropic" if name == "dialect" else ""
                yield FieldRow(name[:LABEL], TextInput(value, widget_id=_id(name)))
        yield Rule(self.conduit.glyphs)
        yield Lines(widget_id="answers")

    def on_mount(self) -> None:
        self.query(TextInput).first().focus()
        self.query_one(Footer).show_actions(of(Scope.TRY))
        self._read()
        self._try()

    @work(group="try-requests", exclusive=True, exit_on_error=False)
    async def _read(self) -> None:
        if self.conduit.reader is not None:
            self._requests = await self._counter.requests(self.conduit.reader)
        self._say()

    def show_state(self, state: object) -> None:
        super().show_state(self.conduit.state)
        self._say()

    def _say(self) -> None:
        number = len(self._requests)
        left: Line = ((" try ", Ink.STRONG), (f" {self._known.project.name}", Ink.MUTED))
        right: Line = ((f"typed by hand; pgdn takes one of the last {count(number)} requests ", Ink.MUTED),)
        if not number:
            right = (("typed by hand ", Ink.MUTED),)
        if (request := self._request) is not None:
            at = moment(request.created_at, self.conduit.now())
            went = names.model_change(request.requested_model, request.routed_model, self.conduit.glyphs.arrow)
            right = ((f"request {count(self._back)} of {count(number)}: {at} {went} ", Ink.ACCENT),)
        self.query_one("#try-title", Lines).show([spread(left, right, self.size.width or 80)])

    @property
    def _request(self) -> RecordedRequest | None:
        return self._requests[-self._back] if 0 < self._back <= len(self._requests) else None

    def action_step(self, by: int) -> None:
        self._back = max(0, min(len(self._requests), self._back + by))
        request = self._request
        told = self._rules.told(request) if request is not None else {"dialect": "anthropic"}
        for name in self._rules.fields:
            line = self.query_one(f"#{_id(name)}", Input)
            line.value = told.get(name, "")
            line.cursor_position = 0
        self._say()
        self._try()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._try(TYPING_PAUSE_SECONDS)

    @work(group="try", exclusive=True, exit_on_error=False)
    async def _try(self, pause: float = 0) -> None:
        await asyncio.sleep(pause)
        written = {name: self.query_one(f"#{_id(name)}", Input).value for name in self._rules.fields}
        try:
            trial = await asyncio.to_thread(self._rules.run, written, self._request)
        except TrialError as error:
            self._mark(error)
        else:
            self._mark(None)
            self._show(trial)

    def _mark(self, error: TrialError | None) -> None:
        for name in self._rules.fields:
            row = self.query_one(f"#{_id(name)}", Input).parent
            assert isinstance(row, FieldRow)
            row.say(Problem(name, str(error)) if error is not None and error.field == name else None)

    def _show(self, trial: Trial) -> None:
        decision, glyphs = trial.decision, self.conduit.glyphs
        model = names.model(decision.model) or "the model that is asked for"
        lines: list[Line] = [
            cut(
                ((f" {glyphs.arrow} ", Ink.ACCENT), (model, Ink.STRONG), (f"   {decision.reason}", Ink.TEXT)),
                self.size.width - 1,
            ),
            BLANK,
            *(rule_lines(trial.steps, glyphs) or [(("   no rule is on", Ink.MUTED),)]),
        ]
        if self._known.idle_reason:
            lines.append(((" ! ", Ink.WARN), (f"at the moment no rule acts: {self._known.idle_reason}", Ink.TEXT)))
        self.query_one("#answers", Lines).show(lines)

    def action_scroll_by(self, by: int) -> None:
        self.query_one("#answers", Lines).top += by

    def action_back(self) -> None:
        self.dismiss()


def _id(field: str) -> str:
    return "fact-" + "".join(character if character.isalnum() else "-" for character in field)
