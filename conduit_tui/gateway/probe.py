"""Whether a provider can be reached with the key it will be used with: it is asked for what is free.

That is the list of its models, or, where it has none and speaks Anthropic's dialect, to count a few tokens.
"""

import time

import msgspec

from conduit_tui.control.plane import ProviderTest
from conduit_tui.domain.dialects import Dialect
from conduit_tui.domain.providers import KeyKind, Provider
from conduit_tui.gateway.fetch import Fetched, fetch
from conduit_tui.gateway.forward import Headers
from conduit_tui.gateway.http.call import UpstreamError
from conduit_tui.gateway.http.limits import Limits
from conduit_tui.gateway.http.pool import Upstreams
from conduit_tui.gateway.http.proxies import Proxies
from conduit_tui.gateway.registry import KeyMissing, Registry

ANTHROPIC_VERSION = b"2023-06-01"
MOST_MODELS = 1_000
LISTS_NOTHING = (400, 404, 405, 501)
LIMITS = Limits(connect_seconds=5.0, upstream_idle_seconds=10.0)


async def probe(provider: Provider) -> ProviderTest:
    """Ask a provider for its models. Without a key of ours the answer can only show that it is there."""
    upstream = Registry([provider]).upstreams[0]
    anthropic = Dialect.ANTHROPIC in provider.dialects
    try:
        headers = _headers(upstream.credential(), anthropic=anthropic)
    except KeyMissing as missing:
        return ProviderTest(ok=False, detail=str(missing), took_ms=0.0)
    upstreams = Upstreams(LIMITS, proxies=Proxies.from_environment())
    began = time.perf_counter()
    try:
        fetched = await fetch(upstreams, upstream, b"GET", upstream.target("/v1/models", ""), headers)
        listed = listed_models(fetched)
        if fetched.head.status in LISTS_NOTHING and anthropic:
            counted = [*headers, (b"content-type", b"application/json")]
            target = upstream.target("/v1/messages/count_tokens", "")
            fetched = await fetch(upstreams, upstream, b"POST", target, counted, _count_body(provider))
    except UpstreamError as error:
        return ProviderTest(ok=False, detail=f"cannot be reached: {error.detail}", took_ms=_since(began))
    finally:
        await upstreams.close()
    ok, detail = _verdict(provider, fetched.head.status)
    if listed:
        detail += f", lists {len(listed)} models" if len(listed) > 1 else ", lists one model"
    return ProviderTest(ok=ok, detail=detail, took_ms=_since(began), models=listed)


def _verdict(provider: Provider, status: int) -> tuple[bool, str]:
    if status < 300:
        return True, "answers, and takes the key" if provider.key.stored_here else "answers"
    if status in (401, 403):
        if provider.key.kind is KeyKind.PASS_THROUGH:
            return True, "answers; clients bring their own key"
        return False, f"answers {status}: it does not take this key"
    if status in LISTS_NOTHING:
        untested = ", so the key was not tested" if provider.key.stored_here else ""
        return True, f"answers, but lists no models ({status}){untested}"
    return False, f"answers {status}"


def _count_body(provider: Provider) -> bytes:
    model = next((name for name in provider.models if not set(name) & set("*?[")), "claude-haiku-5-5")
    return msgspec.json.encode({"model": model, "messages": [{"role": "user", "content": "hi"}]})


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model] = []


def listed_models(fetched: Fetched) -> tuple[str, ...]:
    """The names in a provider's list of models, a page of them; none where it is no such list."""
    if fetched.head.status != 200:
        return ()
    try:
        listed = msgspec.json.decode(fetched.body, type=_Models).data
    except msgspec.MsgspecError:
        return ()
    return tuple(model.id for model in listed[:MOST_MODELS])


def _headers(key: bytes, *, anthropic: bool) -> Headers:
    headers: Headers = [(b"accept", b"application/json"), (b"accept-encoding", b"identity")]
    if anthropic:
        headers.append((b"anthropic-version", ANTHROPIC_VERSION))
    if key:
        headers.append((b"x-api-key", key) if anthropic else (b"authorization", b"Bearer " + key))
    return headers


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
