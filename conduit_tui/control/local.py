"""What a change means: validate, write, audit, tell whoever runs on it."""

import os
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from conduit_tui.control import configuration_test, keys, token
from conduit_tui.control.file_changes import FileChanges
from conduit_tui.control.money_changes import MoneyChanges
from conduit_tui.control.plane import ConfigurationCheck, ControlError, ProviderTest
from conduit_tui.control.run_changes import RunChanges
from conduit_tui.control.session_changes import SessionChanges
from conduit_tui.control.validation import did_you_mean
from conduit_tui.domain.budgets import Budget
from conduit_tui.domain.limits import Scope
from conduit_tui.domain.projects import ProjectConfig
from conduit_tui.domain.providers import BUILTIN_PROVIDERS, KeyKind, KeySource, Provider
from conduit_tui.paths import StateDir
from conduit_tui.store.interface import Store


class LocalControl(MoneyChanges, RunChanges, SessionChanges, FileChanges):
    """The control plane over a store that this process may write.

    `probe` asks a provider for its models; `on_change` is called after each change is committed,
    and awaited: when a change returns, whoever runs on it knows. So is `on_runs` when a launched run begins or ends.
    """

    def __init__(
        self,
        store: Store,
        state_dir: StateDir,
        *,
        probe: Callable[[Provider], Awaitable[ProviderTest]],
        on_change: Callable[[], Awaitable[None] | None] | None = None,
        on_runs: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._store = store
        self._state_dir = state_dir
        self._probe = probe
        self._on_change = on_change
        self._on_runs = on_runs

    async def providers(self) -> list[Provider]:
        return [*await self._store.providers(), *BUILTIN_PROVIDERS]

    async def add_provider(self, provider: Provider, key: str = "") -> None:
        stored = await self._store.providers()
        taken = {other.name for other in (*stored, *BUILTIN_PROVIDERS)}
        if provider.name in taken:
            whose = "is built in" if _is_builtin(provider.name) else "is taken"
            free = next(name for n in range(2, len(taken) + 3) if (name := f"{provider.name[:60]}-{n}") not in taken)
            raise ControlError("conflict", f"the name {provider.name!r} {whose}; {free!r} is free", "name")
        provider = self._checked(provider, stored, key)
        try:
            await self._store.put_provider(provider, replace=False)
        except KeyError:
            raise ControlError("conflict", f"the name {provider.name!r} is taken", "name") from None
        await self._changed("provider.add", provider.name, _described(provider))

    async def edit_provider(self, name: str, provider: Provider, key: str = "") -> None:
        stored = await self._store.providers()
        before = self._find_stored(name, stored)
        if provider.name != name:
            raise ControlError(
                "bad-input", f"a provider's name stays: {name!r} cannot become {provider.name!r}", "name"
            )
        provider = self._checked(provider, stored, key)
        try:
            await self._store.put_provider(provider, replace=True)
        except KeyError:
            raise ControlError("not-found", f"there is no provider {name!r} any more", "name") from None
        if provider.key != before.key:
            keys.forget(self._state_dir, before)
        await self._changed("provider.edit", name, {**_described(provider), **({"new_key": True} if key else {})})

    async def remove_provider(self, name: str) -> None:
        removed = self._find_stored(name, await self._store.providers())
        try:
            await self._store.remove_provider(name)
        except KeyError:
            raise ControlError("not-found", f"there is no provider {name!r} any more", "name") from None
        keys.forget(self._state_dir, removed)
        await self._changed("provider.remove", name)

    async def test_provider(self, name: str) -> ProviderTest:
        return await self._probe(_find(name, await self.providers()))

    async def key_endings(self) -> dict[str, str | None]:
        return {each.name: keys.ending(each.key, os.environ) for each in await self.providers()}

    async def test_configuration(self, project: str, config: ProjectConfig | None = None) -> list[ConfigurationCheck]:
        current = await self.project(project)
        budgets = {budget.scope: budget for budget in await self._store.budgets()}
        return await configuration_test.run(
            config or current.config,
            project,
            providers=await self.providers(),
            prices=await self._store.price_overrides(),
            budget=budgets.get(Scope(project)) or Budget(project=project),
            bypass=await self._store.bypass(),
            probe=self._probe,
        )

    async def rotate_token(self) -> str:
        fresh = token.rotate(self._state_dir)
        await self._changed("token.rotate", "token")
        return fresh

    def _find_stored(self, name: str, stored: list[Provider]) -> Provider:
        if _is_builtin(name):
            raise ControlError(
                "conflict",
                f"{name!r} is built in and stays; a provider of your own with --default comes before it",
                "name",
            )
        return _find(name, stored)

    def _checked(self, provider: Provider, stored: list[Provider], key: str) -> Provider:
        """The provider as it is stored, its key, if one is given, written into its file. Raises ControlError."""
        if not key:
            self._check(provider, stored)
            _check_key(provider.key)
            return provider
        keys.check(key)
        self._check(provider, stored)
        return provider.model_copy(update={"key": keys.keep(self._state_dir, provider.name, key)})

    def _check(self, provider: Provider, stored: list[Provider]) -> None:
        if provider.builtin:
            raise ControlError("bad-input", "only conduit-tui's own providers are built in", "builtin")
        for pattern in provider.models:
            if not pattern or any(character.isspace() for character in pattern):
                raise ControlError(
                    "bad-input", f"{pattern!r} is not a pattern of model names, such as 'qwen*'", "models"
                )
        for other in stored:
            shared = set(provider.dialects) & set(other.dialects)
            if provider.default and other.default and other.name != provider.name and shared:
                raise ControlError(
                    "conflict",
                    f"{other.name!r} is the default for {', '.join(sorted(shared))} already; change that one first",
                    "default",
                )


def _check_key(key: KeySource) -> None:
    if key.kind is KeyKind.ENVIRONMENT:
        if not (key.reference.isascii() and key.reference.isidentifier()):
            # what was given may be the key itself: it is not repeated
            raise ControlError(
                "bad-input", "not the name of an environment variable, such as OPENROUTER_API_KEY", "key.reference"
            )
    elif key.kind is KeyKind.FILE:
        _check_key_file(Path(key.reference))


def _check_key_file(path: Path) -> None:
    def refuse(problem: str) -> ControlError:
        return ControlError("bad-input", problem, "key.reference")

    if not path.is_absolute():
        raise refuse(f"{str(path)!r} is not an absolute path")
    try:
        facts = path.lstat()
    except OSError as error:
        raise refuse(
            f"{path} cannot be read ({error.strerror}); write the key into it, then `chmod 600 {path}`"
        ) from None
    if not stat.S_ISREG(facts.st_mode):
        raise refuse(f"{path} is not a regular file; name the file itself")
    if facts.st_uid != os.getuid():
        raise refuse(f"{path} belongs to another user (uid {facts.st_uid}); copy it to a file of yours with mode 600")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise refuse(f"{path} can be read by others (mode {stat.S_IMODE(facts.st_mode):o}); `chmod 600 {path}`")
    if facts.st_size == 0:
        raise refuse(f"{path} is empty; write the key into it")


def _find(name: str, providers: list[Provider]) -> Provider:
    for provider in providers:
        if provider.name == name:
            return provider
    known = [provider.name for provider in providers]
    raise ControlError("not-found", f"there is no provider {name!r}{did_you_mean(name, known)}", "name")


def _is_builtin(name: str) -> bool:
    return any(provider.name == name for provider in BUILTIN_PROVIDERS)


def _described(provider: Provider) -> dict[str, Any]:
    return provider.model_dump(mode="json", exclude={"name", "builtin"})
