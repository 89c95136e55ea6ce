"""Who sent an exchange: what its headers and body say about it."""

from typing import NamedTuple

from conduit_tui.domain.dialects import Dialect


class Identity(NamedTuple):
    """The origin of an exchange. Empty strings stand for what the client did not say."""

    dialect: Dialect
    project: str
    agent: str = ""
    agent_type: str = ""
    session: str = ""
    request_class: str = ""
    client: str = ""  # user agent family, e.g. `claude-cli`
