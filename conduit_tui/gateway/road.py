"""The road of an exchange: identify, decide, forward, relay, record. Nothing walks back."""

import asyncio
import time
from functools import partial

from conduit_tui.domain.decisions import DecisionSource
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.limits import Refusal
from conduit_tui.domain.providers import KeyKind
from conduit_tui.gateway import spending
from conduit_tui.gateway.answers import error_answer, refusal_answer, stopped_answer
from conduit_tui.gateway.door import Refused, credentials
from conduit_tui.gateway.exchange import COST_LIMIT, SESSION_STOPPED, Attempt, Exchange
from conduit_tui.gateway.forward import request_headers
from conduit_tui.gateway.house import House
from conduit_tui.gateway.http.messages import Request
from conduit_tui.gateway.identify import identify
from conduit_tui.gateway.projects import RoutedProject
from conduit_tui.gateway.registry import KeyMissing, Upstream
from conduit_tui.gateway.relay import Again, Relay
from conduit_tui.gateway.request_facts import RequestFacts
from conduit_tui.observe.logs import Logger
from conduit_tui.observe.tracing import span
from conduit_tui.routing.facts import TooSlow
from conduit_tui.routing.router import Asker, Routing, decide
from conduit_tui.store.interface import StoreError
from conduit_tui.wire.contents import Contents
from conduit_tui.wire.requests import BadBody, RequestPeek, ask_for_usage, read_request, replace_model

LARGE_BODY = 1_000_000  # bytes from which a body is looked at in a thread

log = Logger("gateway")


async def travel(exchange: Exchange, house: House) -> None:
    """Take an exchange from its whole body to its recorded row."""
    traceparent = (exchange.request.header(b"traceparent") or b"").decode("latin-1")
    try:
        await look(exchange, house)
        with span("conduit.route", traceparent, project=exchange.project) as note:
            await choose(exchange, house)
            note(model=exchange.decision.model, source=exchange.decision.source)
    except Refused as refused:
        house.board.refused += 1
        answer(exchange, refused.status, refused.message)
        return
    house.board.began(exchange)
    try:
        with span("conduit.execute", traceparent, project=exchange.project, exchange=exchange.id) as note:
            await forward(exchange, house)
            last = exchange.attempts[-1]
            note(model=last.decision.model, provider=last.upstream.name, status=last.status, attempts=last.number)
    finally:
        house.board.ended(exchange)


async def look(exchange: Exchange, house: House) -> None:
    """Read the few fields of the body that the road needs, and who sent it. Raises Refused."""
    began = time.perf_counter()
    request = exchange.request
    exchange.peek, contents = await look_into(request.body, exchange.dialect)
    exchange.identity = identify(request, exchange.peek, exchange.dialect, exchange.project, exchange.run)
    exchange.facts = RequestFacts(request, exchange.peek, contents, exchange.identity, house.counter, exchange.run)
    exchange.note("identify", exchange.identity.client or "unknown client", began)


async def look_into(body: bytes, dialect: Dialect) -> tuple[RequestPeek, Contents]:
    """`wire.requests.read_request`, off the event loop where the body is large. Raises Refused."""
    try:
        if len(body) > LARGE_BODY:
            return await asyncio.to_thread(read_request, body, dialect)
        return read_request(body, dialect)
    except BadBody as bad:
        raise Refused(400, str(bad)) from None


async def choose(exchange: Exchange, house: House) -> None:
    """Decide the model and find who serves it. Raises Refused."""
    began = time.perf_counter()
    project = house.projects.get(exchange.project)
    if project is None:
        raise Refused(404, f"no project named {exchange.project!r}")
    if project.plain and not house.bypass:
        exchange.decision = decide(exchange.peek.model)
    else:
        exchange.routing = await route(exchange.facts, exchange.id, exchange.peek.model, project, house)
        exchange.decision = exchange.routing.decision
    began = exchange.note("decide", f"{exchange.decision.model}: {exchange.decision.reason}", began)
    house.tally.decided(exchange.trace[-1].took_us)
    exchange.upstream = serving(house, exchange.dialect, exchange.decision.model, exchange.request)
    exchange.note("provider", exchange.upstream.name, began)


