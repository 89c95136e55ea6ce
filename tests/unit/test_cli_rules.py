"""`rules`, `config`, `bypass`, `projects` and `purge` over a real database file."""

import asyncio
import json
import time
from typing import Any

import pytest
from click.testing import Result

from conduit_tui.domain.captures import Capture, CaptureKind
from conduit_tui.domain.usage import Usage, UsageRow
from conduit_tui.paths import StateDir
from conduit_tui.pricing.catalog import Catalog
from conduit_tui.store.sqlite import SqliteStore
from tests.commands import Run

OPUS, HAIKU = "claude-opus-4-5", "claude-haiku-4-5"


def done(result: Result) -> Result:
    assert result.exit_code == 0, result.stderr
    return result


def listed(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done(run("rules", "list", "--json")).stdout)
    return found


def names(run: Run) -> list[str]:
    return [rule["name"] for rule in listed(run)]


def add(run: Run, name: str, *more: str, when: str = "tokenCount < 1000", use: str = HAIKU) -> Result:
    return run("rules", "add", "--name", name, "--when", when, "--use", use, *more)


def record(state_dir: StateDir, count: int = 4) -> list[str]:
    """Some requests of the last hour: their exchange ids."""
    now, catalog, usage = int(time.time() * 1000), Catalog(), Usage(2_000, 100)
    price = catalog.price(OPUS, usage, "anthropic", now).nanodollars
    rows = []
    for number in range(count):
        metadata = {"facts": {"tokenCount": 500 * (number + 1), "toolCount": number, "flags": ["stream"]}}
        rows.append(
            UsageRow(
                f"x{number}", 1, "default", "", "main", f"s{number}", "main", "claude-cli", "anthropic", OPUS, OPUS,
                "anthropic", *usage, price, "USD", "genai-prices", "client", "as requested", "", 200, "", 900, 300, 200,
                "", json.dumps(metadata), now - 3_600_000 + number,
            )
        )  # fmt: skip

    async def write() -> None:
        store = await SqliteStore.open(state_dir.database)
        texts = (
            Capture(row.exchange_id, row.project, CaptureKind.MESSAGE, False, row.created_at, "analyze this")
            for row in rows
        )
        await asyncio.gather(*(store.record(row, [text]) for row, text in zip(rows, texts, strict=True)))
        await store.close()

    asyncio.run(write())
    return [row.exchange_id for row in rows]


def test_rules_are_added_listed_edited_moved_and_removed(run: Run) -> None:
    done(add(run, "small", "--priority", "5", "--description", "cheap"))
    done(add(run, "deep", "--sticky", "session", "--rollout", "25%", "--disabled", "--fallback", "a, b"))
    small, deep = listed(run)
    assert (small["name"], small["priority"], small["targetModel"], small["description"]) == (
        "small",
        5,
        HAIKU,
        "cheap",
    )
    assert small["when"] == "tokenCount < 1000"
    assert (deep["sticky"], deep["rollout"], deep["enabled"], deep["fallback"]) == ("session", 25, False, ["a", "b"])
    table = done(run("rules", "list")).stdout
    assert "tokenCount < 1000" in table
    assert "off sticky 25 %" in table
    done(run("rules", "edit", "deep", "--enabled", "--when", 'agentType = "x y"', "--name", "deeper"))
    assert (listed(run)[1]["enabled"], listed(run)[1]["when"]) == (True, 'agentType = "x y"')
    assert listed(run)[1]["id"] == deep["id"]
    done(run("rules", "move", "deeper", "first"))
    assert names(run) == ["deeper", "small"]
    done(run("rules", "move", deep["id"], "down"))
    assert names(run) == ["small", "deeper"]
    done(run("rules", "rm", "small"))
    assert names(run) == ["deeper"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--when", "tokenCont > 5"), "--when: unknown field `tokenCont`, did you mean `tokenCount`? (character 1)"),
        (("--when", 'tokenCount > "abc"'), "--when: `>` needs a number"),
        (("--when", 'message matches "("'), "RE2 refuses the pattern"),
        (("--when", f'message matches "{"a" * 1001}"'), "longer than 1,000 characters"),
        (("--when", ""), "--when: a condition is missing"),
        (("--priority", "high"), "--priority: a priority is an integer"),
        (("--priority", "1.5"), "--priority: a priority is an integer"),
        (("--rollout", "200"), "--rollout: a rollout is a percentage from 0 to 100"),
        (("--name", ""), "--name: All routing rules must have a name and target model"),
        (("--use", " "), "--use: All routing rules must have a name and target model"),
        (("--name", "taken"), '--name: there is a routing rule "taken" already'),
    ],
)
def test_a_bad_rule_is_refused_with_exit_code_2_and_nothing_is_saved(
    run: Run, arguments: tuple[str, ...], message: str
) -> None:
    done(add(run, "taken"))
    words = ["--name", "new", "--when", "tokenCount < 9", "--use", HAIKU, *arguments]
    refused = run("rules", "add", *words)
    assert refused.exit_code == 2
    assert message in refused.stderr
    assert refused.stdout == ""
    assert names(run) == ["taken"]


