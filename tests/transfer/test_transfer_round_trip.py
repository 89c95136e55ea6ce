"""I8: export, wipe, import, export gives the same bytes, in both formats, with fields that nobody knows yet."""

import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from transfer_scenes import (
    DOLLAR,
    NOW,
    assert_equal_lines,
    exported,
    filled,
    import_into,
    project,
    provider,
    rows_of,
    rule,
    usage_row,
    version_2,
)  # fmt: skip

from conduit_tui.domain.usage import UsageRow
from conduit_tui.store.rollups import sum_next_day

SQL = ["'; DROP TABLE usage; --", '" OR 1=1 --', "%_[*]?", "\\", "‮", "Robert'); DELETE FROM projects;", "NULL", "\x00x"]
texts = st.one_of(st.sampled_from(SQL), st.text(st.characters(exclude_categories=("Cs",)), max_size=12))
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
fractions = st.decimals(0, 10**6, places=4).map(float)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**62), 2**62), fractions, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from([*SQL, "näme"]), inner, max_size=2)
    ),
    max_leaves=4,
)
unknown = st.dictionaries(st.sampled_from(["futureField", "x'; --", "fränk"]), values, max_size=2)
instants = st.integers(NOW - 10**9, NOW)


@st.composite
def usage_rows(draw: st.DrawFn, number: int, projects: list[str]) -> dict[str, Any]:
    row = usage_row(
        number, project=draw(st.sampled_from(projects)), session=draw(st.sampled_from(["", "s-1", "s'2"])),
        agent=draw(st.sampled_from(["", "a-1"])), routing_reason=draw(texts), error_type=draw(texts),
        cost_nanodollars=draw(st.integers(0, 10**12)), created_at=draw(instants),
        status=draw(st.sampled_from([0, 200, 529])),
        requested_model=draw(st.sampled_from(["claude-haiku-5", "m"])), rule_id=draw(st.sampled_from(["", "r-1"])),
        attempt=draw(st.integers(1, 2)),
    )._asdict()  # fmt: skip
    return {**draw(unknown), **row, "id": number + draw(st.just(1)), "metadata": {"stop": "end", "more": draw(values)}}


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    known = draw(st.lists(names, min_size=1, max_size=2, unique=True))
    projects = [
        {
            **draw(unknown),
            **project(
                name, **draw(unknown), defaultModel="claude-opus-5",
                routingRules=[rule("r", description=draw(texts), **draw(unknown))],
                costLimits={"daily": draw(st.sampled_from([None, 1, 2.5, 0])), "monthly": 40, **draw(unknown)},
            ),
        }
        for name in known
    ]  # fmt: skip
    count = draw(st.integers(0, 4))
    return version_2(
        **draw(unknown),
        projects=projects,
        providers=[
            {**draw(unknown), **provider("own", "https://example.com/v1"), "created_at": NOW, "updated_at": NOW}
        ],
        usage=[draw(usage_rows(number, known)) for number in range(count)],
    )


def assert_same_after_a_wipe(folder: Path, first: Path, version: str) -> bytes:
    once = exported(first, format=version)
    (folder / "once.json").write_bytes(once)
    second = folder / "second.db"
    second.unlink(missing_ok=True)
    import_into(second, folder / "once.json")
    assert_equal_lines(exported(second, format=version), once)
    return once


