"""The states of the gateway process and what the daemon tells about it."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class GatewayState(StrEnum):
    """The daemon's view of the gateway."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    READY = "READY"
    DEGRADED = "DEGRADED"  # alive, but a readiness check or an upstream fails
    DRAINING = "DRAINING"  # admission stopped, streams end
    STOPPING = "STOPPING"
    BACKOFF = "BACKOFF"  # will start again at `retry_at`
    COOLDOWN = "COOLDOWN"  # too many starts; one more at `retry_at`
    FAILED = "FAILED"  # needs a person


SERVING = frozenset({GatewayState.READY, GatewayState.DEGRADED})  # requests are admitted


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class HealthCheck(_Frozen):
    """One readiness probe; `at` in milliseconds since the epoch, `took_ms` in milliseconds."""

    at: int
    ok: bool
    took_ms: float
    detail: str = ""


class Retiree(_Frozen):
    """An older gateway that ends its streams. `until` is when they are cut, in milliseconds since the epoch.

    `streams` is unknown (None) of one that a daemon before this one started.
    """

    generation: int
    pid: int
    streams: int | None = None
    until: int


class ProcessEvent(_Frozen):
    """A transition or an incident, with its reason. `at` is in milliseconds since the epoch."""

    id: str  # unique, so that copies of an event can be told
    at: int
    kind: str  # "state", "exit", "health", "signal", "note"; of launched agents "run-direct", "usage-tracked"
    state: GatewayState | None = None
    reason: str = ""
    pid: int | None = None
    generation: int | None = None


class ProcessStatus(_Frozen):
    """What `status --json` prints and the Process screen shows. Times are milliseconds since the epoch."""

    url: str
    daemon_pid: int | None
    gateway_pid: int | None
    state: GatewayState
    reason: str = ""
    since: int = 0  # when `state` began
    ready_since: int | None = None
    daemon_started: int | None = None
    generation: int = 0
    starts: int = 0
    retry_at: int | None = None
    gateway_memory_bytes: int | None = None
    gateway_cpu_percent: float | None = None
    health: tuple[HealthCheck, ...] = ()
    retiring: tuple[Retiree, ...] = ()  # older gateways that have handed over, oldest first
    in_flight: int = 0  # exchanges of the present gateway, as of its last heartbeat
    drain_until: int | None = None  # while DRAINING: when streams are cut
    renewal_failure: str = ""  # why the gateway asked for last did not take over, and the one before it goes on
    version: str = ""
