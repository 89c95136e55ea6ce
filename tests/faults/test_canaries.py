"""X4 and X8: the whole product does a bit of everything; no secret lies anywhere, every file is its owner's alone."""

import asyncio
import base64
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from conduit_tui.control import token
from conduit_tui.control.remote import RemoteControl
from conduit_tui.domain.providers import KeyKind, KeySource
from tests.collectors import Collector, collecting
from tests.gateway.raw import ANTHROPIC_HEADERS, OPENAI_HEADERS, ask, chat, message
from tests.gateway.running import fake_provider
from tests.launch.box import Box, printed
from tests.ports import free_port
from tests.providers import FakeProvider
from tests.waiting import eventually

sys.path.insert(0, str(Path(__file__).parents[1] / "tui"))

from terminal import Terminal, control_centre, text_of

pytestmark = pytest.mark.fault

SECRETS = {
    "of the environment": "sk-ant-canary-env-7f3a9c51d2e84b06",
    "of a file": "sk-canary-file-1b2c3d4e5f607182",
    "typed on the Settings screen": "sk-canary-typed-a1b2c3d4e5f60718",
    "given to `providers key`": "plaincanary0f1e2d3c4b5a69788796a5b4",
    "of the client": "sk-ant-canary-client-9d8c7b6a5f4e3d2c",
    "of the error reports": "canarydsn5566778899aabbccddeeff00",
    "that only the shell has": "canaryshell00112233445566778899aa",
}
PAGE_DOWN = "\x1b[6~"
ESC = "\x1b[27u"  # as the kitty protocol writes it: never read as alt with the next key


