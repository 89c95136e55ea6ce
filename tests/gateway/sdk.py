"""Official clients with and without the gateway between them and the provider: what they see must be the same."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pydantic

from tests.gateway.conftest import Gateway
from tests.providers import FakeProvider, Recorded

SCRIPT = "sdk"
_NUMBER = re.compile(r"req_fake\d+")
# the gateway's own business
_NOT_COMPARED = {"host", "connection", "accept-encoding", "content-length", "cookie", "x-conduit-via"}


class Seen(NamedTuple):
    """What a client got, as plain data; an exception as its class, words and facts."""

    value: Any
    error: dict[str, Any] | None


class Side(NamedTuple):
    """One run: what the client saw, what reached the provider."""

    seen: Seen
    requests: list[Recorded]


class Both(NamedTuple):
    """The same call, direct and through the gateway."""

    direct: Side
    through: Side

    def same(self) -> Any:
        """What both saw, after checking that it is the same, as is what reached the provider."""
        assert self.through.seen == self.direct.seen
        assert len(self.through.requests) == len(self.direct.requests)
        for through, direct in zip(self.through.requests, self.direct.requests, strict=True):
            assert (through.method, through.target) == (direct.method, direct.target)
            assert lasting(through) == lasting(direct), (lasting(through), lasting(direct))
        return self.direct.seen.value

    def same_error(self) -> dict[str, Any]:
        """The error both saw."""
        self.same()
        assert self.direct.seen.error is not None
        return self.direct.seen.error

    def same_bodies(self) -> "Both":
        """Check that the provider got the same bytes."""
        assert [one.body for one in self.through.requests] == [one.body for one in self.direct.requests]
        return self


def run_both(
    gateway: Gateway, answers: list[dict[str, Any]], direct: Callable[[], Any], through: Callable[[], Any]
) -> Both:
    """Make a call on both sides, each with the same fresh script."""
    return Both(_run(gateway.fake, answers, direct), _run(gateway.fake, answers, through))


async def run_both_async(
    gateway: Gateway,
    answers: list[dict[str, Any]],
    direct: Callable[[], Awaitable[Any]],
    through: Callable[[], Awaitable[Any]],
) -> Both:
    """`run_both` for asynchronous clients."""
    sides = []
    for call in (direct, through):
        prepare(gateway.fake, answers)
        try:
            seen = Seen(plain(await call()), None)
        except Exception as error:
            seen = Seen(None, facts_of(error))
        sides.append(Side(seen, _requests(gateway.fake)))
    return Both(*sides)


def _run(fake: FakeProvider, answers: list[dict[str, Any]], call: Callable[[], Any]) -> Side:
    prepare(fake, answers)
    try:
        seen = Seen(plain(call()), None)
    except Exception as error:
        seen = Seen(None, facts_of(error))
    return Side(seen, _requests(fake))


def _requests(fake: FakeProvider) -> list[Recorded]:
    requests = fake.requests(SCRIPT)
    for request in requests:
        _ = request.body  # before the next run forgets it
    return requests


def prepare(fake: FakeProvider, answers: list[dict[str, Any]]) -> None:
    fake.reset()
    fake.script(SCRIPT, *answers)


def plain(value: Any) -> Any:
    """A client's objects as plain data, without the numbers that the fake provider gives each request."""
    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json", warnings=False)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return _NUMBER.sub("req_fake", value) if isinstance(value, str) else value


def facts_of(error: Exception) -> dict[str, Any]:
    """What a program can find out about an exception of a client."""
    names = ("message", "status_code", "request_id", "body", "type", "code", "param", "api_message")
    facts = {name: plain(getattr(error, name, None)) for name in names}
    response = getattr(error, "response", None)
    facts["headers"] = {
        name: response.headers.get(name) for name in ("retry-after", "x-should-retry") if response is not None
    }
    cause = type(error.__cause__).__name__ if error.__cause__ else None
    return {"class": type(error).__qualname__, "cause": cause, **facts}


def lasting(request: Recorded) -> list[tuple[str, str]]:
    """All other headers, in order, as they are spelled."""
    return [(name, value) for name, value in request.headers if name.lower() not in _NOT_COMPARED]
