"""The fields of a project's settings, page by page; a widget's id is the field's name in the draft."""

from collections.abc import Callable, Iterator, Sequence

from textual.widget import Widget
from textual.widgets import Input

from conduit_tui.domain.limits import Mode, Unpriced
from conduit_tui.domain.projects import CaptureMode, GatewayDown
from conduit_tui.tui.settings_draft import DECIDED, OFF, ON, SettingsDraft
from conduit_tui.tui.widgets.fields import TextInput, Toggle
from conduit_tui.tui.widgets.helped_row import HelpedRow
from conduit_tui.tui.widgets.suggestions import ModelInput

GENERAL, RULES, LIMITS, FEATURES, PROVIDERS, MACHINE = (
    "general", "rules", "limits", "features", "providers", "machine",
)  # fmt: skip
PAGES = (
    (GENERAL, "General"),
    (RULES, "Routing rules"),
    (LIMITS, "Cost limits"),
    (FEATURES, "Features"),
    (PROVIDERS, "Providers & keys"),
    (MACHINE, "This machine"),
)
FIELDS = {
    GENERAL: (
        "enabled", "default_model", "fallback", "rollout", "sticky", "capture", "capture_days", "gateway_down",
    ),
    LIMITS: ("daily", "monthly", "mode", "zone", "unpriced"),
    FEATURES: ("auto_routing", "cost_tracking", "usage_analytics"),
}  # fmt: skip

_SWITCH = (ON, OFF)
_HELP = {
    "enabled": ("enabled", "off: no rule and no limit of this project holds"),
    "default_model": ("default model", "where no rule matches; as-requested: the client's choice"),
    "fallback": ("fallback models", "tried in turn when the chosen one fails; with commas"),
    "rollout": ("rollout %", "share of sessions that routing acts on, others as requested"),
    "sticky": ("new rules decide", "once per session keeps the provider's prompt cache"),
    "capture": ("capture texts", "none, preview (how the user's message begins), or full"),
    "capture_days": ("keep texts, days", "captured texts are deleted after that"),
    "gateway_down": ("gateway down", "launched agents then: ask, go direct, or refuse"),
    "daily": ("daily limit $", "what it does not cover is refused; none is no limit"),
    "monthly": ("monthly limit $", "none is no limit, 0 blocks everything"),
    "mode": ("mode", "strict holds the most a request may cost, balanced less"),
    "zone": ("time zone", "of days and months, such as UTC or Europe/Berlin"),
    "unpriced": ("model, no price", "charge it at the unknown-model rate, or block it"),
    "auto_routing": ("automatic routing", "off: rules are skipped, the default model still holds"),
    "cost_tracking": ("cost tracking", "off: no cost is written down, no limit of this project holds"),
    "usage_analytics": ("usage analytics", "off: requests are kept for a day, their sums for ever"),
}
_CHOICES: dict[str, Sequence[str]] = {
    "enabled": _SWITCH,
    "sticky": tuple(DECIDED.values()),
    "capture": tuple(mode.value for mode in CaptureMode),
    "gateway_down": tuple(each.value for each in GatewayDown),
    "mode": tuple(mode.value for mode in Mode),
    "unpriced": tuple(each.value for each in Unpriced),
    "auto_routing": _SWITCH,
    "cost_tracking": _SWITCH,
    "usage_analytics": _SWITCH,
}

Models = Callable[[], Sequence[str]]


def rows(page: str, draft: SettingsDraft, models: Models) -> Iterator[HelpedRow]:
    """The fields of one page."""
    for name in FIELDS[page]:
        label, help_text = _HELP[name]
        yield HelpedRow(label, _field(name, getattr(draft, name), models), help_text)


def text_of(widget: Widget) -> str:
    """What stands in a field."""
    assert isinstance(widget, Input | Toggle)
    return widget.value


def write(widget: Widget, text: str) -> None:
    """Put other words into a field."""
    if isinstance(widget, Toggle):
        widget.choose(text)
    elif isinstance(widget, Input):
        widget.value = text
        widget.cursor_position = len(text)


def _field(name: str, value: str, models: Models) -> Widget:
    if name in _CHOICES:
        choices = tuple(_CHOICES[name])
        return Toggle(choices, value, mark=choices == _SWITCH, widget_id=name)
    if name in ("default_model", "fallback"):
        return ModelInput(models, value, several=name == "fallback", widget_id=name)
    return TextInput(value, widget_id=name)
