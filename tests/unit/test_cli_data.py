"""`usage`, `providers list`, `projects list` and `env` over a real database file."""

import asyncio
import csv
import io
import json
import time

import pytest

from conduit_tui.control.token import load_or_create
from conduit_tui.domain.projects import Project
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.usage import UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore
from tests.commands import Run

EMPTY = UsageRow(
    *("", 0, "default", "", "", "s-1", "", "claude-cli", "anthropic", "", "", "anthropic", 0, 0, 0, 0, 0, 0, 0),
    *("USD", "none", "client", "", "", 200, "", 900, 300, 200, "", "{}", 0),
)


def fill(
    state_dir: StateDir,
    *,
    rows: tuple[UsageRow, ...] = (),
    providers: tuple[Provider, ...] = (),
    projects: tuple[str, ...] = (),
) -> None:
    async def write() -> None:
        store = await SqliteStore.open(state_dir.database)
        try:
            for row in rows:
                await store.record(row)
            for provider in providers:
                await store.put_provider(provider, replace=False)
            for name in projects:
                await store.add_project(Project(name=name))
        finally:
            await store.close()

    asyncio.run(write())


def usage_rows() -> tuple[UsageRow, ...]:
    now = int(time.time() * 1000)
    opus = EMPTY._replace(
        routed_model="claude-opus-5-5", input_tokens=88_100, cache_read_tokens=44_050, output_tokens=1_200,
        cost_nanodollars=1_710_000_001, created_at=now,
    )  # fmt: skip
    haiku = EMPTY._replace(
        routed_model="claude-haiku-5-5",
        input_tokens=900,
        output_tokens=31,
        cost_nanodollars=400_000,
        session="s-2",
        created_at=now,
    )
    hostile = EMPTY._replace(
        routed_model="=evil\x1b]0;x\x07\u202e", status=500, session="\x9b31m", agent_type="[/nope]", created_at=now
    )
    old = opus._replace(created_at=now - 40 * 86_400_000)
    return tuple(
        row._replace(exchange_id=f"x{number}", requested_model=row.routed_model)
        for number, row in enumerate([opus, opus, haiku, hostile, old])
    )


def test_usage_is_a_table_with_a_total_and_numbers_flush_right(state_dir: StateDir, run: Run) -> None:
    fill(state_dir, rows=usage_rows())
    done = run("usage")
    assert (done.exit_code, done.stderr) == (0, "")
    header, opus, haiku, hostile, total = done.stdout.splitlines()
    assert header.split() == [
        "model",
        "requests",
        "errors",
        "input",
        "cached",
        "output",
        "cost",
        "p50",
        "ms",
        "p95",
        "ms",
    ]
    assert opus.split()[:9] == ["claude-opus-5-5", "2", "0", "176,200", "50", "%", "2,400", "$3.42", opus.split()[8]]
    assert haiku.split()[:8] == ["claude-haiku-5-5", "1", "0", "900", "0", "%", "31", "<$0.001"]
    assert hostile.startswith(r"=evil\x1b]0;x\x07\u202e")
    assert total.split() == ["total", "4", "1", "177,100", "50", "%", "2,431", "$3.42"]
    assert len({line.index("$") + len("$3.42") for line in (opus, total)}) == 1


def test_usage_as_json_has_the_stores_names_and_exact_money(state_dir: StateDir, run: Run) -> None:
    fill(state_dir, rows=usage_rows())
    first = json.loads(run("usage", "--json", "--by", "session", "--since", "90m").stdout)[0]
    assert first["session"] == "s-1"
    assert first["cost_nanodollars"] == 3_420_000_002
    assert first["requests"] == 2


def test_usage_as_csv_is_read_back_exactly(state_dir: StateDir, run: Run) -> None:
    fill(state_dir, rows=usage_rows())
    done = run("usage", "--csv", "--since", "60d")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert rows[0]["model"] == "claude-opus-5-5"
    assert rows[0]["cost_usd"] == "5.130000003"
    assert rows[-1]["model"] == r"'=evil\x1b]0;x\x07\u202e"


@pytest.mark.parametrize("by", ["model", "project", "agent-type", "session", "day", "provider"])
def test_usage_by_anything_prints_no_control_character(state_dir: StateDir, run: Run, by: str) -> None:
    fill(state_dir, rows=usage_rows())
    for form in ([], ["--csv"], ["--json"]):
        done = run("usage", "--by", by, *form)
        assert done.exit_code == 0
        assert done.stdout.count("\n") > 1
        assert all(c.isprintable() or c == "\n" for c in done.stdout)