class House:
    """The product with secrets in all the places where secrets belong, and what it left in all others."""

    def __init__(self, folder: Path, fake: FakeProvider, collector: Collector, umask: int) -> None:
        self.box = Box(folder, fake)
        self.fake = fake
        self.collector = collector
        self.port = free_port()
        self.artefacts: dict[str, bytes] = {}
        self.agent: dict[str, Any] = {}
        self.box.environment |= {
            "PROVIDER_KEY": SECRETS["of the environment"],
            "MY_DSN": f"http://{SECRETS['of the error reports']}@{collector.address}/1",
            "SOME_SECRET": SECRETS["that only the shell has"],
        }
        os.umask(umask)  # of this process; its children inherit it
        self.box.state_dir.prepare()
        config = f'[telemetry]\notlp_endpoint = "http://{collector.address}"\nsentry_dsn_env = "MY_DSN"\n'
        descriptor = os.open(self.box.state_dir.config, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, config.encode())
        os.close(descriptor)

    def says(self, *arguments: str, given: bytes | None = None, expect: int | None = 0) -> str:
        """Run a verb and keep what it says."""
        done = self.box.conduit(*arguments, given=given)
        assert expect is None or done.returncode == expect, done.stderr
        self.artefacts[f"output of {' '.join(arguments)}"] = (done.stdout + done.stderr).encode()
        return done.stdout

    def begin(self) -> None:
        key_file = self.box.folder / "key"
        key_file.touch(0o600)
        key_file.write_text(SECRETS["of a file"] + "\n")
        self.box.do("--port", str(self.port), "up")
        self.token = token.load_or_create(self.box.state_dir)

        async def add() -> None:
            control = RemoteControl(self.box.state_dir)
            for name, dialect, key in (
                ("env", "anthropic", KeySource(kind=KeyKind.ENVIRONMENT, reference="PROVIDER_KEY")),
                ("file", "openai-chat", KeySource(kind=KeyKind.FILE, reference=str(key_file))),
                ("given", "anthropic", KeySource(kind=KeyKind.NONE)),
                ("a-typed", "anthropic", KeySource(kind=KeyKind.NONE)),
            ):
                models = (f"{name}-*",)
                await control.add_provider(
                    fake_provider(self.fake.url, name=name, dialects=(dialect,), models=models, default=False, key=key)
                )
            await control.add_provider(fake_provider(self.fake.url, name="own"))

        asyncio.run(add())
        self.says("providers", "key", "given", given=SECRETS["given to `providers key`"].encode())

    def look(self) -> None:
        """The screens, all of them, and a key typed into one."""
        with control_centre(self.box.state_dir.root, size=(120, 40), HOME=str(self.box.folder)) as terminal:
            terminal.read_until(lambda written: b"READY" in written)
            terminal.wait_quiet()
            for keys in ("6", *[PAGE_DOWN] * 4):
                self._press(terminal, keys)
            terminal.read_until(lambda _: "a-typed-*" in text_of(bytes(terminal.written)))
            for _ in range(8):
                self._press(terminal, "k")
            terminal.press("r")
            terminal.read_until(lambda written: "a new key for a-typed" in text_of(written))
            terminal.press(SECRETS["typed on the Settings screen"])
            terminal.wait_quiet()
            terminal.press("\x13")
            eventually((self.box.state_dir.keys / "a-typed").exists, what="the key is kept")
            for keys in ("1", "2", "g", "\r", ESC, "s", ESC, "3", "4", "5", "7", "8"):
                self._press(terminal, keys)
            assert not terminal.ended()
            self.artefacts["frames"] = bytes(terminal.written)

    @staticmethod
    def _press(terminal: Terminal, keys: str) -> None:
        terminal.press(keys)
        terminal.wait_idle()

    def work(self) -> None:
        client = SECRETS["of the client"]
        headers = ANTHROPIC_HEADERS | {"x-api-key": client, "authorization": f"Bearer {client}"}
        opened = headers | {"x-conduit-token": self.token}
        assert ask(self.port, "POST", "/v1/messages", message(), headers).status == 200
        for model in ("env-1", "given-1", "a-typed-1"):
            assert ask(self.port, "POST", "/v1/messages", message(model=model, stream=True), opened).status == 200
            assert self.fake.requests()[-1].header("x-api-key") in SECRETS.values()
        asked = OPENAI_HEADERS | {"authorization": f"Bearer {self.token}"}
        assert ask(self.port, "POST", "/v1/chat/completions", chat(model="file-1"), asked).status == 200
        for number, secret in enumerate((*SECRETS.values(), self.token)):
            script = self.fake.script(
                f"echo-{number}", {"status": 401, "message": f"invalid key {secret} (api_key={secret})"}
            )
            ask(self.port, "POST", "/v1/messages", message(model="env-1"), opened | script)
        ask(self.port, "POST", f"/v1/messages?key={client}&api_key={self.token}", message(), headers)
        ask(self.port, "POST", f"/v1/{client}", message(), headers)
        ask(self.port, "POST", "/v1/messages", message(), headers | {"x-conduit-session": client})
        ask(self.port, "POST", "/v1/messages", b'{"model": "' + client.encode() + b'"', headers)
        self.box.sender()
        done = self.box.conduit("run", "--", "claude", "--send", "1", "--prompt", "hi")
        assert done.returncode == 0, done.stderr
        self.agent = printed(done)
        (self.run_token,) = set(re.findall(r"conduit-run-[\w-]{20,}", " ".join(self.agent["env"].values())))
        self.artefacts["words of run"] = done.stderr.encode()
        self.artefacts["output of run --dry-run"] = self.box.conduit("run", "--dry-run", "--", "claude").stdout.encode()

    def tell(self) -> None:
        for verb in (
            "status --json", "logs -n 1000", "metrics", "providers list --json", "sessions", "usage --by session",
            "backup create --export --json", "service install --print", "export -", "restart",
        ):  # fmt: skip
            self.says(*verb.split())
        self.says("doctor", expect=None)
        self.says("config", "test", expect=None)
        for name in ("all.json", "rules.toml", "texts.json"):
            more = ["--texts"] if "texts" in name else ["--rules"] if "rules" in name else []
            self.says("export", str(self.box.folder / name), *more)
        self.artefacts |= {
            name: (self.box.folder / name).read_bytes() for name in ("all.json", "rules.toml", "texts.json")
        }
        for process in psutil.process_iter(["pid", "cmdline"]):
            line = "\0".join(process.info["cmdline"] or ())
            if str(self.box.state_dir.root) in line:
                self.artefacts[f"argv of {process.info['pid']}"] = line.encode()
        assert sum(name.startswith("argv") for name in self.artefacts) >= 2

    def end(self) -> None:
        self.box.conduit("down", "--now")
        kept = {self.box.state_dir.token, self.box.folder / "key"}
        for path in self.box.state_dir.root.rglob("*"):
            if path.is_file() and path not in kept and path.parent != self.box.state_dir.keys:
                self.artefacts[str(path)] = path.read_bytes()
        for number, (_path, body) in enumerate(self.collector.posted):
            self.artefacts[f"telemetry {number}"] = body


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    before = os.umask(0)
    try:
        with FakeProvider() as fake, collecting() as collector:
            made = House(tmp_path_factory.mktemp("canaries"), fake, collector, umask=0)
            try:
                made.begin()
                made.look()
                made.work()
                made.tell()
            finally:
                made.end()
            yield made
    finally:
        os.umask(before)


def forms(secret: str) -> list[bytes]:
    """A secret as it might lie somewhere: as it is, backwards, encoded, and without its end."""
    encoded = [base64.b64encode(b"\0" * shift + secret.encode()).decode()[4 : 4 + 20] for shift in range(3)]
    return [form.encode() for form in (secret, secret[::-1], secret.encode().hex(), secret[:-6], *encoded)]


