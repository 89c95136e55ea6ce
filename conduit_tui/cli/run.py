"""`run`: starts an agent so that its requests come here, and attends to it until it ends."""

import asyncio
import os
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from conduit_tui.cli.control import change, open_plane, open_reader
from conduit_tui.cli.echo import confirm, echo
from conduit_tui.cli.errors import BAD_INPUT, FAILED, REFUSED_BY_LIMIT, Failure
from conduit_tui.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from conduit_tui.cli.run_plan import Gateway, Plan
    from conduit_tui.domain.runs import Run
    from conduit_tui.store.locks import WriterLock

NOT_EXECUTABLE = 126
NOT_FOUND = 127


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("--agent-type", default="", metavar="TYPE", help="The kind of agent, for rules, budgets and sums.")
@click.option("--session", default="", metavar="ID", help="The session that it belongs to [the agent's own].")
@click.option("--no-gateway", is_flag=True, help="Without the gateway: nothing is routed or limited.")
@click.option(
    "--pass-env", "passed", multiple=True, metavar="NAME", help="A variable to hand on; * matches. May be repeated."
)
@click.option("--dry-run", is_flag=True, help="Print what would run, and why; start nothing.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: as JSON.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="[--] COMMAND [ARGS]...")
@pass_settings
def run(
    settings: Settings, *, agent_type: str, session: str, no_gateway: bool, passed: tuple[str, ...], dry_run: bool,
    as_json: bool, command: tuple[str, ...],
) -> None:  # fmt: skip
    """Start an agent so that its requests come here: conduit-tui run -- claude -p "hi"

    Its requests count for --project, else for the project named like the git repository, else for `default`. claude,
    codex, opencode, aider and llm are known; any other program gets OPENAI_BASE_URL and ANTHROPIC_BASE_URL. Of the
    environment it gets what tools need, and no credentials but those that --pass-env names.

    The exit code is the agent's, 128+N when signal N ended it; 75 when a cost limit is reached (nothing is started),
    126 or 127 when COMMAND cannot be run.
    """
    from conduit_tui.cli.run_plan import Wish, find_gateway, look, make_plan

    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run")
    wish = Wish(tuple(command), _plain("--agent-type", agent_type), _plain("--session", session), no_gateway, passed)
    situation = asyncio.run(look(settings, wish))
    plan = make_plan(situation, wish)
    if dry_run:
        from conduit_tui.cli.run_shown import print_plan

        print_plan(plan, find_gateway(settings, start=False), as_json=as_json)
    if plan.refusal:
        raise Failure(plan.refusal, REFUSED_BY_LIMIT)
    if dry_run:
        return
    gateway = None
    if not plan.direct:
        plan, gateway = _through(settings, plan)
    raise click.exceptions.Exit(_launch(settings, plan, gateway))


def _through(settings: Settings, plan: "Plan") -> "tuple[Plan, Gateway | None]":
    """The gateway, started if need be; without one, the plan to go directly, where the project lets it."""
    from conduit_tui.cli.run_plan import find_gateway

    try:
        return plan, find_gateway(settings, start=True)
    except Failure as failure:
        reason = failure.message
    from conduit_tui.domain.projects import GatewayDown

    what = plan.project.config.gateway_down
    agent = plan.command[0]
    echo(f"conduit-tui: the gateway is down and does not start: {reason}", err=True)
    if what is GatewayDown.ASK and sys.stdin.isatty() and sys.stderr.isatty():
        question = f"Run {agent} WITHOUT the gateway? Nothing will be routed or limited"
        what = GatewayDown.DIRECT if confirm(question) else GatewayDown.REFUSE
    if what is not GatewayDown.DIRECT:
        raise Failure(
            f"{agent} was not started; --no-gateway runs it all the same, and `conduit-tui config set gatewayDown "
            f"direct --project {plan.project.name}` lets the project always do so",
            FAILED,
        )
    return plan.going_directly(f"the gateway is down: {reason}"), None


def _launch(settings: Settings, plan: "Plan", gateway: "Gateway | None") -> int:
    program = _find_program(plan)
    for line in plan.to_say:
        echo(f"conduit-tui: {line}", err=True)
    run_ = plan.run()
    books = _begin(settings, plan, run_, gateway)
    code: int | None = None
    try:
        code = _attend(settings, plan, gateway, program, run_, books)
    finally:
        _end(settings, run_, books, code)
    return code


def _attend(
    settings: Settings, plan: "Plan", gateway: "Gateway | None", program: str, run_: "Run", books: "_Books"
) -> int:
    """Start the agent and stay with it to its end; its exit code."""
    from conduit_tui.cli.run_plan import find_gateway
    from conduit_tui.launch.account import Account
    from conduit_tui.launch.environment import marked
    from conduit_tui.launch.recorder import Recorder
    from conduit_tui.launch.run import Launch, execute, flush_own_output

    url = gateway.url if gateway is not None else find_gateway(settings, start=False).url
    arguments, environment = plan.ready(gateway, books.token, url)
    account = Account()
    recorder = Recorder(run_, account, lambda: open_plane(settings), lambda: open_reader(settings), books.first_id)
    launch = Launch(
        run_.id,
        [plan.command[0], *arguments],
        program,
        marked(environment.variables, plan.project.name, run_.id),
        plan.stdin,
    )
    flush_own_output()
    try:
        code = execute(launch, account, recorder)
    except OSError as error:
        raise Failure(f"{plan.command[0]}: {error.strerror}", NOT_EXECUTABLE) from None
    if account.dropped:
        echo(f"conduit-tui: {account.dropped:,} usage reports were too many to be kept", err=True)
    if recorder.problem and books.kept:
        echo(f"conduit-tui: usage could not be booked: {recorder.problem}", err=True)
    return code


class _Books:
    """What the run was given when it was written down. `kept` is False where it could not be."""

    def __init__(self) -> None:
        self.token = ""
        self.first_id = 0
        self.kept = False
        self.lock: WriterLock | None = None


def _begin(settings: Settings, plan: "Plan", run_: "Run", gateway: "Gateway | None") -> _Books:
    """Write the run down. One that goes directly starts also where that fails, and says so."""
    from conduit_tui.control import run_lock
    from conduit_tui.control.plane import ControlError
    from conduit_tui.paths import StateDirError
    from conduit_tui.store.interface import StoreError

    books = _Books()

    async def begin() -> None:
        async with open_plane(settings) as control:
            books.token = await control.begin_run(run_, gateway is not None and plan.credentials(gateway).token)
        async with open_reader(settings) as reader:
            books.first_id = await reader.last_usage_id() if reader else 0

    try:
        settings.locate().prepare()
        books.lock = run_lock.take(settings.locate(), run_.id)
        asyncio.run(begin())
        books.kept = True
    except (ControlError, StoreError, StateDirError, OSError) as error:
        if gateway is not None:
            raise
        echo(f"conduit-tui: this run cannot be recorded: {error}", err=True)
    return books


def _end(settings: Settings, run_: "Run", books: _Books, code: int | None) -> None:
    """Void the token and write down how it ended."""
    from conduit_tui.control import run_lock
    from conduit_tui.control.plane import ControlError
    from conduit_tui.store.interface import StoreError

    if books.lock is not None:
        books.lock.release()  # which voids the token too, should the gateway not be there to be told
    if books.kept:
        with suppress(ControlError, StoreError, OSError):
            change(settings, lambda control: control.end_run(run_.id, code))
    with suppress(OSError):
        run_lock.lock_path(settings.locate(), run_.id).unlink()


def _find_program(plan: "Plan") -> str:
    name = plan.command[0]
    found = shutil.which(name, path=os.environ.get("PATH"))
    if found is None:
        exists = os.sep in name and os.path.exists(name)
        what = "cannot be executed" if exists else "no such command"
        raise Failure(f"{name}: {what}", NOT_EXECUTABLE if exists else NOT_FOUND)
    return found


def _plain(option: str, value: str) -> str:
    if value and not (value.isascii() and value.isprintable() and len(value) <= 128 and value == value.strip()):
        raise Failure(f"{option}: at most 128 printable ASCII characters, without blanks at the ends", BAD_INPUT)
    return value
