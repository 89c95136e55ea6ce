"""`export`, `import` and `backup` as scripts use them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from transfer_scenes import filled, import_into, project, provider, rule, usage_row, version_2

from conduit_tui.cli.main import cli
from conduit_tui.paths import StateDir

Run = Callable[..., Result]


@pytest.fixture
def state_dir(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "s")
    made.prepare()
    body = {**provider("own", "https://p.example/v1"), "created_at": 1, "updated_at": 1}
    import_into(made.database, version_2(projects=[project("docs", routingRules=[rule("r")])], providers=[body]))
    filled(made.database, [usage_row(n) for n in range(3)])
    return made


@pytest.fixture
def run(state_dir: StateDir) -> Run:
    def run(*arguments: str, where: str = "", given: str | bytes = "") -> Result:
        root = where or str(state_dir.root)
        return CliRunner().invoke(cli, [*arguments, "--state-dir", root], input=given, prog_name="conduit-tui")

    return run


def test_a_box_moves_to_another(run: Run, tmp_path: Path) -> None:
    file, other = str(tmp_path / "all.json"), str(tmp_path / "other")
    done = run("export", file)
    assert done.exit_code == 0
    assert "without keys" in done.stderr
    dry = run("import", file, "--dry-run", where=other)
    assert dry.exit_code == 0
    assert "+ 3 requests for $0.021" in dry.stdout
    assert "? provider own: the key in $EXAMPLE_KEY is sent to https://p.example" in dry.stdout
    assert "without --accept-providers: it comes without a key" in dry.stdout
    refused = run("import", file, where=other)
    assert refused.exit_code == 2
    assert "say --yes" in refused.stderr
    assert run("import", file, "--yes", "--accept-providers", where=other).exit_code == 0
    assert run("export", "-", where=other).stdout.encode() == Path(file).read_bytes()
    again = run("import", file, "--yes", where=other)
    assert "nothing would be different" in again.stderr


def test_the_difference_as_json_from_stdin(run: Run) -> None:
    given = json.dumps({"version": "1.0", "projects": [{"id": "1", "name": "New", "conduit_config": {}}]})
    done = run("import", "-", "--dry-run", "--json", given=given)
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert told["version"] == "1.0"
    assert told["changes"][0] == {"sign": "+", "text": "project new: 0 rules, no limit"}


def test_the_format_of_conduit(run: Run) -> None:
    file = json.loads(run("export", "-", "--format", "1.0", "--project", "default").stdout)
    assert list(file) == ["version", "timestamp", "projects", "agents", "sessions", "usage"]
    assert file["timestamp"] == file["usage"][-1]["created_at"] == "2025-11-14T09:04:00.000Z"
    assert [one["cost"] for one in file["usage"]] == [0.007000001, 0.007000002, 0.007000003]
    assert list(file["usage"][0]) == [
        "id", "project_id", "agent_id", "session_id", "model", "input_tokens", "output_tokens", "total_tokens", "cost",
        "cost_currency", "routing_source", "routing_reason", "latency_ms", "metadata", "created_at",
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".toml"])
def test_rules_go_into_a_repository_and_come_back(run: Run, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"docs{suffix}"
    assert run("export", str(file), "--project", "docs", "--rules").exit_code == 0
    text = file.read_text()
    assert "tokenCount > 100" in text
    assert "created_at" not in text
    assert "nothing would be different" in run("import", str(file), "--dry-run").stderr
    file.write_text(text.replace("tokenCount > 100", "tokenCount > 7"))
    assert "when tokenCount > 100 -> when tokenCount > 7" in run("import", str(file), "--yes").stdout
    assert run("export", str(file), "--project", "docs", "--rules").exit_code == 0
    assert file.read_text() == text.replace("tokenCount > 100", "tokenCount > 7")


def test_copies_are_made_listed_restored_and_deleted(run: Run, state_dir: StateDir) -> None:
    assert "no backup yet" in run("backup", "list").stderr
    made = json.loads(run("backup", "create", "--json").stdout)
    assert Path(made["path"]).parent == state_dir.backups
    assert run("projects", "add", "later").exit_code == 0
    assert "- project later" in run("backup", "restore", made["name"], "--dry-run").stdout
    assert run("backup", "restore", made["name"]).exit_code == 2
    assert run("backup", "restore", made["name"], "--yes").exit_code == 0
    assert "later" not in run("projects", "list").stdout
    listed = json.loads(run("backup", "list", "--json").stdout)
    assert [one["why"] for one in listed] == ["before-restore", ""]
    assert listed[0]["contents"] == {"projects": 3, "rules": 1, "providers": 1, "budgets": 0, "requests": 3}
    assert run("backup", "rm", made["name"]).exit_code == 2
    assert run("backup", "rm", made["name"], listed[0]["name"], "--yes").exit_code == 0
    assert list(state_dir.backups.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("import", "/nowhere/x.json"), "No such file"),
        (("export", "/nowhere/x.json"), "there is no folder /nowhere"),
        (("export", "-", "--project", "none"), "no project 'none'"),
        (("export", "-", "--rules", "--project", "dosc"), "did you mean 'docs'"),
        (("export", "-", "--rules", "--texts"), "--rules goes with neither"),
        (("backup", "restore", "newest"), "no backup yet"),
        (("backup", "rm", "x", "--yes"), "no backup yet"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.output


def test_an_unsupported_version(run: Run) -> None:
    done = run("import", "-", given='{"version": "9.9"}')
    assert done.exit_code == 2
    assert "Unsupported backup version: 9.9" in done.stderr