def test_no_secret_lies_anywhere(house: House) -> None:
    secrets = {**SECRETS, "of the gateway": house.token, "of the run": house.run_token}
    found = [
        f"a form of the secret {name} lies in {place}"
        for name, secret in secrets.items()
        for place, content in house.artefacts.items()
        if any(form in content for form in forms(secret))
    ]
    assert not found, "\n".join(found)
    assert {"frames", "output of doctor", "all.json", "rules.toml"} <= set(house.artefacts)
    assert sum(name.startswith("telemetry") for name in house.artefacts) > 0
    assert sum(name.endswith(".db") for name in house.artefacts) >= 2, "the database and a copy of it"


def test_keys_lie_where_they_belong(house: House) -> None:
    files = {path.name: path.read_text().strip() for path in house.box.state_dir.keys.iterdir()}
    assert files == {
        "given": SECRETS["given to `providers key`"],
        "a-typed": SECRETS["typed on the Settings screen"],
    }


def test_the_agent_of_a_run_gets_no_key_but_its_own(house: House) -> None:
    variables = house.agent["env"]
    shown = " ".join(variables.values())
    for name, secret in {**SECRETS, "of the gateway": house.token}.items():
        assert secret not in shown, f"the secret {name}"
    assert {"PROVIDER_KEY", "MY_DSN", "SOME_SECRET"}.isdisjoint(variables)
    assert house.agent["answers"][0]["status"] == 200


def assert_private(root: Path) -> None:
    """That everything under a folder is its owner's alone."""
    loose = {}
    for path in (root, *root.rglob("*")):
        facts = path.lstat()
        wanted = 0o700 if stat.S_ISDIR(facts.st_mode) else 0o600
        if stat.S_IMODE(facts.st_mode) != wanted:
            loose[str(path.relative_to(root))] = oct(stat.S_IMODE(facts.st_mode))
    assert loose == {}


def test_every_file_is_private_where_the_umask_lets_all_in(house: House) -> None:
    assert_private(house.box.state_dir.root)
    for name in ("all.json", "texts.json"):
        assert stat.S_IMODE((house.box.folder / name).stat().st_mode) == 0o600


def test_while_it_runs_and_where_the_umask_lets_nobody_in(tmp_path: Path) -> None:
    """Sockets and locks are there only while it runs."""
    before = os.umask(0o077)
    try:
        with FakeProvider() as fake, collecting() as collector:
            house = House(tmp_path, fake, collector, umask=0o077)
            try:
                house.begin()
                assert ask(house.port, "POST", "/v1/messages", message(), ANTHROPIC_HEADERS).status == 200
                house.says("backup", "create")
                eventually(lambda: house.box.rows(), what="the request is written down")
                assert_private(house.box.state_dir.root)
                sockets = [path for path in house.box.state_dir.root.iterdir() if stat.S_ISSOCK(path.lstat().st_mode)]
                assert len(sockets) == 2
            finally:
                house.end()
            assert_private(house.box.state_dir.root)
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["conduit.db", "config.toml", "token", "events.jsonl", "process.log", "daemon.lock",
                                  "writer.lock", "backups", "keys", "tui.log"])  # fmt: skip
def test_a_symbolic_link_in_a_files_place_is_refused(tmp_path: Path, name: str) -> None:
    """What it points to is neither read nor written, and the refusal says which path it is."""
    box = Box(tmp_path)
    box.state_dir.prepare()
    folder = name in ("backups", "keys")
    target = tmp_path / "elsewhere"
    target.mkdir(0o700) if folder else target.touch(0o600)
    (box.state_dir.root / name).symlink_to(target)
    port = str(free_port())
    try:
        if name == "keys":
            box.do("projects", "list")
            box.conduit(
                "providers", "add", "one", "--base-url", "http://127.0.0.1:9", "--dialect", "anthropic", "--no-key"
            )
            done = box.conduit("providers", "key", "one", given=b"sk-ant-of-this-test-0123456789")
        elif name == "backups":
            box.conduit("projects", "add", "docs")
            done = box.conduit("backup", "create")
        elif name == "tui.log":
            with control_centre(box.state_dir.root) as terminal:
                assert terminal.wait() != 0
                said = text_of(bytes(terminal.written))
            done = subprocess.CompletedProcess([], 1, "", said)
        elif name == "token":
            done = box.conduit("token", "show")
        else:
            done = box.conduit("--port", port, "up")
        assert done.returncode != 0, f"{name}: {done.stdout}"
        assert name in done.stderr
        assert "internal error" not in done.stderr
        assert not list(target.iterdir()) if folder else target.read_bytes() == b""
    finally:
        box.conduit("down", "--now")
