"""What `run` is about to do and why: made from what is configured."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from conduit_tui.cli.control import no_project, open_reader
from conduit_tui.cli.daemon_status import find_daemon
from conduit_tui.cli.errors import BAD_INPUT, Failure
from conduit_tui.cli.settings import DEFAULT_PROJECT, Settings
from conduit_tui.launch.access import LOOPBACK, Credentials, credentials_for, from_here, turns_away_without_token
from conduit_tui.launch.agents import agent_of
from conduit_tui.launch.agents.agent import Access, Agent

if TYPE_CHECKING:
    from conduit_tui.domain.budgets import Gauge
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.providers import Provider
    from conduit_tui.domain.runs import Run
    from conduit_tui.launch.environment import Environment


class Wish(NamedTuple):
    """What the person said."""

    command: tuple[str, ...]
    agent_type: str
    session: str
    no_gateway: bool
    passed: tuple[str, ...]


class Situation(NamedTuple):
    """What is configured."""

    project: "Project"
    why_project: str
    providers: "list[Provider]"
    gauges: "list[Gauge]"
    bypass: bool


class Gateway(NamedTuple):
    """A gateway that serves, or where one will. `token_always`: it wants its token from everybody."""

    url: str
    token_always: bool
    serves: bool = True


class Plan(NamedTuple):
    """What is to be started. `direct` says why without the gateway; `refusal` why nothing is started at all."""

    agent: Agent
    command: tuple[str, ...]  # as given
    arguments: tuple[str, ...]  # with the model that the rules choose
    project: "Project"
    why_project: str
    providers: "list[Provider]"
    agent_type: str
    session: str
    passed: tuple[str, ...]
    direct: str
    refusal: str
    model: str
    why_model: str
    note: str
    to_say: tuple[str, ...]
    stdin: bytes
    run_id: str

    def going_directly(self, why: str) -> "Plan":
        """The same without the gateway."""
        said = f"{self.command[0]} runs WITHOUT the gateway: nothing is routed or limited"
        return self._replace(direct=why, to_say=(*self.to_say, said))

    def credentials(self, gateway: Gateway) -> Credentials:
        """What the agent shows at the gateway."""
        return credentials_for(self.agent, self.providers, token_always=gateway.token_always)

    def run(self) -> "Run":
        """The run as it is written down."""
        from conduit_tui.domain.runs import Run

        return Run(
            id=self.run_id,
            project=self.project.name,
            agent=self.agent.name if self.agent.name != "generic" else Path(self.command[0]).name[:64],
            agent_type=self.agent_type,
            session=self.session,
            flags=self.agent.command_line.flags(self.command[1:]),
            direct=self.direct[:500],
            started_at=int(time.time() * 1000),
        )

    def ready(self, gateway: Gateway | None, token: str, url: str) -> "tuple[list[str], Environment]":
        """The arguments and the environment that lead it to the gateway; without one, to where it would go itself.

        `url` is where the gateway is, or would be: what still leads there is left out then.
        """
        from conduit_tui.launch.environment import directly, through_gateway

        if gateway is None:
            return list(self.arguments), directly(os.environ, self.agent, url, named=self.passed)
        needed = self.credentials(gateway)
        access = Access(
            gateway.url,
            token if needed.token else "",
            needed.own,
            project=self.project.name,
            run=self.run_id,
            session=self.session,
            agent_type=self.agent_type,
            model=self.model if self.why_model else "",
        )
        setup = self.agent.setup(access)
        more = setup.alias[1][1:] if setup.alias else []
        environment = through_gateway(os.environ, self.agent, setup.variables, own=needed.own, named=self.passed)
        return [*more, *self.arguments], environment


def find_gateway(settings: Settings, *, start: bool) -> Gateway:
    """The gateway that serves; with `start` it is started if none does. Raises Failure."""
    from conduit_tui.domain.processes import SERVING

    daemon = None
    try:
        daemon = find_daemon(settings.locate())
    except Failure:
        if start:
            raise
    if daemon is not None and daemon.status is not None and daemon.status["state"] in SERVING:
        url = str(daemon.status["url"])
    elif start:
        from conduit_tui.cli.process import start_daemon

        url = start_daemon(settings).url
    else:
        url = settings.url
        return Gateway(from_here(url), token_always=not url.startswith(LOOPBACK), serves=False)
    return Gateway(from_here(url), turns_away_without_token(url))


async def look(settings: Settings, wish: Wish) -> Situation:
    """Read what concerns a run. Raises Failure for a project that does not exist."""
    from conduit_tui.domain.projects import Project
    from conduit_tui.domain.providers import BUILTIN_PROVIDERS
    from conduit_tui.launch.repository import repository_names
    from conduit_tui.ledger.gauges import read_gauges

    forced = os.environ.get("CONDUIT_BYPASS") == "1"
    async with open_reader(settings) as reader:
        projects = await reader.projects() if reader else [Project(name=DEFAULT_PROJECT)]
        providers = [*(await reader.providers() if reader else ()), *BUILTIN_PROVIDERS]
        gauges = await read_gauges(reader, int(time.time() * 1000)) if reader else []
        bypass = forced or (await reader.bypass() if reader else False)
    by_name = {project.name: project for project in projects}
    if settings.project is not None:
        if settings.project not in by_name:
            raise no_project(settings.project)
        return Situation(by_name[settings.project], "named by --project", providers, gauges, bypass)
    names = list(repository_names(Path.cwd()))
    for name in names:
        if name in by_name:
            return Situation(by_name[name], "named like the git repository", providers, gauges, bypass)
    why = f"no project is named like the git repository, {names[0]}" if names else "not in a git repository"
    return Situation(by_name[DEFAULT_PROJECT], why, providers, gauges, bypass)


def make_plan(situation: Situation, wish: Wish) -> Plan:
    """Decide what runs. Reads stdin where a rule asks for what stands there. Raises Failure for what cannot be run."""
    from conduit_tui.launch.before import choose_model, limit_reached, new_run_id, rules_of

    agent, arguments, project = agent_of(wish.command[0]), wish.command[1:], situation.project
    if leaving := agent.leaving.intersection(arguments):
        raise Failure(
            f"{agent.name} {min(leaving)} goes on when its command has ended, and a run leaves nothing behind; "
            f"`conduit-tui env --for {agent.name}` leads it here without a run",
            BAD_INPUT,
        )
    run_id = new_run_id()
    direct = _why_directly(project, wish)
    rules = rules_of(project, wish.session, bypass=situation.bypass or bool(direct))
    message, taken = agent.command_line.message(arguments), b""
    if len(rules) and rules.needs & {"message", "tokenCount"} and agent.command_line.reads_stdin(arguments):
        message, taken = _with_stdin(message)
    choice = choose_model(
        agent,
        arguments,
        project=project,
        rules=rules,
        providers=situation.providers,
        message=message,
        agent_type=wish.agent_type,
        session=wish.session,
        run_id=run_id,
    )
    model = choice.model or agent.command_line.model(arguments)
    refusal = limit_reached(
        situation.gauges,
        project,
        model,
        wish.agent_type,
        bypass=situation.bypass,
        now=int(time.time() * 1000),
    )
    to_say = []
    if direct and not wish.no_gateway:
        to_say.append(f"{direct}: {wish.command[0]} runs directly, without the gateway (bypass)")
    if choice.model:
        to_say.append(f"{choice.reason}: --model {choice.model}")
    if choice.note:
        to_say.append(choice.note)
    return Plan(
        agent=agent,
        command=wish.command,
        arguments=choice.arguments,
        project=project,
        why_project=situation.why_project,
        providers=situation.providers,
        agent_type=wish.agent_type,
        session=wish.session,
        passed=wish.passed,
        direct=direct,
        refusal=refusal,
        model=model,
        why_model=choice.reason,
        note=choice.note,
        to_say=tuple(to_say),
        stdin=taken,
        run_id=run_id,
    )


def _why_directly(project: "Project", wish: Wish) -> str:
    if not project.config.enabled:
        return f"project {project.name} is disabled"
    return "--no-gateway was given" if wish.no_gateway else ""


def _with_stdin(message: str | None) -> tuple[str | None, bytes]:
    """The prompt as the agent will see it, and what of stdin it can only get from us."""
    from conduit_tui.launch.stdin import peek

    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return message, b""
    beginning = peek(0)
    texts = [text for text in (message, beginning.text) if text]
    return "\n".join(texts) or None, beginning.taken
