"""The clients themselves, as their makers publish them: how each is asked, and kept from asking anybody but us."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from conduit_tui.domain.usage import UsageRow
from tests.launch.box import Box
from tests.providers import FakeProvider, Recorded
from tests.waiting import eventually

_CODEX_CONFIG = """
check_for_update_on_startup = false
analytics.enabled = false
feedback.enabled = false
otel.exporter = "none"
"""
_ECHO = "echo conduit-$((40+2))"


class Client(NamedTuple):
    """A program in one of its dialects. The prompt is the last of its arguments.

    `failed` is its exit code when it was refused; `changes_model`: a rule's model is put into its arguments.
    """

    program: str
    dialect: str
    arguments: tuple[str, ...]
    model: tuple[str, ...]
    tool: tuple[str, dict[str, Any]] | None = None
    tool_arguments: tuple[str, ...] = ()
    tool_result: str = "conduit-42"
    failed: int = 1
    changes_model: bool = True
    family: str = ""

    @property
    def missing(self) -> bool:
        return shutil.which(self.program) is None

    @property
    def name(self) -> str:
        return f"{self.program}-{self.dialect}"


_CODEX = ("exec", "--skip-git-repo-check", "--json")
_AIDER = ("--no-git", "--yes-always", "--no-show-model-warnings", "--no-pretty")
_LLM_TOOL: tuple[str, dict[str, Any]] = ("llm_version", {})
_BASH: tuple[str, dict[str, Any]] = ("bash", {"command": _ECHO, "description": "Echo"})

CODEX = Client(
    "codex",
    "openai-responses",
    _CODEX,
    ("-m", "gpt-5.4-mini"),
    ("exec_command", {"cmd": _ECHO}),
    family="codex_exec",
)
OPENCODE = Client(
    "opencode", "anthropic", ("run",), ("--model", "anthropic/claude-sonnet-4-6"), _BASH, family="opencode"
)
LLM = Client(
    "llm", "openai-chat", (), ("-m", "gpt-4o-mini"), _LLM_TOOL, ("-T", "llm_version", "--td"), "Tool call",
    changes_model=False, family="openai/python",
)  # fmt: skip
AIDER = Client("aider", "openai-chat", _AIDER, ("--model", "openai/gpt-5.4-mini"), failed=0, family="openai/python")
CLIENTS = (
    CODEX,
    OPENCODE,
    OPENCODE._replace(dialect="openai-responses", model=("--model", "openai/gpt-5.4-mini")),
    LLM,
    LLM._replace(dialect="openai-responses", model=("-m", "gpt-5.4-mini")),
    LLM._replace(dialect="anthropic", model=("-m", "claude-sonnet-4.5"), family="anthropic/python"),
    AIDER,
    AIDER._replace(dialect="anthropic", model=("--model", "anthropic/claude-sonnet-4-6"), family="litellm"),
)


class Asked(NamedTuple):
    """How a client ended and what it printed, what reached the provider, what was booked."""

    code: int
    out: str
    err: str
    sent: list[Recorded]
    rows: list[UsageRow]


class ClientBox(Box):
    """Runs a client through the gateway with an empty home and no key of its own."""

    def __init__(self, folder: Path, fake: FakeProvider) -> None:
        super().__init__(folder, fake)
        self.fake: FakeProvider = fake
        self.environment |= {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "AIDER_ANALYTICS_DISABLE": "true",
            "AIDER_CHECK_UPDATE": "false",
            "AIDER_SHOW_RELEASE_NOTES": "false",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        self.home()

    def home(self) -> None:
        """An empty home, but for what keeps clients from asking for updates."""
        home = self.folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        prices = home / ".aider" / "caches" / "model_prices_and_context_window.json"
        for path, text in ((home / ".codex" / "config.toml", _CODEX_CONFIG), (prices, '{"a-model": {}}')):
            path.parent.mkdir(parents=True)
            path.write_text(text)
        self.environment["HOME"] = str(home)

    def ask(
        self,
        client: Client,
        prompt: str,
        *more: str,
        options: tuple[str, ...] = (),
        model: bool = True,
        by_variables: bool = False,
        answers: int = 1,
    ) -> Asked:
        """Ask once, by `run` or with what `env` says; waits for at least so many rows."""
        self.home()
        known, before = len(self.fake.requests()), len(self.rows())
        message = ("--message", prompt) if client.program == "aider" else (prompt,)
        arguments = [client.program, *client.arguments, *(client.model if model else ()), *more, *message]
        if by_variables:
            done = self.by_variables(client, arguments)
        else:
            done = self.conduit("run", *options, "--", *arguments, seconds=120)
        sent = [request for request in self.fake.requests()[known:] if request.method == "POST"]
        eventually(lambda: len(self.rows(before)) >= max(len(sent), answers), what=f"{done.stdout} {done.stderr}")
        return Asked(done.returncode, done.stdout, done.stderr, sent, self.rows(before))

    def by_variables(self, client: Client, arguments: list[str]) -> Any:
        """Start it from a shell that has evaluated `env --for`."""
        import shlex
        import subprocess

        told = self.do("--project", "web", "env", "--for", client.program)
        script = f"shopt -s expand_aliases\n{told}\n{shlex.join(arguments)}\n"
        return subprocess.run(
            ["bash", "--norc", "-c", script], env=self.environment, cwd=self.work, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip


@contextmanager
def client_box(folder: Path) -> Iterator[ClientBox]:
    """A running box with projects: `web`, `ruled` by a rule, `poor` without a budget for a single request."""
    with FakeProvider() as fake:
        box = ClientBox(folder, fake)
        box.do("up", "--port", "0")
        keyed = ("--key-env", "PROVIDER_KEY", "--default")
        box.do("providers", "add", "one", "--base-url", fake.url, "--dialect", "anthropic", *keyed)
        box.do("providers", "add", "two", "--base-url", f"{fake.url}/v1", "--dialect", "openai", *keyed)
        for project in ("web", "ruled", "poor", "spent"):
            box.do("projects", "add", project)
        box.do("budget", "set", "--project", "poor", "--daily", "0.0001")
        box.do("budget", "set", "--project", "spent", "--daily", "0")
        try:
            yield box
        finally:
            box.do("down", "--now")
