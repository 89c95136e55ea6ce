"""U1: whatever the store, files and arguments hold, no verb lets a control character out. Every verb is tried."""

import ast
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from conduit_tui.cli.main import cli
from conduit_tui.paths import StateDir
from tests import hostile
from tests.hostile import EVERYTHING, IN_A_NAME, MODEL, PAYLOADS, SHORT, assert_harmless

ROOT = Path(__file__).parents[2]
OUR_COLOURS = re.compile(r"\x1b\[(?:3[1-3]|91|0)m")
Run = Callable[..., Result]

# Verbs that start processes or write outside of the state directory: their own tests run them.
ELSEWHERE = {"up", "restart", "demo", "service install", "service uninstall"}

# What to run of each verb besides nonsense; FILE, COPY and CLAUDE stand for the hostile ones.
USES = {
    "": [],
    "down": [[]],
    "status": [[], ["--json"]],
    "logs": [["-n", "500"], ["--json", "-n", "500"]],
    "run": [["--no-gateway", "--dry-run", "--", "sh", "-c", EVERYTHING.replace("\0", "")], ["--", "no" + SHORT]],
    "env": [[], ["--for", "claude"], ["--json"], ["--project", "loud"]],
    "token show": [[]],
    "token rotate": [[]],
    "providers list": [[], ["--json"]],
    "providers test": [["fast"], ["fast", "--json"]],
    "providers add": [["next", "--base-url", f"http://{SHORT}", "--dialect", "openai-chat", "--no-key"]],
    "providers edit": [["fast", "--models", EVERYTHING]],
    "providers key": [["fast"]],
    "providers rm": [["fast"]],
    "projects list": [[], ["--json"]],
    "projects add": [["one-more"]],
    "projects rename": [["docs", SHORT]],
    "projects archive": [["loud"]],
    "config show": [["--project", "loud"], ["--project", "loud", "--json"]],
    "config set": [["defaultModel", EVERYTHING, "--project", "docs"]],
    "config history": [["--project", "docs"], ["--project", "docs", "--json"]],
    "config diff": [["3", "--project", "docs"], ["3", "4", "--project", "docs"], ["3", "--project", "docs", "--json"]],
    "config restore": [["3", "--project", "docs"]],
    "config undo": [["--project", "docs"]],
    "config check": [[], ["FILE"]],
    "config init": [[]],
    "config schema": [[]],
    "config test": [[], ["--json"], ["--project", "loud"]],
    "rules list": [["--project", "loud"], ["--project", "loud", "--json"]],
    "rules add": [["--name", EVERYTHING, "--when", f'model = "{SHORT}"', "--use", MODEL, "--project", "docs"]],
    "rules edit": [[EVERYTHING, "--description", EVERYTHING, "--project", "loud"]],
    "rules move": [[EVERYTHING, "up", "--project", "loud"]],
    "rules rm": [[EVERYTHING, "--project", "loud"]],
    "rules try": [[EVERYTHING, "--project", "loud"], ["--last", "1", "--project", "docs"]],
    "rules backtest": [["--project", "docs"], ["--project", "docs", "--json"]],
    "bypass status": [[], ["--json"]],
    "bypass on": [[]],
    "bypass off": [[]],
    "sessions": [[], ["--json"], ["--csv"]],
    "sessions show": [["stopped-and-well"], [PAYLOADS[1]], [PAYLOADS[1], "--json"]],
    "sessions stop": [["stopped-and-well", "--reason", EVERYTHING], [PAYLOADS[0], "--reason", EVERYTHING]],
    "sessions resume": [["stopped-and-well"], [PAYLOADS[1]]],
    "reconcile": [["--path", "CLAUDE"], ["--path", "CLAUDE", "--json"], ["--path", "CLAUDE", "--csv"]],
    "usage": [[*how, "--by", by] for by in ("model", "project", "agent-type", "session", "provider")
              for how in ([], ["--json"], ["--csv"])],
    "budget show": [[], ["--json"], ["--csv"]],
    "budget flagged": [[], ["--json"], ["--csv"]],
    "budget set": [["--daily", "3", "--project", "docs", "--model", SHORT, "--agent-type", EVERYTHING]],
    "budget raise": [["--daily", "30", "--until", "2h", "--project", "docs", "--model", SHORT]],
    "budget write-down": [[f"0{PAYLOADS[0]}", "--to", "0", "--reason", EVERYTHING]],
    "prices list": [[], ["--json"], ["--csv"]],
    "prices set": [[f"{SHORT}2", "--input", "1", "--output", "2", "--provider", EVERYTHING], [SHORT, "--free"]],
    "prices rm": [[SHORT, "--provider", EVERYTHING]],
    "export": [["-"], ["-", "--format", "toml", "--project", "loud"], [f"{IN_A_NAME[:60]}.json"]],
    "import": [["FILE", "--dry-run"], ["FILE", "--dry-run", "--json"], ["BROKEN"], ["FILE", "--yes"],
               ["FILE", "--yes", "--raise-caps", "--accept-providers"]],
    "backup create": [[], ["--json"], ["--export"]],
    "backup list": [[], ["--json"]],
    "backup restore": [["COPY", "--dry-run"], ["COPY", "--yes"], ["backup-20260101T000001Z.db", "--yes"],
                       ["backup-20260101T000000Z.json", "--yes"]],
    "backup rm": [["backup-20260101T000001Z.db", "--yes"], [f"backup-{IN_A_NAME[:90]}.db", "--yes"]],
    "purge": [["captures", "--yes"], ["captures", "--yes", "--project", "docs"]],
    "doctor": [["--offline"], ["--offline", "--json"]],
    "service status": [[], ["--json"]],
    "metrics": [[]],
    "completion": [["bash"]],
}  # fmt: skip