async def route(facts: RequestFacts, exchange_id: str, model: str, project: RoutedProject, house: House) -> Routing:
    """Ask the rules; in a thread if they want what would hold up the event loop."""
    identity = facts.identity
    if "budgetUsed" in project.rules.needs:
        facts.budget_used = await spending.used_percent(identity, model, house)
    decide_by_rules = partial(
        project.rules.route,
        facts.facts,
        model,
        project.config,
        Asker(exchange_id, identity.session, identity.request_class),
        sticky=house.sticky,
        fits=house.registry.fits[identity.dialect],
        bypass=house.bypass,
    )
    try:
        return decide_by_rules()
    except TooSlow:
        facts.facts.patient = True
        return await asyncio.to_thread(decide_by_rules)


def serving(house: House, dialect: Dialect, model: str, request: Request) -> Upstream:
    """Who serves a model to this client. Raises Refused where the gateway token is needed or out of place."""
    upstream = house.registry.pick(dialect, model)
    if upstream is None:
        raise Refused(404, f"no provider serves {model} in the dialect {dialect}")
    if upstream.provider.key.stored_here:
        if not house.door.knows_token(request):
            raise Refused(
                401,
                f"provider {upstream.name} is paid with a key stored here, so this gateway wants its token: "
                "send it as x-conduit-token or in place of the API key (`conduit-tui token show`)",
            )
    elif upstream.provider.key.kind is KeyKind.PASS_THROUGH and any(map(house.door.is_token, credentials(request))):
        raise Refused(
            401,
            f"the gateway token was sent as the API key, but provider {upstream.name} has no key stored here: "
            "send the provider's own key, and the token, if need be, as x-conduit-token",
        )
    return upstream


async def forward(exchange: Exchange, house: House) -> None:
    """Send the request on and relay the answer; on failure before its first byte, try the models to fall back on."""
    waiting = reachable(exchange, house)
    while True:
        again = await attempt_once(exchange, house, may_fall_back=bool(waiting))
        if again is Again.WITHOUT_USAGE:
            house.without_usage.add(exchange.upstream.name)
            log.info("provider refuses stream_options, usage will be estimated", provider=exchange.upstream.name)
        elif again is Again.NEXT_MODEL and waiting:
            fall_back(exchange, *waiting.pop(0))
        else:
            return


def reachable(exchange: Exchange, house: House) -> list[tuple[str, Upstream]]:
    """The models to fall back on, each with who serves it to this client."""
    found = []
    for model in exchange.decision.fallback:
        try:
            found.append((model, serving(house, exchange.dialect, model, exchange.request)))
        except Refused:
            continue
    return found


def fall_back(exchange: Exchange, model: str, upstream: Upstream) -> None:
    """Decide for the next model, in words that say why."""
    began = time.perf_counter()
    attempt = exchange.attempts[-1]
    failure = f"status {attempt.status}" if attempt.error is None else attempt.error.detail
    reason = f"{exchange.decision.model} failed ({failure}): falls back"
    exchange.decision = exchange.decision._replace(model=model, source=DecisionSource.FALLBACK, reason=reason)
    exchange.upstream = upstream
    exchange.note("fallback", f"{model} at {exchange.upstream.name}: {reason}", began)


