"""One gateway process: spawned, listened to, signalled, buried."""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from conduit_tui.control.orders import Order
from conduit_tui.control.reports import REPORT_LIMIT, Report
from conduit_tui.supervisor.identity import NONCE_VARIABLE, ProcessIdentity, kill_strays
from conduit_tui.supervisor.lines import Lines

LOG_LINE_LIMIT = 64 * 1024  # bytes; a longer line is cut into several


class Carried(NamedTuple):
    """A gateway and this process's ends of its pipes, as they survive the execution of another program."""

    pid: int
    nonce: str
    report: int
    life: int
    output: int
    report_rest: str = ""
    output_rest: str = ""


class Child:
    """A running gateway, in a process group of its own.

    `on_report` gets each report, `on_line` each line that it writes to stdout or stderr. `ended` is set with
    `returncode` once it is gone, and then nothing of it is left: not its process group, not what it spawned.
    """

    def __init__(self, carried: Carried, on_report: Callable[[Report], None], on_line: Callable[[bytes], None]) -> None:
        """Attend to a gateway that was spawned by this process, if need be before it executed another program."""
        self.pid = carried.pid
        self.nonce = carried.nonce
        self.identity = ProcessIdentity.of(carried.pid, carried.nonce)
        self.ended = asyncio.Event()
        self.on_ended: Callable[[], None] = lambda: None
        self.returncode: int | None = None
        self._on_report = on_report
        self._life = carried.life
        self._lines = (
            Lines(carried.report, REPORT_LIMIT, self._report, carried.report_rest.encode()),
            Lines(carried.output, LOG_LINE_LIMIT, on_line, carried.output_rest.encode("utf-8", "surrogateescape")),
        )
        self._burial: asyncio.Task[None] | None = None
        os.set_blocking(self._life, False)
        self._await_end()

    @classmethod
    def spawn(
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
            process = subprocess.Popen(
                command(report_write, life_read),
                stdin=subprocess.DEVNULL,
                stdout=output_write,
                stderr=output_write,
                env={**environment, NONCE_VARIABLE: nonce},
                pass_fds=(*keep, report_write, life_read),
                process_group=0,
            )
            process.returncode = 0  # it is waited for here, by its number
            ours.pop_all()
        return cls(Carried(process.pid, nonce, report_read, life_write, output_read), on_report, on_line)

    def carry(self) -> "Carried":
        """What a program that this process executes needs to attend to it. Nothing is read of it any more."""
        report, output = self._lines
        for lines in self._lines:
            lines.pause()
        return Carried(
            self.pid, self.nonce, report.descriptor, self._life, output.descriptor,
            report.rest.decode("utf-8", "replace"), output.rest.decode("utf-8", "surrogateescape"),
        )  # fmt: skip

    def resume(self) -> None:
        """Attend to it again, after all."""
        for lines in self._lines:
            lines.resume()

    def order(self, order: Order) -> None:
        """Tell it something; nothing happens when it is gone or has not read for long."""
        with contextlib.suppress(OSError):
            os.write(self._life, order.encode())

    def _await_end(self) -> None:
        loop = asyncio.get_running_loop()
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
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        kill_strays(self.nonce)
        os.close(self._life)
        self._burial = asyncio.create_task(self._finish())

    async def _finish(self) -> None:
        # What it still said lies in the pipes; nobody can hold them open any more but a process that left no trace.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                for lines in self._lines:
                    await lines.ended.wait()
        for lines in self._lines:
            lines.close()
        self.ended.set()
        self.on_ended()

    def signal(self, number: signal.Signals) -> None:
        """Signal the gateway itself; nothing happens when it is gone."""
        if self.returncode is None:  # until it is reaped, its number is its own
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL its whole process group."""
        if self.returncode is None:
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
