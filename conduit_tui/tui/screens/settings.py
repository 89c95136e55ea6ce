"""Screen Settings."""

from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.screens.base import ConduitScreen


class SettingsScreen(ConduitScreen):
    """What is configured, by project and by machine."""

    SCOPES = (Scope.LISTS,)
    TAB = "settings"
    BINDINGS = bindings(*SCOPES)
