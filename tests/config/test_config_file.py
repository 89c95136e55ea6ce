"""config.toml on disk: what it says, what is wrong with it and where, and how it is changed."""

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conduit_tui.config.check import validate
from conduit_tui.config.disk import LARGEST_BYTES
from conduit_tui.config.errors import ConfigError
from conduit_tui.config.file import change, change_all, load, load_whole
from conduit_tui.config.model import SETTINGS, BoxConfig
from conduit_tui.config.place import line_of, parse
from conduit_tui.paths import StateDir


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    made.prepare()
    return made


def write(state_dir: StateDir, text: str, mode: int = 0o600) -> None:
    state_dir.config.write_text(text)
    state_dir.config.chmod(mode)


def told(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate(parse(text), text=text)
    return [problem.text(Path("c.toml")) for problem in caught.value.problems]


def test_without_a_file_the_defaults_hold(state_dir: StateDir) -> None:
    assert load(state_dir) == BoxConfig()
    assert load(state_dir).gateway.port == 4141
    assert not state_dir.config.exists()


def test_a_file_says_what_differs(state_dir: StateDir) -> None:
    write(state_dir, '[gateway]\nport = 5000\nallow_hosts = ["a.test", "b"]\n[keys]\n"requests.follow" = "G"\n')
    config = load(state_dir)
    assert (config.gateway.port, config.gateway.allow_hosts) == (5000, ("a.test", "b"))
    assert config.keys == {"requests.follow": "G"}
    assert config.gateway.listen == "127.0.0.1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[gateway]\nprot = 1\n", "c.toml:2:1: gateway.prot: there is no such key; did you mean 'gateway.port'?"),
        ("# x\n[gatway]\nport = 1\n", "c.toml:2:1: gatway: there is no such table; did you mean 'gateway'?"),
        ("port = 1\n", "c.toml:1:1: port: there is no such table; did you mean 'gateway.port'?"),
        ('[gateway]\n  port = "1"\n', "c.toml:2:3: gateway.port: must be a whole number, not '1'"),
        ("[gateway]\nport = true\n", "c.toml:2:1: gateway.port: must be a whole number, not true"),
        ("[gateway]\nport = 1.5\n", "c.toml:2:1: gateway.port: must be a whole number, not 1.5"),
        ("gateway.port = 70000\n", "c.toml:1:1: gateway.port: must be 0 to 65,535, not 70000"),
        ("gateway = { port = -1 }\n", "c.toml:1:1: gateway.port: must be 0 to 65,535, not -1"),
        ("gateway = 3\n", "c.toml:1:1: gateway: must be a table, not 3"),
        ("[gateway]\ninsecure_listen = 1\n", "c.toml:2:1: gateway.insecure_listen: must be true or false, not 1"),
        ('[gateway]\nlisten = ""\n', "c.toml:2:1: gateway.listen: must not be empty"),
        ('[gateway]\nallow_hosts = "a"\n', "gateway.allow_hosts: must be a list of texts in quotes, not 'a'"),
        ('[gateway]\nallow_hosts = [\n "a",\n 3,\n]\n', "c.toml:2:1: gateway.allow_hosts: must be a text in quotes"),
        ('[gateway]\n\ntls_key = "/k"\n', "c.toml:3:1: gateway.tls_key: tls_key needs tls_cert"),
        ('[gateway]\ntls_cert = "k.pem"\n', "gateway.tls_cert: 'k.pem' is not a whole path"),
        ("[supervision]\ndrain_seconds = nan\n", "supervision.drain_seconds: must be 0 to 600, not nan"),
        ('[store]\ndurability = "power"\n', "must be one of process-crash, power-loss, not 'power'; did you mean"),
        ('[telemetry]\nsentry_dsn_env = "https://k@s"\n', "is the name of an environment variable, not the DSN itself"),
        ("[keys]\na = 3\n", "c.toml:2:1: keys.a: must be a text in quotes, not 3"),
        ("[gateway\nport = 1\n", "c.toml:1:9: expected"),
        ("a = [\n1,\n", "; the text ends too early"),
        ("[zzz]\n", "there is no such table; there are gateway, supervision, store"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text: str, problem: str) -> None:
    assert problem in told(text)[0]


def test_all_mistakes_are_told_in_the_order_of_the_file() -> None:
    text = '[store]\ndurability = "x"\n[gateway]\nprot = 1\nport = "a"\n[retention]\nusage_days = 0\n'
    assert [line.split(": ")[1] for line in told(text)] == [
        "store.durability", "gateway.prot", "gateway.port", "retention.usage_days",
    ]  # fmt: skip


def test_a_key_is_found_behind_texts_that_look_like_it() -> None:
    text = '# [gateway]\n# port = 1\n[screen]\ntheme = """\n[gateway]\nport = 2\n"""\n[gateway]\n\nport = 3 # it\n'
    assert line_of(text, ("gateway", "port")) == 10
    assert line_of(text, ("screen", "theme")) == 4
    assert line_of(text, ("gateway", "listen")) == 8
    assert line_of(text, ("backup",)) == 0


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        validate(parse(text), text=text)
    except ConfigError as error:
        assert all(problem.message for problem in error.problems)  # noqa: PT017


