"""The real control centre on a pseudo terminal: its bytes, its signals, its log."""

import asyncio
import os
import re
import select
import signal
import statistics
import time
from pathlib import Path

import pytest
from scenes import World, flights, live, row, served, status
from terminal import ESCAPE, RUN, control_centre, text_of

from conduit_tui.domain.processes import GatewayState
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def day(busy: World) -> World:
    """A working day with nothing under way."""
    assert busy.seen is not None
    busy.say(seen=live(busy.seen.last_usage_id))
    return busy


SCREENS = {"overview": "1", "requests": "2", "rules": "3", "usage": "4", "budgets": "5", "settings": "6",
           "process": "7", "backups": "8", "sessions": "2s"}  # fmt: skip
LISTS = {
    "requests": ("k", "k"),
    "process": ("k", "k"),
    "sessions": ("j", "j"),
    "rules": ("j",),
}
POINTER = re.compile(rb"\x1b\]22;[a-z]+\x07")  # its shape: a terminal that was not asked for moves sends none
MOUSE_MOVES = "".join(f"\x1b[<35;{10 + n};{8 + n % 5}M" for n in range(20))


@pytest.mark.parametrize("profile", ["local", "ssh", "plain"])
def test_bytes(day: World, profile: str) -> None:
    """Every tab, and the sessions: silent while nothing happens, thrifty when a cursor moves, deaf to the mouse."""
    with served(day), control_centre(day.folder, profile=profile) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.wait_quiet()
        for name, keys in SCREENS.items():
            for key in keys:
                terminal.press(key)
                if name != "overview":
                    terminal.read_until(lambda written: len(written) > 500)
                terminal.wait_quiet(0.3)
            terminal.wait_quiet(0.5)
            idle = terminal.read(0.3 if profile == "plain" else 1.1)
            assert idle == b"", f"idle on {name}: {text_of(idle)}"
            for number, key in enumerate(LISTS.get(name, ())):
                terminal.press(key)
                moved = terminal.read(0.25)
                if number:  # the first one leaves the end of the list, and the footer says so
                    beside = 1_000 if name == "sessions" and profile == "local" else 0  # the detail of another session
                    assert len(moved) <= 500 + beside, f"a cursor moves on {name}"
            if profile != "local":
                terminal.press(MOUSE_MOVES)
                assert not POINTER.sub(b"", terminal.read(0.2)), f"the mouse moves on {name}"
        if profile != "local":
            assert b"\x1b[?1003h" not in terminal.written, "any-motion mouse"
            assert not re.search(rb"[34]8[;:][25]", bytes(terminal.written)), "more than sixteen colours"
        if profile == "plain":
            assert ESCAPE.sub(b"", bytes(terminal.written)).isascii()


def test_a_key_is_answered_at_once_over_ssh(day: World) -> None:
    with served(day), control_centre(day.folder, profile="ssh") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("2")
        terminal.wait_quiet()
        took = []
        for key in "kjkjkjkjkjkjkjk":
            began, others = time.perf_counter(), terminal.held_up()
            terminal.press(key)
            while not terminal.read(0.001):
                assert time.perf_counter() < began + PATIENCE_SECONDS
            took.append(time.perf_counter() - began - (terminal.held_up() - others))
            terminal.wait_idle()
        assert statistics.median(took) < 0.05


def test_a_line_of_25_kilobytes_a_second_with_a_third_of_a_second_of_delay_is_usable(day: World) -> None:
    """U2: keys arrive late and the terminal takes what it gets slowly; what is drawn never queues up for long."""
    bytes_per_second, delay, tick = 25_000, 0.15, 0.02
    with served(day), control_centre(day.folder, profile="ssh") as terminal:

        def take(seconds: float, until: bytes = b"") -> float:
            """Read no faster than the line; how long it took until something was there, or so many seconds."""
            began, start = time.perf_counter(), len(terminal.written)
            while (took := time.perf_counter() - began) < seconds:
                terminal.written += read_at_most(terminal.fd, int(bytes_per_second * tick))
                if until and until in terminal.written[start:]:
                    break
                time.sleep(tick)
            return took

        assert take(PATIENCE_SECONDS, b"SESSIONS") < PATIENCE_SECONDS
        take(1)
        for keys, shows in (("2", b"follow"), ("7", b"daemon"), ("1", b"SESSIONS"), ("4", b"longer")):
            others = terminal.held_up()
            time.sleep(delay)
            terminal.press(keys)
            took = take(PATIENCE_SECONDS, shows) + 2 * delay - (terminal.held_up() - others)
            assert took < 2, f"{keys!r} is answered while one waits"
        for _ in range(20):  # a key that is held down
            terminal.press("j")
            take(0.03)
        others = terminal.held_up()
        terminal.press("1")
        took = take(PATIENCE_SECONDS, b"SESSIONS") - (terminal.held_up() - others)
        assert took < 2, "nothing has queued up behind the keys"
        assert not terminal.ended()


def read_at_most(descriptor: int, size: int) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], 0)
    return os.read(descriptor, size) if ready else b""


