"""One gateway process: spawned, listened to, signalled, buried."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from conduit_tui.control.reports import REPORT_LIMIT, Report
from conduit_tui.supervisor.identity import NONCE_VARIABLE, ProcessIdentity, kill_strays

LOG_LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut into several


class Child:
    """A running gateway, in a process group of its own.

    `on_report` gets each report, `on_line` each line that it writes to stdout or stderr. `ended` is set with
    `returncode` once it is gone, and then nothing of it is left: not its process group, not what it spawned.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        nonce: str,
        life: int,
        on_report: Callable[[Report], None],
        on_line: Callable[[bytes], None],
    ) -> None:
        self.pid = process.pid
        self.nonce = nonce
        self.identity = ProcessIdentity.of(process.pid, nonce)
        self.ended = asyncio.Event()
        self.returncode: int | None = None
        self._process = process
        self._life = life
        self._on_report = on_report
        self._on_line = on_line
        self._pipes: list[asyncio.ReadTransport] = []
        self._readers: list[asyncio.Task[None]] = []
        self._burial: asyncio.Task[None] | None = None

    @classmethod
    async def spawn(
        cls,
        command: Callable[[int, int], Sequence[str]],
        *,
        keep: Sequence[int],
        environment: Mapping[str, str],
        on_report: Callable[[Report], None],
        on_line: Callable[[bytes], None],
    ) -> "Child":
        """Start a gateway. Raises OSError. Call it in the main thread: PDEATHSIG fires when the spawning thread ends.

        `command` is given the numbers of the report descriptor (its end to write) and the life descriptor (its end to
        read); the descriptors in `keep` are inherited too.
        """
        nonce = secrets.token_hex(16)
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:

            def pipe() -> tuple[int, int]:
                read, write = os.pipe()
                return read, write

            report_read, report_write = pipe()
            life_read, life_write = pipe()
            output_read, output_write = pipe()
            for descriptor in (report_write, life_read, output_write):
                theirs.callback(os.close, descriptor)
            for descriptor in (report_read, life_write, output_read):
                ours.callback(os.close, descriptor)
            process = subprocess.Popen(  # noqa: ASYNC220 - it must be this thread, and it takes a millisecond
                command(report_write, life_read),
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                env={**environment, NONCE_VARIABLE: nonce},
                pass_fds=(*keep, report_write, life_read),
                process_group=0,
            )
            ours.pop_all()
        child = cls(process, nonce, life_write, on_report, on_line)
        await child._attend(report_read, output_read)
        return child

    async def _attend(self, report: int, output: int) -> None:
        loop = asyncio.get_running_loop()
        for descriptor, limit, take in ((report, REPORT_LIMIT, self._report), (output, LOG_LINE_LIMIT, self._on_line)):
            reader = asyncio.StreamReader(limit=limit)
            protocol = partial(asyncio.StreamReaderProtocol, reader)
            transport, _ = await loop.connect_read_pipe(protocol, os.fdopen(descriptor, "rb", 0))
            self._pipes.append(transport)
            self._readers.append(asyncio.create_task(_each_line(reader, take)))
        if hasattr(os, "pidfd_open"):
            handle = os.pidfd_open(self.pid)

            def over() -> None:
                loop.remove_reader(handle)
                os.close(handle)
                self._bury()

            loop.add_reader(handle, over)
        else:
            waiting = loop.run_in_executor(None, partial(os.waitid, os.P_PID, self.pid, os.WEXITED | os.WNOWAIT))
            waiting.add_done_callback(lambda _future: self._bury())

    def _report(self, line: bytes) -> None:
        report = Report.decode(line)
        if report is not None:
            self._on_report(report)

    def _bury(self) -> None:
        # The group goes before its leader is reaped: until then its number cannot mean another group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.returncode = self._process.wait()
        kill_strays(self.nonce)
        os.close(self._life)
        self._burial = asyncio.create_task(self._finish())

    async def _finish(self) -> None:
        # What it still said lies in the pipes; nobody can hold them open any more but a process that left no trace.
        _done, late = await asyncio.wait(self._readers, timeout=1.0)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        for pipe in self._pipes:
            pipe.close()
        self.ended.set()

    def signal(self, number: signal.Signals) -> None:
        """Signal the gateway itself; nothing happens when it is gone."""
        if self._process.returncode is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL its whole process group."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def wait(self, seconds: float | None = None) -> bool:
        """Wait for its end; False when the time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self.ended.wait()
        except TimeoutError:
            return False
        return True

    @property
    def how_it_ended(self) -> str:
        """The exit in words."""
        code = self.returncode
        if code is None:
            return "still runs"
        if code < 0:
            try:
                return f"was killed by {signal.Signals(-code).name}"
            except ValueError:
                return f"was killed by signal {-code}"
        return f"exited with {code}"


async def _each_line(reader: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as rest:
            if rest.partial:
                take(rest.partial)
            return
        except asyncio.LimitOverrunError as overrun:
            line = await reader.read(max(overrun.consumed, 1))
        take(line.rstrip(b"\n"))
