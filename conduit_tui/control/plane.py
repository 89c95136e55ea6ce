"""What the screens and the command line may ask of the gateway and of the daemon."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from conduit_tui.domain.live import LiveView
from conduit_tui.domain.processes import ProcessStatus
from conduit_tui.domain.projects import Project
from conduit_tui.domain.providers import Provider


class ControlError(Exception):
    """A refusal or a failure, in words for the person who asked.

    `code` is one of `bad-input`, `not-found`, `conflict`, `unavailable`, `internal`; `field` names the input at fault.
    """

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class ProviderTest(NamedTuple):
    """What came of asking a provider for its models with the key it will be used with."""

    ok: bool
    detail: str
    took_ms: float


class ControlPlane(Protocol):
    """Everything that is written. `LocalControl` does it, `RemoteControl` asks the gateway to."""

    async def projects(self) -> list[Project]: ...

    async def add_project(self, name: str) -> Project: ...

    async def providers(self) -> list[Provider]:
        """All providers, the built-in ones last."""
        ...

    async def add_provider(self, provider: Provider) -> None: ...

    async def edit_provider(self, name: str, provider: Provider) -> None:
        """Replace a provider; its name stays."""
        ...

    async def remove_provider(self, name: str) -> None: ...

    async def test_provider(self, name: str) -> ProviderTest: ...

    async def rotate_token(self) -> str:
        """Make a new gateway token; the old one is void at once."""
        ...


class LiveFeed(Protocol):
    """The gateway's live state as it changes; the first item comes at once."""

    def live(self) -> AsyncIterator[LiveView]: ...


class ProcessControl(Protocol):
    """What the daemon answers for: the gateway process."""

    async def status(self) -> ProcessStatus: ...

    def watch(self) -> AsyncIterator[ProcessStatus]:
        """The status now, and again at every change."""
        ...

    async def start(self) -> None: ...

    async def restart(self) -> None: ...

    async def stop(self, *, now: bool = False) -> None:
        """Drain and stop the gateway, the daemon stays. `now` cuts streams instead of waiting for them."""
        ...

    async def shutdown(self, *, now: bool = False) -> None:
        """Drain the gateway and end the daemon."""
        ...
