"""The control plane for one verb: the running gateway, or the database itself when none runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings

if TYPE_CHECKING:
    from conduit_tui.control.plane import ControlPlane, ProviderTest
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.providers import Provider
    from conduit_tui.store.interface import Reader

T = TypeVar("T")


def change(settings: Settings, act: "Callable[[ControlPlane], Awaitable[T]]") -> T:
    """Do something through the control plane and return what came of it."""

    async def run() -> T:
        async with open_plane(settings) as control:
            return await act(control)

    return asyncio.run(run())


@asynccontextmanager
async def open_plane(settings: Settings) -> "AsyncIterator[ControlPlane]":
    """The control plane, for the length of one change. Raises ControlError, StoreError, StateDirError."""
    from conduit_tui.control.access import open_control

    state_dir = settings.locate()
    state_dir.prepare()
    async with open_control(state_dir, probe=_probe) as control:
        yield control


@asynccontextmanager
async def open_reader(settings: Settings) -> "AsyncIterator[Reader | None]":
    """The reading side of the database; `None` while there is no database."""
    from conduit_tui.store.reader import SqliteReader

    database = settings.locate().database
    if not database.exists():
        yield None
        return
    reader = await SqliteReader.open(database)
    try:
        yield reader
    finally:
        await reader.close()


async def all_providers(settings: Settings) -> "list[Provider]":
    """The stored providers and the built-in ones, read without disturbing anybody."""
    from conduit_tui.domain.providers import BUILTIN_PROVIDERS

    async with open_reader(settings) as reader:
        return [*(await reader.providers() if reader else ()), *BUILTIN_PROVIDERS]


async def all_projects(settings: Settings) -> "list[Project]":
    """The projects; the default one alone while there is no database."""
    from conduit_tui.domain.projects import Project

    async with open_reader(settings) as reader:
        return await reader.projects() if reader else [Project(name=DEFAULT_PROJECT)]


async def stored_project(settings: Settings) -> "Project":
    """The project that --project names, read without disturbing anybody. Raises Failure if there is none."""
    from conduit_tui.control.validation import did_you_mean

    name = settings.project or DEFAULT_PROJECT
    known = {project.name: project for project in await all_projects(settings)}
    if name not in known:
        raise Failure(f"project: there is no project {name!r}{did_you_mean(name, list(known))}", BAD_INPUT)
    return known[name]


def no_project(name: str) -> Failure:
    """The complaint about a project that --project names and nobody has added."""
    return Failure(f"there is no project {name!r}; `conduit-tui projects add {name}` makes it", BAD_INPUT)


async def _probe(provider: "Provider") -> "ProviderTest":
    from conduit_tui.gateway.probe import probe

    return await probe(provider)