async def attempt_once(exchange: Exchange, house: House, *, may_fall_back: bool) -> Again | None:
    """One attempt, recorded. Returns whether, and how, it is to be made again; if not, the client has its answer."""
    attempt = exchange.new_attempt(exchange.upstream)
    asks_usage = (
        exchange.dialect is Dialect.OPENAI_CHAT
        and exchange.peek.stream
        and not exchange.peek.asks_usage
        and attempt.upstream.name not in house.without_usage
    )
    reason = house.stopped.get((exchange.identity.project, exchange.identity.session))
    if reason is not None:
        refuse_stopped(exchange, attempt, reason)
        await write_down(exchange, attempt, house)
        return None
    refusal = await spending.hold(exchange, attempt, house)
    if refusal is not None:
        refuse(exchange, attempt, refusal)
        await write_down(exchange, attempt, house)
        return None
    relay = Relay(exchange, attempt, asked_usage=asks_usage, may_fall_back=may_fall_back)
    try:
        send(exchange, attempt, house, relay, asks_usage=asks_usage)
    except KeyMissing as missing:
        attempt.status = 502
        attempt.aborted = "key_missing"
        answer(exchange, 502, str(missing))
    else:
        house.relays.add(relay)
        try:
            await relay.done
        finally:
            house.relays.discard(relay)
        if relay.again is None and not exchange.responder.started:
            answer_for(exchange, attempt)
    await write_down(exchange, attempt, house)
    return relay.again


def refuse(exchange: Exchange, attempt: Attempt, refusal: Refusal) -> None:
    """Tell the client, in the form that no client tries again, what the budget does not cover."""
    refused = refusal_answer(exchange.dialect, exchange.identity.client, refusal.message, exchange.id)
    attempt.status, attempt.aborted = refused.status, COST_LIMIT
    exchange.note("hold", refusal.message, time.perf_counter())
    if not exchange.responder.gone:
        exchange.responder.respond(refused)


def refuse_stopped(exchange: Exchange, attempt: Attempt, reason: str) -> None:
    """Tell the client that its session was stopped, and how it may go on."""
    session = exchange.identity.session
    message = f"Session stopped: {reason}; resume it in conduit-tui or with `conduit-tui sessions resume {session}`"
    refused = stopped_answer(exchange.dialect, exchange.identity.client, message, exchange.id)
    attempt.status, attempt.aborted = refused.status, SESSION_STOPPED
    exchange.note("session", message, time.perf_counter())
    if not exchange.responder.gone:
        exchange.responder.respond(refused)


def answer_for(exchange: Exchange, attempt: Attempt) -> None:
    """The gateway's own answer for an attempt that brought none."""
    if attempt.error is not None:
        attempt.status = 502
        answer(exchange, 502, f"provider {attempt.upstream.name} cannot be reached: {attempt.error.detail}")
    elif attempt.aborted:
        answer(exchange, 503, "the gateway is stopping, try again in a moment")


def send(exchange: Exchange, attempt: Attempt, house: House, relay: Relay, *, asks_usage: bool) -> None:
    """Hand the request to the pool. Raises KeyMissing."""
    request, upstream = exchange.request, attempt.upstream
    headers = request_headers(request, upstream, exchange.dialect, stream=exchange.peek.stream, mark=house.door.mark)
    body = request.body
    if attempt.decision.model != exchange.peek.model:
        body = replace_model(body, attempt.decision.model)
    if asks_usage:
        body = ask_for_usage(body)
    target = upstream.target(exchange.target.path, exchange.target.query)
    attempt.sent = time.perf_counter()
    relay.attach(house.upstreams.send(upstream.origin, request.method, target, headers, body, relay))


async def write_down(exchange: Exchange, attempt: Attempt, house: House) -> None:
    """Record an attempt. Metering and storage must never break an answer, so what fails here is logged."""
    try:
        await spending.settle(exchange, attempt, house)
    except StoreError as error:
        log.error("usage row not written", exchange=exchange.id, attempt=attempt.number, error=str(error))
    except Exception:
        log.exception("usage row not written", exchange=exchange.id, attempt=attempt.number)
    house.board.touch()


def answer(exchange: Exchange, status: int, message: str) -> None:
    """An answer of the gateway's own, unless the client has left."""
    if not exchange.responder.gone:
        exchange.responder.respond(error_answer(exchange.dialect, status, message, exchange.id))
