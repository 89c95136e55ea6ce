"""Runs: agents started by `conduit-tui run`, and what they said of themselves."""

from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from conduit_tui.domain.providers import Name
from conduit_tui.domain.usage import Usage

RUN_VARIABLE = "CONDUIT_RUN_ID"  # marks every process that a run starts, wherever it moves

Count = Annotated[int, Field(ge=0, le=10**12)]

_COUNTS = Usage._fields[:5]  # of what agents tell


class Run(BaseModel):
    """One launched agent. `direct` says why it goes without the gateway, and is empty where it goes through it.

    `session` and `agent_type` are what the person said, empty where the agent's own are to count; `flags` are those of
    its command line. `started_at` is in milliseconds since the epoch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
    project: Name
    agent: Annotated[str, Field(max_length=64)]
    agent_type: Annotated[str, Field(max_length=128)] = ""
    session: Annotated[str, Field(max_length=128)] = ""
    flags: Annotated[tuple[Annotated[str, Field(max_length=128)], ...], Field(max_length=64)] = ()
    direct: Annotated[str, Field(max_length=500)] = ""
    started_at: int


class ActiveRun(NamedTuple):
    """A run that nobody has ended yet, and the digest of its token; empty where it has none."""

    run: Run
    token_digest: bytes


class Reported(BaseModel):
    """Usage by an agent's own account; `number` tells the reports of one run apart.

    `cost` is what the agent says in dollars: kept to be looked at, never what is charged. Without `whole` it is only
    the beginning of an account that never came.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Annotated[int, Field(ge=1)]
    source: Annotated[str, Field(max_length=32)]  # `conduit_metadata`, `result` or `messages`
    model: Annotated[str, Field(max_length=200)]
    session: Annotated[str, Field(max_length=128)] = ""
    request_id: Annotated[str, Field(max_length=128)] = ""
    input_tokens: Count = 0
    output_tokens: Count = 0
    cache_read_tokens: Count = 0
    cache_write_5m_tokens: Count = 0
    cache_write_1h_tokens: Count = 0
    cost: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] | None = None
    routing_source: Annotated[str, Field(max_length=32)] = ""
    whole: bool = True
    at: int

    @property
    def usage(self) -> Usage:
        """The tokens in the shape of every other row."""
        return Usage(
            self.input_tokens,
            self.output_tokens,
            self.cache_read_tokens,
            self.cache_write_5m_tokens,
            self.cache_write_1h_tokens,
        )

    def beyond(self, known: Usage) -> "Reported":
        """What is left when what is known already is taken off."""
        if known == Usage():
            return self
        left = [max(0, count - less) for count, less in zip(self.usage, known, strict=True)]
        return self.model_copy(update={"cost": None, **dict(zip(_COUNTS, left, strict=False))})


class RunUsage(NamedTuple):
    """A usage row that the gateway wrote for a run, as far as joining it with the agent's account needs it."""

    id: int
    model: str
    requested_model: str
    usage: Usage
    ids: frozenset[str]  # by which the answer was known: the exchange's, the provider's, the message's
