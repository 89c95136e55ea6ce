"""What is configured, as either side of the store tells it."""

from typing import Protocol

from conduit_tui.domain.budgets import Budget, FlaggedEntry
from conduit_tui.domain.prices import PriceOverride
from conduit_tui.domain.projects import Project, ProjectConfig
from conduit_tui.domain.providers import Provider
from conduit_tui.domain.revisions import Revision
from conduit_tui.domain.sessions import StoppedSession


class Configured(Protocol):
    """Projects, providers, prices, budgets, what is switched off and stopped."""

    async def projects(self) -> list[Project]:
        """The projects in use, by name, each with its whole configuration."""
        ...

    async def revisions(self, project: str, limit: int) -> list[Revision]:
        """The newest revisions of a project's configuration, newest first."""
        ...

    async def revision_config(self, project: str, revision: int) -> ProjectConfig:
        """The configuration that a revision holds. Raises KeyError if the project has no such revision."""
        ...

    async def bypass(self) -> bool:
        """Whether routing and project limits are switched off for everything."""
        ...

    async def providers(self) -> list[Provider]:
        """The stored providers, by name; the built-in ones are not stored."""
        ...

    async def budgets(self) -> list[Budget]:
        """Every budget, the overall one first, also those without a cap."""
        ...

    async def flagged(self, limit: int) -> list[FlaggedEntry]:
        """The newest attempts whose cost is not the provider's own figure."""
        ...

    async def price_overrides(self) -> list[PriceOverride]:
        """The user's own prices, by model."""
        ...

    async def stopped_sessions(self) -> list[StoppedSession]:
        """The newest stop first."""
        ...
