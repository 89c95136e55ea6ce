"""Projects and their configuration, in the shape that files and the wire use."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from conduit_tui.domain.providers import Name

DEFAULT_PROJECT = "default"
AS_REQUESTED = "as-requested"


class _Camel(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="allow")


class CostLimits(_Camel):
    """Dollar limits; `None` is no limit, 0 blocks everything."""

    daily: float | None = None
    monthly: float | None = None


class Features(_Camel):
    """What is switched on for a project."""

    auto_routing: bool = True
    cost_tracking: bool = True
    usage_analytics: bool = True


class ProjectConfig(_Camel):
    """A project's configuration; camelCase outside, unknown keys kept."""

    enabled: bool = True
    default_model: str = AS_REQUESTED
    routing_rules: tuple[dict[str, Any], ...] = ()
    cost_limits: CostLimits = CostLimits()
    features: Features = Features()


class Project(BaseModel):
    """What a budget, a rule set and a configuration belong to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    config: ProjectConfig = Field(default_factory=ProjectConfig)
