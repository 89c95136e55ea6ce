"""`config check`, `config schema`, `config init`, and the configuration of a real daemon and gateway."""

import json
import os
import signal
import stat
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from conduit_tui.config.model import SETTINGS
from conduit_tui.config.schema import starter
from tests.commands import Conduit
from tests.waiting import eventually


def write(tmp_path: Path, text: str, name: str = "config.toml") -> Path:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_check_names_file_line_key_and_the_nearest_key(conduit: Conduit, tmp_path: Path) -> None:
    path = write(tmp_path, "[gateway]\n\nprot = 1\nport = 70000\n")
    done = conduit("config", "check")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.splitlines() == [
        f"{path}:3:1: gateway.prot: there is no such key; did you mean 'gateway.port'?",
        f"{path}:4:1: gateway.port: must be 0 to 65,535, not 70000",
    ]
    told = json.loads(conduit("config", "check", "--json").stdout)
    assert (told["ok"], told["problems"][0]["line"], told["problems"][0]["nearest"]) == (False, 3, "gateway.port")


def test_check_knows_keys_and_themes(conduit: Conduit, tmp_path: Path) -> None:
    path = write(tmp_path, '[screen]\ntheme = "evenign"\n[keys]\n"requests.folow" = "x"\n"rules.edit" = "D"\n')
    write(tmp_path, '[colors]\ntext = "#222222"\nacent = "#ff0000"\n', "themes/evening.toml")
    done = conduit("config", "check")
    assert done.returncode == 78
    assert f"{path}:4:1: keys.requests.folow: there is no such action; did you mean 'requests.follow'?" in done.stderr
    assert f"{path}:5:1: keys.rules.edit: 'D' is the key of 'rules.delete' there" in done.stderr
    assert "themes/evening.toml:3:1: colors.acent: there is no such colour; did you mean 'accent'?" in (
        done.stderr.splitlines()
    )
    write(tmp_path, '[colors]\ntext = "#222222"\n', "themes/evening.toml")
    write(tmp_path, '[screen]\ntheme = "evening"\n')
    done = conduit("config", "check")
    assert done.returncode == 0
    assert "warning: theme evening: text on background has a contrast of" in done.stderr
    assert done.stderr.endswith(f"{path} is good\n")


def test_check_of_another_file_leaves_the_environment_out(conduit: Conduit, tmp_path: Path) -> None:
    other = write(tmp_path, "[gateway]\nport = 1\n", "other.toml")
    assert conduit("config", "check", CONDUIT_PORT="x").returncode == 78
    done = conduit("config", "check", str(other), CONDUIT_PORT="x")
    assert (done.returncode, done.stderr) == (0, f"{other} is good\n")
    assert conduit("config", "check", str(tmp_path / "none.toml")).returncode == 2
    told = json.loads(conduit("config", "check", "--json", CONDUIT_PORT="7").stdout)["config"]["gateway.port"]
    assert (told["value"], told["source"]) == ("7", "environment")


def test_init_writes_every_key_as_a_comment_and_never_over_a_file(conduit: Conduit, tmp_path: Path) -> None:
    done = conduit("config", "init")
    path = tmp_path / "config.toml"
    assert (done.returncode, done.stdout) == (0, f"{path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == starter()
    assert conduit("config", "check").returncode == 0
    again = conduit("config", "init")
    assert again.returncode == 1
    assert "there is" in again.stderr
    commented = [line.removeprefix("# ") for line in starter().splitlines() if " = " in line or line.startswith("[")]
    values = tomllib.loads("\n".join(line for line in commented if not line.startswith("Set")))
    assert {f"{table}.{key}" for table, inner in values.items() for key in inner} >= set(SETTINGS)


def test_schema_has_every_key_and_every_action(conduit: Conduit) -> None:
    schema = json.loads(conduit("config", "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    found = {
        f"{table}.{name}": field
        for table, place in schema["properties"].items()
        if "$ref" in place
        for name, field in schema["$defs"][place["$ref"].rpartition("/")[2]]["properties"].items()
    }
    assert set(found) == set(SETTINGS)
    assert (found["gateway.port"]["minimum"], found["gateway.port"]["maximum"]) == (0, 65_535)
    assert all(field["description"] for field in found.values())
    assert "requests.follow" in schema["properties"]["keys"]["properties"]


def test_a_bad_file_keeps_the_daemon_from_starting_and_says_where(conduit: Conduit, tmp_path: Path) -> None:
    path = write(tmp_path, "[gateway]\nprot = 1\n")
    done = conduit("up", "--port", "0")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"conduit-tui: {path}:2:1: gateway.prot: there is no such key; did you mean 'gateway.port'?\n"
    assert conduit("status").returncode == 0
    path.write_text("")
    done = conduit("up", "--tls-key", str(path))
    assert (done.returncode, done.stderr) == (2, "conduit-tui: --tls-key: tls_key needs tls_cert\n")


def post(url: str, size: int) -> int:
    request = urllib.request.Request(f"{url}/v1/messages", data=b"x" * size, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.fault
def test_what_the_file_says_holds_and_an_invalid_one_changes_nothing(conduit: Conduit, tmp_path: Path) -> None:
    path = write(tmp_path, "[gateway]\nport = 0\nmax_body_bytes = 4096\n")
    up = conduit("up", "--json")
    assert up.returncode == 0, up.stderr
    state = json.loads(up.stdout)
    assert post(state["url"], 5_000) == 413

    def log() -> str:
        return (tmp_path / "process.log").read_text()

    path.write_text('[gateway]\nport = 0\nmax_body_bytes = "much"\n')
    os.kill(state["daemon_pid"], signal.SIGHUP)
    eventually(lambda: "the one from before holds" in log())
    assert "gateway.max_body_bytes: must be a whole number" in log()
    after = json.loads(conduit("status", "--json").stdout)
    assert (after["daemon_pid"], after["gateway_pid"]) == (state["daemon_pid"], state["gateway_pid"])
    assert post(state["url"], 5_000) == 413
    assert conduit("restart").returncode == 0
    assert post(state["url"], 5_000) == 413, "an invalid file changes nothing for the next gateway either"

    path.write_text("[gateway]\nport = 0\nmax_body_bytes = 8192\n")
    os.kill(state["daemon_pid"], signal.SIGHUP)
    eventually(lambda: "gateway.max_body_bytes takes effect at the next start of the gateway" in log())
    assert post(state["url"], 5_000) == 413
    assert conduit("restart").returncode == 0
    assert post(state["url"], 5_000) != 413