def test_the_place_of_a_fault_is_shown_under_the_text(run: Run) -> None:
    lines = add(run, "a", when="tokenCount > 5 and agentTyp = x").stderr.splitlines()
    assert lines[:2] == ["  tokenCount > 5 and agentTyp = x", f"  {' ' * 19}{'^' * 8}"]


def test_what_is_odd_is_saved_with_a_warning(run: Run) -> None:
    assert "warning" not in done(add(run, "fine")).stderr
    odd = done(add(run, "odd", "--rollout", "0", "--fallback", HAIKU))
    assert "warning: `claude-haiku-4-5` stands before already" in odd.stderr
    assert "warning: a rollout of 0 % acts on no session" in odd.stderr
    unserved = done(add(run, "unserved", use="qwen3:8b"))
    assert "warning: no provider serves `qwen3:8b`" in unserved.stderr
    assert "not served" in done(run("rules", "list")).stdout
    assert names(run) == ["fine", "odd", "unserved"]


def test_rules_and_projects_that_are_not_there(run: Run) -> None:
    done(add(run, "small"))
    for words, near in (
        (("rules", "rm", "smal"), "no rule 'smal'; did you mean 'small'?"),
        (("rules", "move", "x", "up"), "no rule 'x'"),
        (("rules", "list", "--project", "defalt"), "no project 'defalt'; did you mean 'default'?"),
        (("config", "set", "enabled", "off", "--project", "nope"), "no project 'nope'"),
    ):
        refused = run(*words)
        assert (refused.exit_code, near in refused.stderr) == (2, True), refused.stderr


def test_configuration_is_shown_set_undone_and_restored(run: Run) -> None:
    done(add(run, "small"))
    done(run("config", "set", "defaultModel", HAIKU))
    done(run("config", "set", "features.autoRouting", "off"))
    done(run("config", "set", "costLimits.daily", "2.5"))
    done(run("config", "set", "fallback", "a,b"))
    shown = json.loads(done(run("config", "show", "--json")).stdout)
    assert (shown["defaultModel"], shown["features"]["autoRouting"], shown["costLimits"]["daily"]) == (
        HAIKU,
        False,
        2.5,
    )
    assert (shown["fallback"], [rule["name"] for rule in shown["routingRules"]]) == (["a", "b"], ["small"])
    assert "costLimits.daily         2.5" in done(run("config", "show")).stdout
    history = json.loads(done(run("config", "history", "--json")).stdout)
    assert history[0]["changes"] == ["fallback: none -> a, b"]
    assert "added rule 'small'" in done(run("config", "history")).stdout
    done(run("config", "undo"))
    assert "costLimits.daily: 2.5 -> none" in done(run("config", "undo")).stderr
    done(run("config", "restore", str(history[-1]["id"])))
    assert names(run) == []
    assert run("config", "restore", "999").exit_code == 2


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("defaultModl", "x", "'defaultModl' is not a key of the configuration; did you mean 'defaultModel'?"),
        ("routingRules", "x", "is not a key"),
        ("enabled", "perhaps", "boolean"),
        ("defaultModel", "", "defaultModel: Default model is required when Conduit is enabled"),
        ("costLimits.daily", "-1", "costLimits.daily: "),
        ("costLimits.daily", "nan", "costLimits.daily: "),
        ("capture", "everything", "'everything' is none of none, preview, full"),
        ("captureDays", "0", "captureDays: "),
    ],
)
def test_a_bad_value_is_refused(run: Run, key: str, value: str, message: str) -> None:
    refused = run("config", "set", "--", key, value) if value.startswith("-") else run("config", "set", key, value)
    assert refused.exit_code == 2
    assert message in refused.stderr or value.startswith("-")
    assert len(json.loads(done(run("config", "history", "--json")).stdout)) <= 1


