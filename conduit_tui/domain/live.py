"""What the gateway is doing at this moment."""

from pydantic import BaseModel, ConfigDict


class InFlight(BaseModel):
    """An exchange that is under way. Times are milliseconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    exchange_id: str
    project: str
    agent_type: str
    session: str
    agent: str = ""
    request_class: str
    requested_model: str
    routed_model: str
    provider: str
    dialect: str
    stream: bool
    started_at: int
    first_byte_at: int | None = None
    output_tokens: int = 0
    activity: str = ""  # an `Activity`, empty until the answer shows one
    activity_since: int | None = None


class LiveView(BaseModel):
    """The gateway's live state, whole in every event, so that none can be missed.

    `in_flight` holds the newest exchanges only, `in_flight_count` counts them all; `last_usage_id` is the newest row
    committed to the `usage` table, by which a watcher knows that there is something new to read. `bypass_forced` tells
    that the gateway's environment keeps the bypass on. `price_list_problem` says why no listed price is in force;
    `price_list_days` how old the newest one is.
    """

    model_config = ConfigDict(frozen=True)

    at: int
    in_flight: tuple[InFlight, ...]
    in_flight_count: int
    last_usage_id: int
    served: int  # exchanges answered since this gateway started
    refused: int  # turned away at the door
    draining: bool = False
    bypass: bool = False
    bypass_forced: bool = False
    price_list_problem: str = ""
    price_list_days: int = 0