def test_usage_is_limited_to_a_project_and_says_when_there_is_none(state_dir: StateDir, run: Run) -> None:
    assert run("usage").stderr == "no requests in this time\n"
    fill(state_dir, rows=tuple(row._replace(project="api") for row in usage_rows()), projects=("api",))
    assert len(run("usage", "--project", "api").stdout.splitlines()) == 5
    done = run("usage", "--project", "default")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no requests in this time\n")


def provider(**fields: object) -> Provider:
    return Provider.model_validate({"dialects": ["anthropic"], "base_url": "http://127.0.0.1:1", **fields})


def test_providers_are_listed_with_the_built_in_ones_last(state_dir: StateDir, run: Run) -> None:
    key = {"kind": "env", "reference": "OPENROUTER_API_KEY"}
    fill(state_dir, providers=(provider(name="router", key=key, models=["qwen/*", "deepseek/*"], default=True),))
    lines = run("providers", "list").stdout.splitlines()
    assert lines[1].split() == [
        "router", "http://127.0.0.1:1", "anthropic", "env", "OPENROUTER_API_KEY", "qwen/*,deepseek/*", "default",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[2:]] == ["anthropic", "openai"]
    read = [Provider.model_validate(item) for item in json.loads(run("providers", "list", "--json").stdout)]
    assert [item.name for item in read] == ["router", "anthropic", "openai"]


def test_projects_are_listed(state_dir: StateDir, run: Run) -> None:
    assert [line.split()[0] for line in run("projects", "list").stdout.splitlines()] == ["name", "default"]
    fill(state_dir, projects=("api",))
    listed = json.loads(run("projects", "list", "--json").stdout)
    assert sorted(item["name"] for item in listed) == ["api", "default"]
    assert listed[0]["config"]["defaultModel"] == "as-requested"


def test_with_pass_through_a_client_keeps_its_key_and_sees_no_token(run: Run, state_dir: StateDir) -> None:
    done = run("env", "--for", "claude")
    assert done.stdout == "export ANTHROPIC_BASE_URL=http://127.0.0.1:4141\nexport CLAUDE_CODE_GATEWAY_HINT_HEADERS=1\n"
    assert "no daemon is running" in done.stderr
    assert not state_dir.token.exists()


def test_where_the_gateway_holds_the_usual_key_the_token_takes_its_place(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, providers=(provider(name="own", key={"kind": "env", "reference": "K"}, default=True),))
    token = load_or_create(state_dir)
    assert f"export ANTHROPIC_AUTH_TOKEN={token}\n" in run("env", "--for", "claude").stdout
    assert f"export ANTHROPIC_API_KEY={token}\n" in run("env", "--for", "anthropic").stdout
    assert token not in run("env", "--for", "openai").stdout


def test_where_only_some_models_need_the_token_it_goes_beside_the_clients_key(run: Run, state_dir: StateDir) -> None:
    fill(state_dir, providers=(provider(name="own", key={"kind": "env", "reference": "K"}, models=["x-*"]),))
    token = load_or_create(state_dir)
    done = run("env", "--for", "claude")
    assert f"export ANTHROPIC_CUSTOM_HEADERS='x-conduit-token: {token}'\n" in done.stdout
    assert "AUTH_TOKEN" not in done.stdout
    done = run("env", "--for", "anthropic")
    assert token not in done.stdout
    assert "x-conduit-token" in done.stderr


def test_beyond_loopback_every_client_gets_the_token(run: Run, state_dir: StateDir) -> None:
    done = run("env", "--for", "codex", "--listen", "192.0.2.7", "--port", "5000")
    assert "model_providers.conduit.base_url=http://192.0.2.7:5000/v1" in done.stdout
    exported, command = done.stdout.splitlines()
    assert exported == f"export CONDUIT_TOKEN={load_or_create(state_dir)}"
    assert "env_http_headers.x-conduit-token=CONDUIT_TOKEN" in command, "a command line is for everybody to read"


def test_a_project_is_a_prefix_of_the_base_url(run: Run, state_dir: StateDir) -> None:
    done = run("env", "--project", "api")
    assert done.exit_code == 2
    assert "conduit-tui projects add api" in done.stderr
    fill(state_dir, projects=("api",))
    assert run("env", "--project", "api").stdout == (
        "export ANTHROPIC_BASE_URL=http://127.0.0.1:4141/p/api\nexport OPENAI_BASE_URL=http://127.0.0.1:4141/p/api/v1\n"
    )


def test_env_as_json(run: Run) -> None:
    read = json.loads(run("env", "--for", "opencode", "--json").stdout)
    assert read["url"] == "http://127.0.0.1:4141"
    config = json.loads(read["env"]["OPENCODE_CONFIG_CONTENT"])
    assert config["provider"]["anthropic"]["options"]["baseURL"] == "http://127.0.0.1:4141/v1"