def test_rules_are_tried_on_words(run: Run) -> None:
    done(add(run, "small", when='tokenCount < 1000 and (agentType = "research" or message contains "analyze")'))
    lines = done(run("rules", "try", "please analyze", "--fact", "agentType=main")).stdout.splitlines()
    assert lines[1].startswith("matched         small, priority 0, use claude-haiku-4-5")
    assert lines[3] == '    no  agentType = "research"  [main]'
    assert lines[4] == '    yes message contains "analyze"  [please analyze]'
    assert lines[-1].startswith("decision: claude-haiku-4-5 (rule:")
    (tried,) = json.loads(done(run("rules", "try", "--fact", "tokenCount=50k", "--json")).stdout)
    assert tried["decision"]["source"] == "client"
    assert tried["rules"][0]["conditions"][1] == {
        "text": 'agentType = "research"', "value": "", "answer": "", "looked_at": False,
    }  # fmt: skip


def test_rules_are_tried_on_a_body(run: Run) -> None:
    done(add(run, "tools", when='toolCount = 1 and flags contains "stream" and message contains "hello" and model = m'))
    body = {
        "model": "m", "stream": True, "max_tokens": 5, "tools": [{"name": "t"}],
        "messages": [{"role": "user", "content": "hello"}],
    }  # fmt: skip
    assert "matched         tools" in done(run("rules", "try", "--body", "-", stdin=json.dumps(body))).stdout
    assert run("rules", "try", "--body", "-", stdin="{").exit_code == 2


def test_rules_are_tried_on_the_past(run: Run, state_dir: StateDir) -> None:
    first, *_ = record(state_dir)
    done(add(run, "small", when="tokenCount < 1000 and message contains analyze"))
    by_id = json.loads(done(run("rules", "try", "--exchange", first, "--json")).stdout)
    assert [each["decision"]["model"] for each in by_id] == [HAIKU]
    newest = json.loads(done(run("rules", "try", "--last", "3", "--json")).stdout)
    assert [(each["exchange_id"], each["decision"]["model"]) for each in newest] == [
        ("x3", OPUS), ("x2", OPUS), ("x1", OPUS),
    ]  # fmt: skip
    assert run("rules", "try", "--exchange", "nothing").exit_code == 2


def test_a_try_wants_one_request(run: Run) -> None:
    for words in ((), ("a", "--last", "1"), ("--exchange", "x", "--last", "1"), ("--fact", "nofield=1")):
        assert run("rules", "try", *words).exit_code == 2


def test_a_backtest_shows_the_delta_first(run: Run, state_dir: StateDir) -> None:
    record(state_dir)
    done(add(run, "small", when="tokenCount <= 1000"))
    tried = done(run("rules", "backtest"))
    lines = tried.stdout.splitlines()
    assert lines[0].startswith("-$0.0")
    assert "then" in lines[0]
    assert lines[1].startswith("4 requests from ")
    assert lines[1].endswith(", 2 to another model")
    assert "assumed: another model's answer" in tried.stderr
    result = json.loads(done(run("rules", "backtest", "--json")).stdout)
    assert (result["requests"], result["changed"], result["unmatched"]) == (4, 2, 2)
    assert result["delta"] == result["cost_now"] - result["cost_then"] < 0
    assert result["models"][0]["to_model"] in (OPUS, HAIKU)
    assert json.loads(done(run("rules", "backtest", "--since", "1m", "--json")).stdout)["requests"] == 0
    assert run("rules", "backtest", "--since", "1m").stderr.startswith("no requests of project default")


def test_a_backtest_of_rules_that_are_not_saved(run: Run, state_dir: StateDir) -> None:
    record(state_dir)
    draft = {
        "name": "draft", "targetModel": HAIKU, "priority": 1,
        "conditions": {"type": "AND", "rules": [{"field": "message", "operator": "contains", "value": "analyze"}]},
    }  # fmt: skip
    lines = done(run("rules", "backtest", "--rules", "-", "--progress", stdin=json.dumps([draft]))).stdout.splitlines()
    *steps, last = map(json.loads, lines)
    assert steps[-1] == {"type": "progress", "done": 4, "of": 4}
    assert (last["type"], last["result"]["changed"], last["result"]["rules"][0]["requests"]) == ("result", 4, 4)
    assert names(run) == []
    for broken, message in (
        ("[", "--rules: not JSON"),
        ("{}", "--rules: neither"),
        (json.dumps([{**draft, "name": ""}]), "rules.0.name: "),
        (json.dumps([{**draft, "priority": "high"}]), "rules.0.priority: a priority is an integer"),
    ):
        refused = run("rules", "backtest", "--rules", "-", stdin=broken)
        assert (refused.exit_code, message in refused.stderr) == (2, True), refused.stderr


