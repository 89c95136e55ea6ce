"""Projects and their configuration, in the shape that files and the wire use."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from conduit_tui.domain.providers import Name

DEFAULT_PROJECT = "default"
AS_REQUESTED = "as-requested"
CAPTURE_DAYS = 7


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


class CaptureMode(StrEnum):
    """What is kept of the texts of requests and answers."""

    NONE = "none"
    PREVIEW = "preview"  # the beginning of the user's newest message
    FULL = "full"


class GatewayDown(StrEnum):
    """What `run` does with an agent when the gateway is down and cannot be started."""

    ASK = "ask"  # the person at the terminal; without one, refuse
    DIRECT = "direct"  # start it all the same, without the gateway
    REFUSE = "refuse"


class ProjectConfig(_Camel):
    """A project's configuration; camelCase outside, unknown keys kept.

    `routing_rules` are rules as files have them, in the order in which they fire; a new one begins as `sticky` says.
    Routing as a whole acts on `rollout` percent of the sessions, the others get what they ask for. `fallback` lists
    models to try when the chosen one's provider fails, and captured texts are deleted after `capture_days`.
    `gateway_down` says what becomes of launched agents without a gateway.
    """

    enabled: bool = True
    default_model: str = AS_REQUESTED
    routing_rules: tuple[dict[str, Any], ...] = ()
    cost_limits: CostLimits = CostLimits()
    features: Features = Features()
    rollout: Annotated[int, Field(ge=0, le=100)] = 100
    sticky: Literal["request", "session"] = "request"
    fallback: tuple[str, ...] = ()
    capture: CaptureMode = CaptureMode.PREVIEW
    capture_days: Annotated[int, Field(ge=1, le=3650)] = CAPTURE_DAYS
    gateway_down: GatewayDown = GatewayDown.ASK


class Project(BaseModel):
    """What a budget, a rule set and a configuration belong to.

    `revision` is the id of the newest revision of its configuration, 0 where it was never stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    config: ProjectConfig = Field(default_factory=ProjectConfig)
    revision: int = 0