def contains(whole: Any, part: Any) -> bool:
    """Whether all of the part's fields are somewhere in their places of the whole."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and contains(whole[key], part[key]) for key in part)
    return bool(whole == part)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@given(file=files(), version=st.sampled_from(["2", "1.0"]))
def test_round_trip_of_files_from_the_future(file: dict[str, Any], version: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_into(folder / "first.db", file)
        once = json.loads(assert_same_after_a_wipe(folder, folder / "first.db", version))
        if version == "1.0":
            return
        for section in ("projects", "providers"):
            for given_row, row in zip(
                sorted(file[section], key=lambda one: one["name"]),
                [one for one in once[section] if one["name"] in [known["name"] for known in file[section]]],
                strict=True,
            ):
                assert contains({**row, "created_at": 0}, {**given_row, "created_at": 0})
        assert [contains(*pair) for pair in zip(once["usage"], file["usage"], strict=True)].count(False) == 0
        assert contains(once, {key: value for key, value in file.items() if key in ("futureField", "x'; --", "fränk")})


def conduit_file(**more: Any) -> dict[str, Any]:
    """A file as Conduit writes it, with ids and names that we do not have, and more besides."""
    return {
        "version": "1.0", "timestamp": "2025-11-14T10:42:00Z", "futureField": {"a": [1.50]}, **more,
        "projects": [
            {
                "id": "0f-7c", "name": "My Project!", "icon": "cube",
                "conduit_config": {
                    "enabled": True, "defaultModel": "claude-opus-5", "routingRules": [rule("r")],
                    "costLimits": {"daily": 0, "monthly": 12.5}, "features": {"autoRouting": True, "later": 1},
                },
            }
        ],
        "agents": [{"id": "agent-1", "project_id": "0f-7c", "icon": "bot", "created_at": "2025-11-14T09:00:00Z"}],
        "sessions": [
            {
                "id": "session-1", "project_id": "0f-7c", "agent_id": "agent-1", "title": "'; DROP TABLE usage; --",
                "created_at": "2025-11-14T09:00:00Z", "updated_at": "2025-11-14 10:00:00.500",
            },
            {
                "id": "session-2", "project_id": "0f-7c", "agent_id": None, "title": None, "created_at": NOW,
                "updated_at": NOW,
            },
        ],
        "usage": [
            {
                "id": "u-1", "project_id": "0f-7c", "agent_id": "agent-1", "session_id": "session-1",
                "model": "claude-opus-5", "input_tokens": 10, "output_tokens": 5, "total_tokens": 15,
                "cost": 0.123456789, "cost_currency": "USD", "routing_source": "rule", "routing_reason": "r",
                "latency_ms": 12, "metadata": {"k": 1.10},
                "created_at": "2025-11-14T09:30:00.123Z", "cache": {"hit": True},
            }
        ],
    }  # fmt: skip


def test_a_file_of_conduit_comes_and_goes_with_everything_in_it(tmp_path: Path) -> None:
    first = tmp_path / "first.db"
    plan = import_into(first, conduit_file())
    assert plan.warnings == [
        "project my-project: a daily limit of 0 means no limit in version 1.0 and is taken as none"
    ]
    once = json.loads(assert_same_after_a_wipe(tmp_path, first, "1.0"))
    (mine,) = [one for one in once["projects"] if one["id"] == "0f-7c"]
    assert (mine["name"], mine["icon"]) == ("My Project!", "cube")
    assert mine["conduit_config"]["costLimits"] == {"daily": None, "monthly": 12.5}
    assert mine["conduit_config"]["features"]["later"] == 1
    assert once["futureField"] == {"a": [1.5]}
    assert [one["title"] for one in once["sessions"]] == ["'; DROP TABLE usage; --", None]
    assert once["sessions"][0]["agent_id"] == "agent-1"
    assert once["sessions"][0]["updated_at"] == "2025-11-14T10:00:00.500Z"
    assert once["agents"][0]["icon"] == "bot"
    (usage,) = once["usage"]
    assert usage["cache"] == {"hit": True}
    assert '"cost":0.123456789,' in exported(first, format="1.0").decode()
    assert rows_of(first, "SELECT exchange_id, attempt, project, cost_nanodollars FROM usage") == [
        ("u-1", 1, "my-project", 123_456_789)
    ]
    # what is only of that format goes along in ours
    assert_same_after_a_wipe(tmp_path, first, "2")
    assert json.loads(exported(tmp_path / "second.db", format="1.0"))["projects"] == once["projects"]


@pytest.mark.parametrize("version", ["2", "1.0"])
def test_round_trip_of_what_a_gateway_recorded(tmp_path: Path, version: str) -> None:
    rows = [
        usage_row(n, session=f"s-{n % 3}", agent=f"a-{n % 2}", project=["default", "docs"][n % 2]) for n in range(40)
    ]
    rows.append(usage_row(7, attempt=2, project="docs"))
    first = filled(tmp_path / "first.db", rows)
    once = json.loads(assert_same_after_a_wipe(tmp_path, first, version))
    assert len(once["usage"]) == 41
    assert once["timestamp"] == max(
        json.loads(exported(first))["timestamp"] if version == "2" else "", "2025-11-14T09:41:00.000Z"
    )
    if version == "2":
        assert list(once["usage"][0]) == ["id", *UsageRow._fields, "total_tokens"]
        assert once["contents"]["usage"] == 41


def test_totals_stay_true_when_their_rows_are_gone(tmp_path: Path) -> None:
    first = filled(
        tmp_path / "first.db",
        [usage_row(n) for n in range(20)],
        lambda connection: connection.execute("DELETE FROM usage WHERE id <= 15"),
    )
    assert_same_after_a_wipe(tmp_path, first, "2")
    second = tmp_path / "second.db"
    for table in ("usage_rollup", "sessions"):
        sums = f"SELECT sum(requests), sum(cost_nanodollars) FROM {table}"
        assert rows_of(second, sums) == rows_of(first, sums), table
    # taken in once more, nothing is counted twice
    import_into(second, tmp_path / "once.json")
    assert exported(second) == exported(first)


def test_what_comes_for_a_day_that_is_summed_is_in_its_sum(tmp_path: Path) -> None:
    first = filled(
        tmp_path / "first.db",
        [usage_row(n) for n in range(20)],
        lambda connection: connection.execute("DELETE FROM usage WHERE id <= 15"),
    )
    (tmp_path / "once.json").write_bytes(exported(first))
    second = filled(tmp_path / "second.db", [usage_row(99)], partial(sum_next_day, now=NOW + 24 * 3600 * 1000))
    import_into(second, tmp_path / "once.json")
    by_quarter, by_day = (
        rows_of(second, f"SELECT sum(requests), sum(cost_nanodollars) FROM {table}")
        for table in ("usage_rollup", "usage_daily")
    )
    assert by_day == by_quarter
    assert by_day[0][0] == 21


def test_a_merge_adds_what_is_new_and_counts_nothing_twice(tmp_path: Path) -> None:
    first = filled(tmp_path / "first.db", [usage_row(n) for n in range(10)])
    (tmp_path / "once.json").write_bytes(exported(first))
    second = filled(tmp_path / "second.db", [usage_row(n) for n in range(5, 15)])
    plan = import_into(second, tmp_path / "once.json")
    assert (plan.requests, plan.present) == (5, 5)
    rows = rows_of(second, "SELECT count(*), sum(cost_nanodollars) FROM usage")
    assert rows == rows_of(second, "SELECT sum(requests), sum(cost_nanodollars) FROM usage_rollup")
    assert rows == [(15, sum(7_000_001 + n for n in range(15)))]


def test_a_project_alone(tmp_path: Path) -> None:
    first = filled(tmp_path / "first.db", [usage_row(n, project=["default", "docs"][n % 2]) for n in range(6)])
    import_into(first, version_2(projects=[project("docs", routingRules=[rule("r")])]))
    only = json.loads(exported(first, project="docs"))
    assert only["project"] == "docs"
    assert [one["name"] for one in only["projects"]] == ["docs"]
    assert {row["project"] for row in only["usage"]} == {"docs"}
    assert "providers" not in only
    assert {row["project_id"] for row in json.loads(exported(first, project="docs", format="1.0"))["usage"]} == {"docs"}


def test_histories_come_along_with_their_numbers(tmp_path: Path) -> None:
    first = tmp_path / "first.db"
    for limit in (5, 4, 3):
        import_into(first, version_2(projects=[project("default", costLimits={"daily": limit})]))
    assert_same_after_a_wipe(tmp_path, first, "2")
    ids = "SELECT id, action, changes FROM revisions ORDER BY id"
    assert rows_of(tmp_path / "second.db", ids) == rows_of(first, ids)
    assert rows_of(first, "SELECT daily_nanodollars FROM budgets") == [(3 * DOLLAR,)]