def test_projects_are_renamed_archived_and_brought_back(run: Run) -> None:
    done(run("projects", "add", "alpha"))
    done(add(run, "small", "--project", "alpha"))
    done(run("projects", "rename", "alpha", "beta"))
    done(run("projects", "archive", "beta"))
    assert [each["name"] for each in json.loads(done(run("projects", "list", "--json")).stdout)] == ["default"]
    done(run("projects", "add", "beta"))
    assert "small" in done(run("rules", "list", "--project", "beta")).stdout
    assert run("projects", "archive", "default").exit_code == 2
    assert run("projects", "rename", "beta", "No Name").exit_code == 2


def test_the_bypass(run: Run) -> None:
    assert done(run("bypass", "status")).stdout == "off\n"
    done(run("bypass", "on"))
    assert json.loads(done(run("bypass", "status", "--json")).stdout) == {"bypass": True, "forced": False}
    done(run("bypass", "off"))
    assert done(run("bypass", "status")).stdout == "off\n"


def test_a_purge_asks_or_is_told(run: Run, state_dir: StateDir) -> None:
    record(state_dir)
    refused = run("purge", "captures")
    assert (refused.exit_code, "--yes" in refused.stderr) == (2, True)
    assert json.loads(done(run("purge", "captures", "--older-than", "1d", "--yes", "--json")).stdout) == {"deleted": 0}
    assert json.loads(done(run("purge", "captures", "--yes", "--json")).stdout) == {"deleted": 4}


def test_what_changed_since_a_revision(run: Run) -> None:
    done(run("config", "set", "captureDays", "9"))
    first = json.loads(done(run("config", "history", "--json")).stdout)[0]["id"]
    done(run("config", "set", "defaultModel", HAIKU))
    second = json.loads(done(run("config", "history", "--json")).stdout)[0]["id"]
    done(run("config", "set", "rollout", "25"))
    since = done(run("config", "diff", str(first))).stdout
    assert since == f"defaultModel: as-requested -> {HAIKU}\nrollout: 100 -> 25\n"
    between = json.loads(done(run("config", "diff", str(first), str(second), "--json")).stdout)
    assert between["changes"] == [f"defaultModel: as-requested -> {HAIKU}"]
    assert (between["before"]["rollout"], between["after"]["defaultModel"]) == (100, HAIKU)
    missing = run("config", "diff", "999")
    assert (missing.exit_code, "has no revision 999" in missing.stderr) == (2, True)


@pytest.mark.parametrize("percent", ["101", "half", "12.5"])
def test_a_rollout_is_a_percentage(run: Run, percent: str) -> None:
    refused = run("config", "set", "rollout", percent)
    assert (refused.exit_code, refused.stderr.startswith("conduit-tui: rollout: ")) == (2, True)


def test_a_new_rule_begins_as_sticky_as_its_project_says(run: Run) -> None:
    done(run("config", "set", "sticky", "session"))
    done(add(run, "kept"))
    done(add(run, "anew", "--sticky", "request"))
    rules = {rule["name"]: rule for rule in json.loads(done(run("rules", "list", "--json")).stdout)}
    assert rules["kept"]["sticky"] == "session"
    assert rules["anew"].get("sticky", "request") == "request"


def test_the_configuration_is_tested_against_a_provider_that_is_not_there(run: Run) -> None:
    done(run("providers", "add", "local", "--base-url", "http://127.0.0.1:9", "--dialect", "openai-chat",
             "--models", "qwen9", "--no-key"))  # fmt: skip
    done(run("config", "set", "defaultModel", "qwen9"))
    tested = run("config", "test")
    assert tested.exit_code == 1
    assert "failed provider local: cannot be reached" in tested.stdout
    assert "passed default model: qwen9: openai-chat by local" in tested.stdout
    assert tested.stderr.endswith("failed\n")
    told = json.loads(run("config", "test", "--json").stdout)
    assert not told["passed"]
    assert {check["outcome"] for check in told["checks"]} == {"passed", "note", "failed"}


def test_a_key_is_given_by_stdin_and_never_shown(run: Run, state_dir: StateDir) -> None:
    done(run("providers", "add", "router", "--base-url", "https://router.example", "--dialect", "openai", "--no-key"))
    given = done(run("providers", "key", "router", stdin="sk-fake-0123456789-abcd\n"))
    assert "sk-fake" not in given.output
    assert (state_dir.keys / "router").read_text() == "sk-fake-0123456789-abcd\n"
    assert "sk-fake" not in done(run("providers", "list", "--json")).stdout
    for name, key in (("router", " "), ("nobody", "sk-fake-1"), ("anthropic", "sk-fake-1")):
        assert run("providers", "key", name, stdin=key).exit_code == 2