def test_live_tail_over_ssh_is_slow_and_thin(day: World) -> None:
    async def add(first: int) -> int:
        return await day.fill(row(first + n, ago=0) for n in range(5))

    with served(day), control_centre(day.folder, profile="ssh") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("2")
        terminal.wait_quiet()
        began, number = time.perf_counter(), 10_000
        before = len(terminal.written)

        def frames() -> float:
            return terminal.written[before:].count(b"claude-opus-5-5") / 15

        async def fill_on() -> None:
            nonlocal number
            from conduit_tui.store.sqlite import SqliteStore

            day.store = await SqliteStore.open(day.state_dir.database)
            while (seconds := time.perf_counter() - began) < 2.5 or (not frames() and seconds < PATIENCE_SECONDS):
                day.say(seen=live(await add(number)))
                number += 5
                await asyncio.to_thread(terminal.read, 0.1)
            await day.close()

        asyncio.run(fill_on())
        seconds = time.perf_counter() - began
        assert (len(terminal.written) - before) / seconds <= 10_000
        assert 0 < frames() <= 2.6 * seconds


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_restore_the_terminal(day: World, number: signal.Signals, code: int) -> None:
    with served(day), control_centre(day.folder) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        os.kill(terminal.pid, number)
        assert terminal.wait() == code
        end = bytes(terminal.written[-400:])
        for mode in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1003l", b"\x1b[?1006l", b"\x1b[?2004l"):
            assert mode in end, mode


def test_signal_ends_it_even_when_it_is_stuck(day: World) -> None:
    stuck = (
        "from conduit_tui.tui.app import ConduitApp; import time\nConduitApp.action_help = lambda self: time.sleep(60)"
    )
    with served(day), control_centre(day.folder, before=stuck) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("?")
        terminal.read(0.3)
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait() == 143
        assert b"\x1b[?1049l" in terminal.written[-200:]


def test_detach_restores_and_returns_zero(day: World) -> None:
    with served(day), control_centre(day.folder) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("q")
        terminal.read_until(lambda written: b"detach" in written)
        terminal.press("\r")
        assert terminal.wait() == 0
        assert b"\x1b[?1049l" in terminal.written[-400:]
    assert day.asked == []


def test_what_libraries_write_to_stderr_goes_to_the_log(day: World) -> None:
    outcry = (
        "import os; from conduit_tui.tui.app import ConduitApp\n"
        "ConduitApp.action_help = lambda self: os.write(2, b'RE2: ugly words')"
    )
    with served(day), control_centre(day.folder, before=outcry) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("?")
        terminal.wait_quiet()
        assert b"ugly words" not in terminal.written
    assert "RE2: ugly words" in day.state_dir.tui_log.read_text()
    assert day.state_dir.tui_log.stat().st_mode & 0o777 == 0o600


def test_a_crash_is_logged_without_local_variables_and_the_terminal_restored(day: World) -> None:
    crash = (
        "from conduit_tui.tui.app import ConduitApp\n"
        "def crash(self):\n    canary = 'sk-' + 'canary'\n    raise RuntimeError('broken')\n"
        "ConduitApp.action_help = crash"
    )
    with served(day), control_centre(day.folder, before=crash) as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("?")
        assert terminal.wait() == 1
        assert b"\x1b[?1049l" in terminal.written
        assert "ended on an error of its own" in text_of(bytes(terminal.written))
    log = day.state_dir.tui_log.read_text()
    assert "RuntimeError: broken" in log
    assert "sk-canary" not in log


@pytest.mark.parametrize("size", [(10, 3), (60, 16), (400, 200)])
def test_sizes_and_a_storm_of_them(day: World, size: tuple[int, int]) -> None:
    with served(day), control_centre(day.folder, size=size) as terminal:
        terminal.read_until(lambda written: b"needs" in written or b"SESSIONS" in written)
        for columns in range(20, 140, 7):
            terminal.resize(columns, columns // 3)
            terminal.read(0.01)
        terminal.resize(80, 24)
        terminal.wait_quiet()
        terminal.press("2")
        terminal.read_until(lambda written: b"follow" in written)
        assert not terminal.ended()


def test_first_paint_imports_nothing_heavy() -> None:
    """What the first paint waits for is measured by the modules that it imports."""
    import subprocess
    import sys

    code = (
        "import sys; import conduit_tui.tui.main, conduit_tui.tui.app;"
        "print([m for m in ('pydantic', 'sqlite3', 'aiosqlite', 'psutil', 'textual_plotext', 'tiktoken', 'httptools',"
        " 'conduit_tui.tui.screens.requests', 'conduit_tui.tui.screens.process') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_needs_a_terminal(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = f"{RUN}\nsys.exit(run(StateDir(Path(sys.argv[1]))))"
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s")], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert told.returncode == 2
    assert "needs a terminal" in told.stderr


def test_flights_keep_an_ssh_screen_calm(day: World) -> None:
    """Nothing ticks every second there: an exchange under way is looked at again every ten seconds."""
    assert day.seen is not None
    day.say(seen=live(day.seen.last_usage_id, flights()))
    with served(day), control_centre(day.folder, profile="ssh") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("2")
        terminal.wait_quiet()
        assert len(terminal.read(3)) < 1_000


def test_figures_alone_do_not_stir_the_process_screen_over_ssh(day: World) -> None:
    with served(day), control_centre(day.folder, profile="ssh") as terminal:
        terminal.read_until(lambda written: b"SESSIONS" in written)
        terminal.press("7")
        terminal.read_until(lambda written: b"memory" in written)
        terminal.wait_quiet()
        before = len(terminal.written)
        for number in range(5):
            day.say(told=status(gateway_memory_bytes=40_000_000 + number * 1_000_000))
            terminal.read(0.2)
        assert len(terminal.written) == before
        day.say(told=status(GatewayState.DRAINING, reason="stop on request"))
        terminal.read_until(lambda written: b"DRAINING" in written)
