"""What the gateway does with a request: refuse it at its head, answer it here, or send it on the road."""

import asyncio
from collections.abc import Coroutine, Mapping
from functools import lru_cache
from typing import Any

from conduit_tui.domain.providers import Provider
from conduit_tui.gateway import answers, side_routes
from conduit_tui.gateway.door import Refused
from conduit_tui.gateway.exchange import Exchange
from conduit_tui.gateway.house import House
from conduit_tui.gateway.http.messages import Answer, Request
from conduit_tui.gateway.http.responder import Responder
from conduit_tui.gateway.identify import project_name
from conduit_tui.gateway.projects import RoutedProject
from conduit_tui.gateway.registry import Registry
from conduit_tui.gateway.road import travel
from conduit_tui.gateway.routes import Kind, OddTarget, Route, Target, dialect_of, find_route, split_target
from conduit_tui.observe.logs import Logger

log = Logger("gateway")


class Service:
    """The handler behind the HTTP server. Holds the tasks of all exchanges under way."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.draining = False
        self._tasks: set[asyncio.Task[None]] = set()

    # the handler's side (see gateway.http.server.Handler)

    def check_head(self, request: Request) -> Answer | None:
        """The door, the route and the project: all that can be refused before a byte of the body is kept."""
        try:
            self.house.door.check(request)
            target, route = resolve(request.target)
        except Refused as refused:
            return self._refuse(answers.error_answer(dialect_of(request.target), refused.status, refused.message))
        except OddTarget:
            return self._refuse(answers.error_answer(None, 400, "this request target is not one that is served here"))
        if route is None:
            return self._refuse(answers.error_answer(None, 404, f"no such path: {target.path}"))
        if request.method not in route.methods:
            return self._refuse(answers.not_allowed(route.dialect, route.methods))
        if route.kind is Kind.HEALTH or route.kind is Kind.HELLO:
            return None
        if self.draining:
            return answers.draining_answer(route.dialect)
        run = self.house.runs.of_request(request, target.run)
        if target.run and run is None:
            return self._refuse(answers.error_answer(route.dialect, 404, "the run that this base URL is of has ended"))
        project = project_name(request, target.project, run)
        if project not in self.house.projects:
            message = f"no project named {project!r}: `conduit-tui projects add {project}` makes it"
            return self._refuse(answers.error_answer(route.dialect, 404, message))
        return None

    def check_error(self, request: Request | None, status: int, reason: str) -> Answer:
        """The shape of a protocol error."""
        self.house.board.refused += 1
        return answers.error_answer(dialect_of(request.target) if request else None, status, reason)

    def handle(self, request: Request, responder: Responder) -> None:
        """Answer, or start the task that will."""
        target, route = resolve(request.target)
        assert route is not None  # check_head let it in
        if route.kind is Kind.EXCHANGE:
            assert route.dialect is not None
            run = self.house.runs.of_request(request, target.run)
            project = project_name(request, target.project, run)
            exchange = Exchange(request, responder, route.dialect, target, project, run)
            self._start(travel(exchange, self.house), responder)
        elif route.kind is Kind.COUNT_TOKENS:
            self._start(_respond(side_routes.count_tokens(request, target, self.house), responder), responder)
        elif route.kind is Kind.MODELS:
            self._start(_respond(side_routes.models(request, target, self.house), responder), responder)
        elif route.kind is Kind.HEALTH:
            responder.respond(answers.health_answer(draining=self.draining))
        else:
            responder.respond(answers.HELLO)

    # configuration and drain

    def use(self, providers: list[Provider], projects: Mapping[str, RoutedProject], *, bypass: bool) -> None:
        """Put a new configuration in force, for the next request."""
        self.house.registry = Registry(providers)
        self.house.projects = projects
        self.house.bypass = self.house.board.bypass = bypass
        self.house.board.touch()

    def begin_drain(self) -> None:
        """Stop admission; what is under way goes on."""
        self.draining = self.house.board.draining = True
        self.house.board.touch()

    async def finish(self, seconds: float | None) -> bool:
        """Wait for the exchanges under way, for so many seconds at most. Returns whether all ended in time."""
        if not self._tasks:
            return True
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        return not late

    def cut(self) -> None:
        """End every stream now, with an error that its client understands; rows are still written."""
        for relay in list(self.house.relays):
            relay.cut("the gateway is stopping, try again in a moment")

    def _refuse(self, answer: Answer) -> Answer:
        self.house.board.refused += 1
        return answer

    def _start(self, work: Coroutine[Any, Any, None], responder: Responder) -> None:
        task = asyncio.get_running_loop().create_task(_guarded(work, responder))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@lru_cache(maxsize=1024)
def resolve(raw_target: bytes) -> tuple[Target, Route | None]:
    """A request target and its route. Raises OddTarget."""
    target = split_target(raw_target)
    return target, find_route(target.path)


async def _guarded(work: Coroutine[Any, Any, None], responder: Responder) -> None:
    """A fault of ours ends one exchange with an answer and a log line, nothing else."""
    try:
        await work
    except Exception:
        log.exception("an exchange failed")
        if responder.started:
            responder.abort()
        elif not responder.gone:
            responder.respond(answers.error_answer(None, 500, "the gateway failed; its log says how"))


async def _respond(work: Coroutine[Any, Any, Answer], responder: Responder) -> None:
    answer = await work
    if not responder.gone:
        responder.respond(answer)
