"""The configuration that a running daemon goes by, and what becomes of it when the file changes."""

from collections.abc import Callable

from conduit_tui.config.errors import ConfigError
from conduit_tui.config.model import SETTINGS, BoxConfig, Effect

GATEWAY_TABLES = {"gateway", "supervision", "store", "retention", "backup", "metrics", "telemetry"}
_AT_START = (Effect.DAEMON, Effect.ADDRESS)


class ConfigInForce:
    """The newest valid configuration; what a daemon settles once, at its start, stays as it was then."""

    def __init__(self, read: Callable[[], BoxConfig]) -> None:
        """`read` gives the configuration as it stands now, or raises ConfigError; so does this."""
        self._read = read
        self._seen = self.config = read()

    def reload(self, *, starting: bool = False) -> str:
        """Read again and say what is new or wrong, nothing where all is as it was; an invalid file changes nothing.

        `starting` says that a gateway is about to be started with what is read.
        """
        try:
            seen = self._read()
        except ConfigError as error:
            return f"the configuration is invalid, the one from before holds: {error}"
        changed = [setting for setting in SETTINGS.values() if setting.value(seen) != setting.value(self._seen)]
        self._seen = seen
        kept = {
            (setting.table, setting.name): setting.value(self.config)
            for setting in SETTINGS.values()
            if setting.effect in _AT_START
        }
        tables = {
            name: table.model_copy(update={key: value for (of, key), value in kept.items() if of == name})
            for name, table in seen
            if name != "keys"
        }
        self.config = seen.model_copy(update=tables)
        if not changed:
            return ""
        now = (Effect.GATEWAY,) if starting else ()
        told = (
            f"{setting.key} takes effect {'now' if setting.effect in now else setting.effect}" for setting in changed
        )
        return "config.toml was read again: " + "; ".join(told)

    def for_gateway(self) -> str:
        """What a gateway is told, as JSON."""
        return self.config.model_dump_json(include=GATEWAY_TABLES, exclude_defaults=True)
