"""What changes mean: over a real database, alone and through a server."""

import json
import os
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from conduit_tui.control import token
from conduit_tui.control.access import open_control
from conduit_tui.control.local import LocalControl
from conduit_tui.control.plane import ControlError, ControlPlane, ProviderTest
from conduit_tui.control.remote import RemoteControl
from conduit_tui.control.server import ControlServer, control_methods
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir, StateDirError
from conduit_tui.store.locks import WriterLock
from conduit_tui.store.sqlite import SqliteStore

pytestmark = pytest.mark.anyio


async def probe(provider: Provider) -> ProviderTest:
    return ProviderTest(True, f"asked {provider.base_url}", 1.0)


def provider(name: str = "local", **fields: object) -> Provider:
    given = {"base_url": "http://127.0.0.1:9/v1", "dialects": (Dialect.OPENAI_CHAT,), **fields}
    return Provider.model_validate({"name": name, **given})


class Changes:
    def __init__(self) -> None:
        self.count = 0

    async def happened(self) -> None:
        self.count += 1


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture(params=["local", "remote"])
async def control(request: pytest.FixtureRequest, state_dir: StateDir, changes: Changes) -> AsyncIterator[ControlPlane]:
    """The same behaviour, whichever way it is reached."""
    store = await SqliteStore.open(state_dir.database)
    local = LocalControl(store, state_dir, probe=probe, on_change=changes.happened)
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods=control_methods(local))
    await server.start()
    yield local if request.param == "local" else RemoteControl(state_dir)
    await server.close()
    await store.close()


def audited(state_dir: StateDir) -> list[tuple[str, str]]:
    connection = sqlite3.connect(state_dir.database)
    rows = connection.execute("SELECT action, subject FROM audit_log ORDER BY rowid").fetchall()
    connection.close()
    return rows


async def test_a_provider_is_added_edited_tested_and_removed(
    control: ControlPlane, changes: Changes, state_dir: StateDir
) -> None:
    await control.add_provider(provider())
    assert await control.providers() == [provider(), *BUILTIN_PROVIDERS]
    moved = provider(base_url="http://127.0.0.1:10/v1", models=("qwen*",))
    await control.edit_provider("local", moved)
    assert (await control.providers())[0] == moved
    assert (await control.test_provider("local")).detail == "asked http://127.0.0.1:10/v1"
    assert (await control.test_provider("anthropic")).detail == "asked https://api.anthropic.com"
    await control.remove_provider("local")
    assert await control.providers() == list(BUILTIN_PROVIDERS)
    assert changes.count == 3
    assert audited(state_dir) == [
        ("provider.add", "local"),
        ("provider.edit", "local"),
        ("provider.remove", "local"),
    ]


async def test_projects(control: ControlPlane, changes: Changes) -> None:
    assert (await control.add_project("website")).name == "website"
    assert "website" in [project.name for project in await control.projects()]
    with pytest.raises(ControlError) as refused:
        await control.add_project("website")
    assert (refused.value.code, refused.value.field) == ("conflict", "name")
    with pytest.raises(ControlError) as refused:
        await control.add_project("My Web Site!")
    assert (refused.value.code, refused.value.field) == ("bad-input", "name")
    assert "'My Web Site!'" in refused.value.message
    assert refused.value.message.endswith("'my-web-site' would do")
    assert changes.count == 1


async def refusal(control: ControlPlane, given: Provider) -> ControlError:
    with pytest.raises(ControlError) as refused:
        await control.add_provider(given)
    return refused.value


async def test_names_are_unique_the_built_in_ones_included(control: ControlPlane, changes: Changes) -> None:
    await control.add_provider(provider())
    taken = await refusal(control, provider())
    assert (taken.code, taken.field, taken.message) == (
        "conflict",
        "name",
        "the name 'local' is taken; 'local-2' is free",
    )
    builtin = await refusal(control, provider("openai"))
    assert builtin.message == "the name 'openai' is built in; 'openai-2' is free"
    for change in (control.edit_provider("openai", provider("openai")), control.remove_provider("anthropic")):
        with pytest.raises(ControlError, match="is built in and stays"):
            await change
    with pytest.raises(ControlError, match="a provider's name stays"):
        await control.edit_provider("local", provider("other"))
    with pytest.raises(ControlError, match=r"there is no provider 'loca'; did you mean 'local'\?"):
        await control.remove_provider("loca")
    assert changes.count == 1


async def test_one_default_per_dialect(control: ControlPlane) -> None:
    await control.add_provider(provider("one", default=True))
    refused = await refusal(control, provider("two", default=True))
    assert (refused.code, refused.field) == ("conflict", "default")
    assert "'one'" in refused.message
    await control.add_provider(provider("three", dialects=(Dialect.ANTHROPIC,), default=True))
    await control.edit_provider("one", provider("one", default=True, models=("a*",)))


