"""The screens that are imported when they are first looked at."""

from __future__ import annotations

from collections.abc import Callable

from textual.screen import Screen


def _requests() -> Screen[None]:
    from conduit_tui.tui.screens.requests import RequestsScreen

    return RequestsScreen()


def _rules() -> Screen[None]:
    from conduit_tui.tui.screens.rules import RulesScreen

    return RulesScreen()


def _usage() -> Screen[None]:
    from conduit_tui.tui.screens.usage import UsageScreen

    return UsageScreen()


def _budgets() -> Screen[None]:
    from conduit_tui.tui.screens.budgets import BudgetsScreen

    return BudgetsScreen()


def _settings() -> Screen[None]:
    from conduit_tui.tui.screens.settings import SettingsScreen

    return SettingsScreen()


def _process() -> Screen[None]:
    from conduit_tui.tui.screens.process import ProcessScreen

    return ProcessScreen()


def _backups() -> Screen[None]:
    from conduit_tui.tui.screens.backups import BackupsScreen

    return BackupsScreen()


LATER: dict[str, str | Callable[[], Screen[None]]] = {
    "requests": _requests,
    "rules": _rules,
    "usage": _usage,
    "budgets": _budgets,
    "settings": _settings,
    "process": _process,
    "backups": _backups,
}
