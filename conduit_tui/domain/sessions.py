"""Sessions as they are listed: what each used, which agents and models had part in it, and whether it is stopped.

Times are milliseconds since the epoch.
"""

from typing import NamedTuple


class StoppedSession(NamedTuple):
    """A session whose further requests are refused."""

    project: str
    session: str
    reason: str
    stopped_at: int


class SessionFilter(NamedTuple):
    """Which sessions to list. Empty fields filter nothing.

    Every word of `text` must be somewhere in a session's name, project, client, models or agent types; `model` in a
    model. `project` is exact, `session` a beginning; `since` is the oldest newest activity.
    """

    text: str = ""
    model: str = ""
    project: str = ""
    session: str = ""
    since: int = 0


class ModelShare(NamedTuple):
    """What a model had of a session."""

    model: str
    requests: int
    cost_nanodollars: int


class SessionRow(NamedTuple):
    """Running totals of a session.

    `prompts` are the turns of its user. `stop` is why the main agent's newest answer ended, in its dialect's word;
    `stopped` the reason for which it is stopped, `stopped_at` 0 where it is not. `models` begin with the dearest.
    """

    id: int
    project: str
    session: str
    client: str
    requests: int
    errors: int
    prompts: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    first_at: int
    last_at: int
    stop: str = ""
    stopped: str = ""
    stopped_at: int = 0
    agents: int = 1
    models: tuple[ModelShare, ...] = ()

    @property
    def cost_per_prompt(self) -> int | None:
        """In nano-dollars; None where no turn was told apart."""
        return self.cost_nanodollars // self.prompts if self.prompts else None

    @property
    def mix(self) -> list[tuple[str, float]]:
        """The models with their shares of the cost, or of the requests where nothing cost anything."""
        whole = self.cost_nanodollars
        if whole > 0:
            return [(share.model, share.cost_nanodollars / whole) for share in self.models]
        return [(share.model, share.requests / max(1, self.requests)) for share in self.models]


class AgentPart(NamedTuple):
    """What an agent used of a model within a session; the main agent has no id."""

    agent: str
    agent_type: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_nanodollars: int
    first_at: int
    last_at: int
    stop: str = ""


class SessionDay(NamedTuple):
    """What a session used on a day (UTC) that begins `at`."""

    at: int
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nanodollars: int