def test_a_change_keeps_comments_and_order(state_dir: StateDir) -> None:
    before = (
        '# mine\n[screen]\ntheme = "light" # bright here\n\n# the address\n[gateway]\nport = 1 # p\nlisten = "::1"\n'
    )
    write(state_dir, before)
    config = change(state_dir, "gateway.port", 5000)
    assert config.gateway.port == 5000
    assert state_dir.config.read_text() == before.replace("port = 1 #", "port = 5000 #")
    change_all(state_dir, {"screen.theme": None, "keys.rules.new": "N", "gateway.allow_hosts": ("a", "b")})
    after = state_dir.config.read_text()
    assert "# mine" in after
    assert "# the address" in after
    assert load(state_dir).keys == {"rules.new": "N"}
    assert load(state_dir).gateway.allow_hosts == ("a", "b")
    assert load(state_dir).screen.theme == "auto"


def test_every_setting_can_be_written_and_read_again(state_dir: StateDir) -> None:
    other: dict[type, object] = {bool: True, int: 7_777, float: 12.5, str: "/other", tuple: ("one.test",)}
    special = {
        "gateway.listen": "::1", "store.durability": "power-loss", "screen.profile": "ssh", "screen.on_detach": "keep",
        "screen.mouse": "off", "telemetry.otlp_endpoint": "http://127.0.0.1:4317", "telemetry.sentry_dsn_env": "DSN",
        "backup.keep": 3, "retention.usage_days": 30, "retention.event_days": 31, "screen.theme": "dark",
    }  # fmt: skip
    wanted = {key: special.get(key, other[type(setting.default)]) for key, setting in SETTINGS.items()}
    change_all(state_dir, wanted)
    config = load(state_dir)
    assert {key: setting.value(config) for key, setting in SETTINGS.items()} == wanted
    assert all(setting.value(config) != setting.default for setting in SETTINGS.values())


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("gateway.port", 70_000, "must be 0 to 65,535"),
        ("gateway.prot", 1, "did you mean 'gateway.port'?"),
        ("gateway", 1, "there is no such key"),
        ("gateway.tls_key", "/k", "needs tls_cert"),
    ],
)
def test_a_change_that_would_be_wrong_changes_nothing(state_dir: StateDir, key: str, value: object, words: str) -> None:
    write(state_dir, "[gateway]\nport = 5 # five\n")
    with pytest.raises(ConfigError, match="^.*" + words.replace("?", r"\?")):
        change_all(state_dir, {"screen.theme": "light", key: value})
    assert state_dir.config.read_text() == "[gateway]\nport = 5 # five\n"
    assert [path.name for path in state_dir.root.iterdir()] == ["config.toml"]


def test_a_change_may_mend_a_file_that_is_wrong(state_dir: StateDir) -> None:
    write(state_dir, "[gateway]\nport = 70000\n")
    assert change(state_dir, "gateway.port", None).gateway.port == 4141
    assert tomllib.loads(state_dir.config.read_text()) == {"gateway": {}}


@pytest.mark.fault
@pytest.mark.parametrize("umask", [0o000, 0o077, 0o277])
def test_what_is_written_is_private_whatever_the_umask(state_dir: StateDir, umask: int) -> None:
    write(state_dir, "", mode=0o644)
    before = os.umask(umask)
    try:
        change(state_dir, "gateway.port", 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE(state_dir.config.stat().st_mode) == 0o600


@pytest.mark.fault
def test_a_symbolic_link_is_refused_and_not_written_through(state_dir: StateDir, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text("[gateway]\nport = 1\n")
    state_dir.config.symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is a symbolic link"):
        load(state_dir)
    with pytest.raises(ConfigError, match="is a symbolic link"):
        change(state_dir, "gateway.port", 2)
    assert elsewhere.read_text() == "[gateway]\nport = 1\n"
    assert load_whole(state_dir.config, follow=True).config.gateway.port == 1


@pytest.mark.fault
def test_a_file_that_others_can_read_is_warned_of(state_dir: StateDir) -> None:
    write(state_dir, "", mode=0o644)
    assert load_whole(state_dir.config).warnings == (
        f"{state_dir.config} is open to others (mode 0644); `chmod 600 {state_dir.config}` closes it",
    )
    write(state_dir, "", mode=0o600)
    assert load_whole(state_dir.config).warnings == ()


@pytest.mark.fault
def test_what_is_no_file_of_words_is_refused(state_dir: StateDir) -> None:
    os.mkfifo(state_dir.config)
    with pytest.raises(ConfigError, match="is not a file"):
        load(state_dir)
    state_dir.config.unlink()
    state_dir.config.write_bytes(b"[gateway]\nport = \xff\n")
    with pytest.raises(ConfigError, match=r"config.toml:2:8: is not UTF-8 text"):
        load(state_dir)
    state_dir.config.write_bytes(b"#" * (LARGEST_BYTES + 1))
    with pytest.raises(ConfigError, match="is larger than 256 KB"):
        load(state_dir)
    state_dir.config.write_text("")
    state_dir.config.chmod(0o000)
    if os.geteuid():
        with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
            load(state_dir)


def test_changes_at_once_are_all_kept(state_dir: StateDir) -> None:
    names = [f"action{number}" for number in range(24)]
    begin = threading.Barrier(len(names))

    def one(name: str) -> None:
        begin.wait()
        change(state_dir, f"keys.{name}", "x")

    threads = [threading.Thread(target=one, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(load(state_dir).keys) == set(names)
    assert [path.name for path in state_dir.root.iterdir()] == ["config.toml"]
