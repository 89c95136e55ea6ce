"""The routes that leave no row: token counts and lists of models."""

import asyncio

from conduit_tui.domain.dialects import Dialect
from conduit_tui.gateway.answers import error_answer, json_answer, object_answer
from conduit_tui.gateway.door import Refused
from conduit_tui.gateway.fetch import Fetched, fetch
from conduit_tui.gateway.forward import request_headers, response_headers
from conduit_tui.gateway.house import House
from conduit_tui.gateway.http.call import UpstreamError
from conduit_tui.gateway.http.messages import Answer, Request
from conduit_tui.gateway.identify import identify, project_name
from conduit_tui.gateway.probe import listed_models
from conduit_tui.gateway.registry import KeyMissing, Upstream
from conduit_tui.gateway.request_facts import RequestFacts
from conduit_tui.gateway.road import look_into, route, serving
from conduit_tui.gateway.routes import Target
from conduit_tui.wire.models import models_body
from conduit_tui.wire.requests import replace_model

ESTIMATED = (b"x-conduit-estimated", b"true")
_CANNOT_COUNT = frozenset({404, 405, 501})  # what providers without a counting endpoint answer
_OPENAI = (Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)


async def count_tokens(request: Request, target: Target, house: House) -> Answer:
    """Ask the provider that would serve the request; where it cannot count, estimate here and say so in a header."""
    dialect = Dialect.ANTHROPIC
    try:
        model, asked = await decided_model(request, target, house, dialect)
        upstream = serving(house, dialect, model, request)
        body = request.body if model == asked else replace_model(request.body, model)
        fetched = await _ask(request, upstream, dialect, target, house, body)
    except Refused as refused:
        return error_answer(dialect, refused.status, refused.message)
    if fetched.head.status in _CANNOT_COUNT:
        from conduit_tui.routing.tokens import estimate_request_tokens  # with it comes tiktoken, which few need

        tokens = await asyncio.to_thread(estimate_request_tokens, body, dialect, model)
        return object_answer(200, {"input_tokens": tokens}, ESTIMATED)
    return _as_it_came(fetched)


async def decided_model(request: Request, target: Target, house: House, dialect: Dialect) -> tuple[str, str]:
    """The model that the rules choose for a request, and the one it asks for. Raises Refused."""
    peek, contents = await look_into(request.body, dialect)
    run = house.runs.of_request(request, target.run)
    name = project_name(request, target.project, run)
    project = house.projects[name]
    if project.plain and not house.bypass:
        return peek.model, peek.model
    facts = RequestFacts(request, peek, contents, identify(request, peek, dialect, name, run), house.counter, run)
    return (await route(facts, "", peek.model, project, house)).decision.model, peek.model


async def models(request: Request, target: Target, house: House) -> Answer:
    """The models of the provider that serves unclaimed names, with those that other providers claim by name in front.

    In Anthropic's shape for clients that send `anthropic-version`, else in OpenAI's.
    """
    anthropic = request.header(b"anthropic-version") is not None
    dialects = (Dialect.ANTHROPIC,) if anthropic else _OPENAI
    model = target.path.removeprefix("/v1/models").removeprefix("/")
    try:
        upstream = serving(house, dialects[0], model, request)
        fetched = await _ask(request, upstream, dialects[0], target, house, b"")
    except Refused as refused:
        fetched = None
        refusal = error_answer(dialects[0], refused.status, refused.message)
    named = house.registry.named_models(dialects)
    if model or not named:
        return _as_it_came(fetched) if fetched else refusal
    listed = listed_models(fetched) if fetched else ()
    return json_answer(200, models_body(list(dict.fromkeys([*named, *listed])), anthropic=anthropic))


async def _ask(
    request: Request, upstream: Upstream, dialect: Dialect, target: Target, house: House, body: bytes
) -> Fetched:
    """The request, sent on. Raises Refused with what to tell the client."""
    try:
        headers = request_headers(
            request,
            upstream,
            dialect,
            stream=True,
            mark=house.door.mark,  # uncompressed, to be read here
        )
        path = upstream.target(target.path, target.query)
        return await fetch(house.upstreams, upstream, request.method, path, headers, body)
    except KeyMissing as missing:
        raise Refused(502, str(missing)) from None
    except UpstreamError as error:
        raise Refused(502, f"provider {upstream.name} cannot be reached: {error.detail}") from None


def _as_it_came(fetched: Fetched) -> Answer:
    return Answer(fetched.head.status, tuple(response_headers(fetched.head.headers).passed), fetched.body)
