"""Which value holds, and what a running daemon makes of a file that changes."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from conduit_tui.cli.settings import DEFAULT_LISTEN, DEFAULT_PORT
from conduit_tui.config.check import validate
from conduit_tui.config.errors import ConfigError
from conduit_tui.config.in_force import ConfigInForce
from conduit_tui.config.model import SETTINGS, BoxConfig, Effect
from conduit_tui.config.precedence import Source, resolve
from conduit_tui.config.text import from_text, to_text
from conduit_tui.paths import StateDir
from conduit_tui.tui.preferences import Preferences


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.prepare()
    made.config.write_text('[gateway]\nport = 3\nlisten = "::1"\n[screen]\nprofile = "ssh"\n')
    made.config.chmod(0o600)
    return made


def test_command_line_then_environment_then_file_then_default(state_dir: StateDir) -> None:
    def port(given: Mapping[str, object], environ: Mapping[str, str]) -> tuple[int, Source]:
        found = resolve(state_dir, given, environ)
        return found.config.gateway.port, found.sources["gateway.port"]

    assert port({"gateway.port": 1}, {"CONDUIT_PORT": "2"}) == (1, Source.COMMAND_LINE)
    assert port({}, {"CONDUIT_PORT": "2"}) == (2, Source.ENVIRONMENT)
    assert port({}, {}) == (3, Source.FILE)
    state_dir.config.unlink()
    assert port({}, {}) == (4141, Source.DEFAULT)


def test_every_setting_can_come_from_its_variable(state_dir: StateDir) -> None:
    state_dir.config.unlink()
    assert len({setting.variable for setting in SETTINGS.values()}) == len(SETTINGS)
    environ = {setting.variable: to_text(setting.default) for setting in SETTINGS.values()}
    found = resolve(state_dir, {}, environ)
    assert found.config == BoxConfig()
    assert set(found.sources.values()) == {Source.ENVIRONMENT}


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("CONDUIT_PORT", "eighty", "CONDUIT_PORT: must be a whole number, not 'eighty'"),
        ("CONDUIT_PORT", "70000", "CONDUIT_PORT: must be 0 to 65,535, not 70000"),
        ("CONDUIT_INSECURE_LISTEN", "maybe", "CONDUIT_INSECURE_LISTEN: must be on or off, not 'maybe'"),
        ("CONDUIT_DURABILITY", "none", "CONDUIT_DURABILITY: must be one of process-crash, power-loss, not 'none'"),
        ("CONDUIT_TLS_KEY", "/k", "CONDUIT_TLS_KEY: tls_key needs tls_cert"),
        ("CONDUIT_DRAIN_SECONDS", "2,5", "CONDUIT_DRAIN_SECONDS: must be a number, not '2,5'"),
        ("CONDUIT_PORT", "41,41", "CONDUIT_PORT: must be a whole number, not '41,41'"),
    ],
)
def test_a_bad_variable_is_named(state_dir: StateDir, variable: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(state_dir, {}, {variable: text})
    assert str(caught.value).startswith(problem)


def test_a_bad_option_is_named(state_dir: StateDir) -> None:
    with pytest.raises(ConfigError, match=r"^--tls-key: tls_key needs tls_cert"):
        resolve(state_dir, {"gateway.tls_key": "/k"}, {})


@pytest.mark.parametrize("key", list(SETTINGS))
def test_a_text_means_what_it_shows(key: str) -> None:
    setting = SETTINGS[key]
    assert from_text(setting, to_text(setting.default)) == setting.default


def test_thousands_may_be_grouped() -> None:
    assert from_text(SETTINGS["gateway.max_body_bytes"], "33,554,432") == 33_554_432
    assert from_text(SETTINGS["supervision.drain_seconds"], "2.5") == 2.5


def test_the_words_of_the_options_help_are_the_defaults() -> None:
    assert BoxConfig().gateway.port == DEFAULT_PORT
    assert BoxConfig().gateway.listen == DEFAULT_LISTEN


def test_the_screens_choices_come_by_the_short_way_as_by_the_long_one(state_dir: StateDir) -> None:
    state_dir.config.write_text('[screen]\ntheme = "light"\nprofile = "ssh"\non_detach = "keep"\nmouse = "off"\n')
    names = ("theme", "profile", "on_detach", "mouse")
    for given, environ in (
        ({}, {}),
        ({"screen.profile": "plain"}, {"CONDUIT_PROFILE": "local", "CONDUIT_THEME": "dark"}),
        ({}, {"CONDUIT_ON_DETACH": "stop", "CONDUIT_MOUSE": "on"}),
    ):
        short, long = Preferences.read(state_dir, given, environ), resolve(state_dir, given, environ).config.screen
        assert [getattr(short, name) for name in names] == [getattr(long, name) for name in names]
        assert [SETTINGS[f"screen.{name}"].variable for name in names] == [f"CONDUIT_{name.upper()}" for name in names]


@pytest.mark.parametrize("text", ["[screen", 'screen = 3\nkeys = "x"\n', '[screen]\nprofile = "fancy"\nmouse = 3\n'])
def test_a_bad_file_leaves_the_screens_their_defaults(state_dir: StateDir, text: str) -> None:
    state_dir.config.write_text(text)
    assert Preferences.read(state_dir, {}, {}) == Preferences()


class Box:
    """What a daemon would read now."""

    def __init__(self, **tables: object) -> None:
        self.tables: object = tables

    def read(self) -> BoxConfig:
        return validate(self.tables)  # type: ignore[arg-type]


@pytest.mark.fault
def test_a_file_that_has_become_invalid_changes_nothing() -> None:
    box = Box(retention={"usage_days": 30})
    force = ConfigInForce(box.read)
    before = force.config
    box.tables = {"retention": {"usage_days": "soon"}, "gateway": {"max_body_bytes": 2048}}
    words = force.reload(starting=True)
    assert "the one from before holds" in words
    assert "retention.usage_days: must be a whole number" in words
    assert force.config == before
    box.tables = {"retention": {"usage_days": 31}}
    assert force.reload() == f"config.toml was read again: retention.usage_days takes effect {Effect.GATEWAY}"
    assert force.reload() == ""


def test_what_a_daemon_settles_at_its_start_stays() -> None:
    box = Box(gateway={"port": 1}, supervision={"drain_seconds": 5})
    force = ConfigInForce(box.read)
    box.tables = {"gateway": {"port": 2, "max_body_bytes": 2048}, "supervision": {"drain_seconds": 6}}
    words = force.reload(starting=True)
    assert f"gateway.port takes effect {Effect.ADDRESS}" in words
    assert "gateway.max_body_bytes takes effect now" in words
    assert (force.config.gateway.port, force.config.supervision.drain_seconds) == (1, 5)
    told = json.loads(force.for_gateway())
    assert told == {"gateway": {"port": 1, "max_body_bytes": 2048}, "supervision": {"drain_seconds": 5}}
    assert validate(told) == force.config


def test_a_daemon_does_not_start_with_an_invalid_file() -> None:
    with pytest.raises(ConfigError):
        ConfigInForce(Box(gateway={"port": "x"}).read)
