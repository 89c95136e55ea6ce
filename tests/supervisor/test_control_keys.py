"""Keys that are kept: written privately, never given back, gone with their provider."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir
from conduit_tui.store.sqlite import SqliteStore
from tests.controls import reached

pytestmark = pytest.mark.anyio

KEY = "sk-fake-0123456789-abcdef-WXYZ"


async def probe(provider: Provider) -> ProviderTest:
    return ProviderTest(True, "answers", 1.0)


def provider(**fields: object) -> Provider:
    given = {"name": "router", "base_url": "https://router.example", "dialects": (Dialect.OPENAI_CHAT,), **fields}
    return Provider.model_validate(given)


@pytest.fixture(params=["local", "remote"])
async def control(request: pytest.FixtureRequest, state_dir: StateDir) -> AsyncIterator[ControlPlane]:
    store = await SqliteStore.open(state_dir.database)
    async with reached(request.param, LocalControl(store, state_dir, probe=probe), state_dir) as control:
        yield control
    await store.close()


async def stored(control: ControlPlane) -> Provider:
    return next(each for each in await control.providers() if each.name == "router")


async def test_a_typed_key_lies_in_a_private_file_and_only_its_ending_is_told(
    control: ControlPlane, state_dir: StateDir
) -> None:
    await control.add_provider(provider(), f"  {KEY}\n")
    file = state_dir.keys / "router"
    assert (await stored(control)).key == KeySource(kind=KeyKind.FILE, reference=str(file))
    assert file.read_text() == f"{KEY}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    endings = await control.key_endings()
    assert endings == {"router": "WXYZ", "anthropic": "", "openai": ""}
    assert KEY not in str(await control.providers())
    database = b"".join(path.read_bytes() for path in state_dir.root.glob("conduit.db*"))
    assert KEY.encode() not in database, "neither the store nor the audit log has it"


async def test_a_key_is_rotated_in_place_and_forgotten_with_its_provider(
    control: ControlPlane, state_dir: StateDir
) -> None:
    await control.add_provider(provider(), KEY)
    await control.edit_provider("router", await stored(control), "sk-fake-another-0123456-LAST")
    assert (await control.key_endings())["router"] == "LAST"
    assert [path.name for path in state_dir.keys.iterdir()] == ["router"], "no draft is left"
    await control.edit_provider("router", provider(key={"kind": "env", "reference": "ROUTER_KEY"}))
    assert list(state_dir.keys.iterdir()) == []
    await control.edit_provider("router", provider(), KEY)
    await control.remove_provider("router")
    assert list(state_dir.keys.iterdir()) == []


async def test_a_file_of_the_users_own_is_left_alone(control: ControlPlane, tmp_path: Path) -> None:
    own = tmp_path / "own.key"
    own.write_text(KEY)
    own.chmod(0o600)
    await control.add_provider(provider(key={"kind": "file", "reference": str(own)}))
    assert (await control.key_endings())["router"] == "WXYZ"
    await control.remove_provider("router")
    assert own.read_text() == KEY


async def test_a_variable_that_is_not_set_and_a_short_key_tell_nothing(
    control: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROUTER_KEY", raising=False)
    await control.add_provider(provider(key={"kind": "env", "reference": "ROUTER_KEY"}))
    assert (await control.key_endings())["router"] is None
    monkeypatch.setenv("ROUTER_KEY", "short-one")
    assert (await control.key_endings())["router"] == ""


@pytest.mark.parametrize("key", ["  ", "two words", "Bearer sk-fake", "sk-fäke", pytest.param("x" * 8_001, id="long")])
async def test_what_is_no_key_is_refused_without_repeating_it(
    control: ControlPlane, state_dir: StateDir, key: str
) -> None:
    with pytest.raises(ControlError) as refused:
        await control.add_provider(provider(), key)
    assert refused.value.field == "key"
    assert key.strip() == "" or key not in refused.value.message
    assert not state_dir.keys.exists() or list(state_dir.keys.iterdir()) == []
    assert "router" not in {each.name for each in await control.providers()}


async def test_a_refused_provider_leaves_no_key(control: ControlPlane, state_dir: StateDir) -> None:
    with pytest.raises(ControlError):
        await control.add_provider(provider(name="anthropic"), KEY)
    with pytest.raises(ControlError):
        await control.add_provider(provider(models=("a b",)), KEY)
    assert not state_dir.keys.exists()
