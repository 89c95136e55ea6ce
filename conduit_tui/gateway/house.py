"""Who works along the road of an exchange."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from conduit_tui.gateway.door import Door
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.live import LiveBoard
from conduit_tui.gateway.metrics import Tally
from conduit_tui.gateway.projects import RoutedProject
from conduit_tui.gateway.prompt_cache import PromptCaches
from conduit_tui.gateway.provider_health import ProviderHealth
from conduit_tui.gateway.registry import Registry
from conduit_tui.gateway.relay import Relay
from conduit_tui.gateway.runs import ActiveRuns
from conduit_tui.ledger.ledger import Ledger
from conduit_tui.pricing.prices import Prices
from conduit_tui.routing.counter import TokenCounter
from conduit_tui.routing.sticky import StickyMemory
from conduit_tui.store.interface import Store


@dataclass(slots=True)
class House:
    """The collaborators of the road. `registry`, `projects` and `stopped` are replaced whole when they change."""

    door: Door
    registry: Registry
    upstreams: Upstreams
    store: Store
    prices: Prices
    ledger: Ledger
    board: LiveBoard
    prices_loaded: asyncio.Task[None]
    projects: Mapping[str, RoutedProject] = field(default_factory=dict)
    bypass: bool = False
    stopped: Mapping[tuple[str, str], str] = field(default_factory=dict)  # the reason, by project and session
    runs: ActiveRuns = field(default_factory=ActiveRuns)
    counter: TokenCounter = field(default_factory=TokenCounter)
    sticky: StickyMemory = field(default_factory=StickyMemory)
    caches: PromptCaches = field(default_factory=PromptCaches)
    relays: set[Relay] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)
    provider_health: ProviderHealth = field(default_factory=ProviderHealth)
    without_usage: set[str] = field(default_factory=set)  # providers that refuse `stream_options`
