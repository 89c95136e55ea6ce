"""What the gateway metered of an answer, as far as another account of it can be compared."""

from typing import NamedTuple

from conduit_tui.domain.usage import Usage


class MeteredRow(NamedTuple):
    """A usage row that used tokens. `message_id` and `request_id` are the provider's, empty where it gave
    none; `flags` as in the row."""

    id: int
    project: str
    session: str
    request_class: str
    model: str
    provider: str
    message_id: str
    request_id: str
    usage: Usage
    cost_nanodollars: int
    flags: str
    created_at: int
