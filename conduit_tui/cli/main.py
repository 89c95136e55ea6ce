"""The `conduit-tui` command. Nothing but click is imported until a verb runs."""

import importlib
from typing import Any, NamedTuple

import click

from conduit_tui import __version__
from conduit_tui.cli.errors import INTERRUPTED, as_failure
from conduit_tui.cli.global_options import accept_after_verb, global_options
from conduit_tui.cli.settings import Settings, pass_settings
from conduit_tui.observe.printable import printable


class Verb(NamedTuple):
    """Where a verb's command lives, and its line in `--help`, so that help needs no import."""

    module: str
    attribute: str
    help: str


VERBS = {
    "up": Verb("process", "up", "Start the daemon and its gateway."),
    "down": Verb("process", "down", "Drain the gateway and end the daemon."),
    "restart": Verb("process", "restart", "Hand over to a new gateway."),
    "status": Verb("status", "status", "Show the state of daemon and gateway."),
    "logs": Verb("logs", "logs", "Show the process log."),
    "run": Verb("run", "run", "Start an agent so that its requests come here."),
    "env": Verb("env", "env", "Print what to export so that a client comes here."),
    "token": Verb("token", "token", "Show or rotate the gateway token."),
    "providers": Verb("providers", "providers", "List and change where requests go."),
    "projects": Verb("projects", "projects", "List, add, rename and archive projects."),
    "config": Verb("config", "config", "Show and change a project's configuration."),
    "rules": Verb("rules", "rules", "List, change, try and backtest rules."),
    "bypass": Verb("bypass", "bypass", "Switch routing and project limits off for everything."),
    "sessions": Verb("sessions", "sessions", "List sessions; show, stop and resume one."),
    "reconcile": Verb("reconcile", "reconcile", "Compare the ledger with Claude Code's own transcripts."),
    "usage": Verb("usage", "usage", "Sum up requests, tokens and cost."),
    "budget": Verb("budget", "budget", "Show and set what may be spent."),
    "prices": Verb("prices", "prices", "List and set prices of your own."),
    "export": Verb("export", "export", "Write everything, or a project, into a file."),
    "import": Verb("import_", "import_file", "Take in a file, its difference shown first."),
    "backup": Verb("backup", "backup", "Make, list and restore safety copies of the database."),
    "purge": Verb("purge", "purge", "Delete captured texts."),
    "doctor": Verb("doctor", "doctor", "Look for what stands in the way."),
    "service": Verb("service", "service", "Keep the daemon running under systemd or launchd."),
    "metrics": Verb("metrics", "metrics", "Print the figures of daemon and gateway for Prometheus."),
    "completion": Verb("completion", "completion", "Print what makes the tab key complete verbs, options and names."),
    "demo": Verb("demo", "demo", "Try everything against a simulated provider."),
}


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        if cmd_name not in self.commands:
            module = importlib.import_module(f"conduit_tui.cli.{verb.module}")
            self.add_command(accept_after_verb(getattr(module, verb.attribute)), cmd_name)
        return self.commands[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:  # click looks for the nearest among the verbs that are imported already
            from difflib import get_close_matches

            nearest = get_close_matches(args[0], VERBS, n=1)
            if nearest and not getattr(error, "possibilities", None):
                raise click.UsageError(f"{error.message} Did you mean '{nearest[0]}'?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise _printable(error) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _printable(error) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as error:
            raise as_failure(error) from error


def _printable(error: click.UsageError) -> click.UsageError:
    """The same complaint, in which what was typed cannot steer the terminal."""
    error.message = printable(error.message, keep="\n")  # type: ignore[misc]  # what the error shows is made of it
    return error


@click.group(
    "conduit-tui",
    cls=Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 bad input, 75 refused by a limit, 78 bad configuration, 130 interrupted.",
)
@global_options
@click.version_option(__version__, message="conduit-tui %(version)s")
@pass_settings
@click.pass_context
def cli(context: click.Context, settings: Settings) -> None:
    """A terminal control centre for LLM traffic.

    Without a verb it opens the control centre. Global options may stand before or after the verb.
    """
    if context.invoked_subcommand is None:
        from conduit_tui.cli.control_centre import open_control_centre

        open_control_centre(settings)


def main() -> None:
    """Run the command and exit."""
    cli(prog_name="conduit-tui")