def verbs(command: click.Command = cli, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every verb that can be run, by its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    if command.invoke_without_command:
        yield path, command
    for name in command.list_commands(click.Context(command)):
        one = command.get_command(click.Context(command), name)
        assert one is not None
        yield from verbs(one, f"{path} {name}".strip())


VERBS = dict(verbs())


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    hostile.furnish(StateDir(folder / "state"))
    hostile.transcripts(folder / "claude")
    shutil.move(hostile.import_file(folder), folder / "given.json")
    return folder


@pytest.fixture
def run(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A verb over a copy of the hostile state directory, in a folder of its own."""
    state = tmp_path / "state"
    shutil.copytree(furnished / "state", state)
    places = {
        "FILE": str(shutil.copy(furnished / "given.json", tmp_path / f"{IN_A_NAME[:60]}.json")),
        "BROKEN": str(tmp_path / f"{IN_A_NAME[:50]}.json"),
        "COPY": "backup-20260101T000002Z.db",
        "CLAUDE": str(furnished / "claude"),
    }
    Path(places["BROKEN"]).write_text(EVERYTHING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments: str) -> Result:
        words = [places.get(word, word) for word in arguments]
        # With colours: otherwise click would take escape sequences out, which it does not do on a terminal.
        return CliRunner().invoke(
            cli, [*words, "--state-dir", str(state)] if "--" not in words else ["--state-dir", str(state), *words],
            prog_name="conduit-tui", color=True,
        )  # fmt: skip

    return run


def check(result: Result) -> None:
    import os

    if os.environ.get("SHOW"):
        print(repr(result.output[:700]), result.exit_code)
    assert_harmless(OUR_COLOURS.sub("", result.output))
    assert "internal error" not in result.output, result.output[:2000]
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)


def test_every_verb_is_tried() -> None:
    assert set(USES) | ELSEWHERE == set(VERBS)


@pytest.mark.parametrize("verb", list(USES))
def test_what_the_store_and_files_hold_comes_out_as_text(run: Run, verb: str) -> None:
    for use in USES[verb]:
        result = run(*verb.split(), *use)
        check(result)
        if "--json" in use and verb != "logs" and result.stdout and result.exit_code == 0:
            json.loads(result.stdout)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb])
def test_what_is_typed_comes_back_as_text(run: Run, verb: str) -> None:
    """Each option and argument in turn gets what nobody should type; the complaint about it is harmless."""
    for parameter in VERBS[verb].params:
        if isinstance(parameter, click.Option) and not parameter.is_flag and verb not in ELSEWHERE:
            check(run(*verb.split(), parameter.opts[-1], SHORT))
    check(run(*verb.split(), f"--{SHORT}"))
    check(run(*verb.split(), *[SHORT] * (4 if verb not in ELSEWHERE | {"run", "backup rm"} else 0), f"--{SHORT}"))


def test_an_unknown_verb_or_option_is_named_harmlessly(run: Run) -> None:
    for words in ([SHORT], [f"--{SHORT}"], ["--profile", SHORT], ["--port", SHORT], ["--listen", SHORT, "status"]):
        check(run(*words))


@pytest.mark.parametrize("text", [
    f"[gateway]\nport = \"{IN_A_NAME}\"\n",
    f"{EVERYTHING}\n",
    f"[\"{SHORT}\"]\nx = 1\n",
    f"[keys]\n\"{SHORT}\" = 'q'\n",
    f"[screen]\ntheme = '''{IN_A_NAME}'''\n",
    "[screen]\ntheme = \"\\u001b]0;owned\\u0007\\u202e\"\n",
    "[\"\\u001b]0;owned\\u0007\"]\nx = 1\n",
    "[gateway]\n\"\\u001b[2J\\u009b31m\" = 1\nlisten = \"\\u001b]52;c;ZXZpbA==\\u0007\"\n",
    "[keys]\n\"\\u001bc\" = \"\\u202e\"\n",
])  # fmt: skip
def test_mistakes_in_config_toml_are_quoted_harmlessly(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "state" / "config.toml"
    path.touch(0o600)
    path.write_bytes(text.encode())
    for words in (["config", "check"], ["doctor", "--offline"], ["config", "set", "screen.theme", "dark"], ["up"]):
        result = run(*words)
        check(result)


def test_verbs_say_everything_through_the_one_door() -> None:
    """`echo` of `cli.echo` writes control characters out; nothing else may print, but a counter of our own."""
    loose = []
    for path in (ROOT / "conduit_tui" / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in ("print", "click.echo", "click.secho", "click.confirm", "sys.stderr.write"):
                    loose.append(path.name)
    assert set(loose) <= {"echo.py", "errors.py", "rules_backtest.py"}