async def test_a_key_file_must_be_private_and_ours(control: ControlPlane, tmp_path: Path) -> None:
    key = tmp_path / "key"

    def with_file(path: str) -> Provider:
        return provider(key=KeySource(kind=KeyKind.FILE, reference=path))

    async def problem(path: str) -> str:
        refused = await refusal(control, with_file(path))
        assert (refused.code, refused.field) == ("bad-input", "key.reference")
        return refused.message

    assert "not an absolute path" in await problem("key")
    assert "No such file" in await problem(str(key))
    key.write_text("sk-fake")
    key.chmod(0o644)
    assert (await problem(str(key))).endswith(f"can be read by others (mode 644); `chmod 600 {key}`")
    key.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(key)
    assert "not a regular file" in await problem(str(link))
    empty = tmp_path / "empty"
    os.close(os.open(empty, os.O_CREAT | os.O_WRONLY, 0o600))
    assert "is empty" in await problem(str(empty))
    if os.getuid() == 0:
        os.chown(key, 12345, 12345)
        assert "belongs to another user (uid 12345)" in await problem(str(key))
        os.chown(key, 0, 0)
    await control.add_provider(with_file(str(key)))


async def test_a_key_given_as_a_variables_name_is_refused_and_not_repeated(
    control: ControlPlane, state_dir: StateDir
) -> None:
    refused = await refusal(control, provider(key=KeySource(kind=KeyKind.ENVIRONMENT, reference="sk-or-v1-canary")))
    assert refused.field == "key.reference"
    assert "canary" not in refused.message
    await control.add_provider(provider(key=KeySource(kind=KeyKind.ENVIRONMENT, reference="OPENROUTER_API_KEY")))
    assert audited(state_dir) == [("provider.add", "local")]


@pytest.mark.parametrize("pattern", ["", "gpt 4"])
async def test_model_patterns_are_patterns(control: ControlPlane, pattern: str) -> None:
    assert (await refusal(control, provider(models=(pattern,)))).field == "models"


async def test_only_our_own_providers_are_built_in(control: ControlPlane) -> None:
    assert (await refusal(control, provider(builtin=True))).field == "builtin"


async def test_a_wrong_choice_from_an_older_client_names_the_nearest(state_dir: StateDir) -> None:
    store = await SqliteStore.open(state_dir.database)
    methods = control_methods(LocalControl(store, state_dir, probe=probe))
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods=methods)
    await server.start()
    remote = RemoteControl(state_dir)
    unknown: Any = "openai-chatt"
    wrong = Provider.model_construct(name="x", base_url="http://127.0.0.1:9", dialects=(unknown,))
    with pytest.warns(UserWarning, match="Pydantic serializer"), pytest.raises(ControlError) as refused:
        await remote.add_provider(wrong)
    assert refused.value.field == "provider.dialects.0"
    assert refused.value.message.startswith("'openai-chatt' is none of anthropic, openai-chat, openai-responses")
    assert refused.value.message.endswith("did you mean 'openai-chat'?")
    await server.close()
    await store.close()


async def test_the_token_is_made_once_private_and_replaced_whole(
    control: ControlPlane, changes: Changes, state_dir: StateDir
) -> None:
    first = token.load_or_create(state_dir)
    assert token.load_or_create(state_dir) == first
    assert stat.S_IMODE(state_dir.token.lstat().st_mode) == 0o600
    fresh = await control.rotate_token()
    assert fresh != first
    assert token.load_or_create(state_dir) == fresh
    assert stat.S_IMODE(state_dir.token.lstat().st_mode) == 0o600
    assert token.matches(fresh.encode(), token.digest(fresh))
    assert not token.matches(first.encode(), token.digest(fresh))
    assert changes.count == 1
    assert audited(state_dir) == [("token.rotate", "token")]
    assert fresh not in json.dumps(audited(state_dir))
    assert [path.name for path in state_dir.root.glob("token*")] == ["token"]


async def test_a_token_file_that_cannot_be_trusted_is_refused_or_repaired(state_dir: StateDir, tmp_path: Path) -> None:
    good = token.load_or_create(state_dir)
    state_dir.token.chmod(0o644)
    assert token.load_or_create(state_dir) == good
    assert stat.S_IMODE(state_dir.token.lstat().st_mode) == 0o600
    state_dir.token.rename(tmp_path / "elsewhere")
    state_dir.token.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateDirError, match="is a symbolic link"):
        token.load_or_create(state_dir)
    state_dir.token.unlink()
    state_dir.token.write_text("")
    with pytest.raises(StateDirError, match="does not hold a gateway token"):
        token.load_or_create(state_dir)


async def test_without_a_gateway_a_change_takes_the_writers_lock(state_dir: StateDir) -> None:
    other = WriterLock(state_dir.writer_lock)
    async with open_control(state_dir, probe=probe) as control:
        assert isinstance(control, LocalControl)
        assert not other.try_acquire()
        await control.add_provider(provider())
    assert other.try_acquire()
    with pytest.raises(ControlError) as refused:
        async with open_control(state_dir, probe=probe, patience=0.1):
            pass
    assert refused.value.code == "unavailable"
    other.release()
    async with open_control(state_dir, probe=probe) as control:
        assert [known.name for known in await control.providers()] == ["local", "anthropic", "openai"]


async def test_with_a_gateway_a_change_is_the_gateways(state_dir: StateDir) -> None:
    lock = WriterLock(state_dir.writer_lock)
    await lock.acquire()
    store = await SqliteStore.open(state_dir.database)
    methods = control_methods(LocalControl(store, state_dir, probe=probe))
    server = ControlServer(state_dir.gateway_socket, role="gateway", methods=methods)
    await server.start()
    async with open_control(state_dir, probe=probe) as control:
        assert isinstance(control, RemoteControl)
        await control.add_project("website")
    assert "website" in [project.name for project in await store.projects()]
    await server.close()
    await store.close()
    lock.release()
