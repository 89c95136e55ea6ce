"""Screen Backups."""

from conduit_tui.tui.actions import Scope, bindings
from conduit_tui.tui.screens.base import ConduitScreen


class BackupsScreen(ConduitScreen):
    """Safety copies: made, listed, restored; export and import."""

    SCOPES = (Scope.LISTS,)
    TAB = "backups"
    BINDINGS = bindings(*SCOPES)
