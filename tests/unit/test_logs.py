"""Log lines are JSON, private, bounded, and carry neither credentials nor control characters."""

import json
import logging
import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from conduit_tui.observe.logs import BoundedLog, Descriptor, configure_logs

CANARY = "canaryQ7xT2mVw9ZkP4rB8"


class Lines:
    """Collects what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    @property
    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.data.splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    collected = Lines()
    configure_logs(collected, process="gateway")
    yield collected
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_says_who_when_and_how_grave(lines: Lines) -> None:
    structlog.get_logger().warning("upstream refused", provider="local", status=429)
    (event,) = lines.events
    assert event.pop("timestamp")
    assert event == {
        "process": "gateway",
        "level": "warning",
        "event": "upstream refused",
        "provider": "local",
        "status": 429,
    }


def test_levels_below_the_chosen_one_are_dropped(lines: Lines) -> None:
    structlog.get_logger().debug("noise")
    assert lines.data == b""


def test_no_credential_is_written_however_deep(lines: Lines) -> None:
    class Odd:
        def __str__(self) -> str:
            return f"Odd(token={CANARY})"

    try:
        try:
            raise ValueError(f"x-api-key: {CANARY}")
        except ValueError as error:
            raise RuntimeError(f"Bearer {CANARY}") from error
    except RuntimeError:
        structlog.get_logger().exception("failed", password=CANARY, url=f"http://u:{CANARY}@h/")
    structlog.get_logger().info(
        f"sk-{CANARY}",
        headers={"x-api-key": CANARY, "nested": [{"authorization": f"Bearer {CANARY}"}, f"api_key={CANARY}"]},
        body=f'{{"token": "{CANARY}"}}'.encode(),
        odd=Odd(),
        deep={"a": {"b": {"c": {"d": {"e": {"f": {"g": {"api-key": CANARY}}}}}}}},
    )
    logging.getLogger("asyncio").error("Task exception: %s", f"sk-{CANARY}")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"token={CANARY}", stacklevel=1)
    assert len(lines.events) == 4
    assert CANARY not in lines.data.decode()
    assert "RuntimeError" in str(lines.events[0]["exception"])


def test_a_long_text_is_cut_after_redaction_not_before(lines: Lines) -> None:
    structlog.get_logger().info("x " * 4090 + f"sk-{CANARY}" + " y" * 9000)
    (event,) = lines.events
    assert len(str(event["event"])) == 8192
    assert CANARY[:6] not in lines.data.decode()


def test_control_characters_are_written_out(lines: Lines) -> None:
    structlog.get_logger().info("\x1b]0;owned\x07 \x9b31m \u202eabc", **{"k\x1b[2J": "\x1bc"})
    assert not any((byte < 0x20 and byte != 0x0A) or byte >= 0x7F for byte in lines.data)
    (event,) = lines.events
    assert event["event"] == r"\x1b]0;owned\x07 \x9b31m \u202eabc"


def test_a_bounded_log_is_private_and_keeps_one_predecessor(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        log = BoundedLog(tmp_path / "process.log", limit=1000)
        for number in range(100):
            log.write(f"line {number:03} {'x' * 40}\n".encode())
        log.close()
    finally:
        os.umask(before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["process.log", "process.log.1"]
    for path in tmp_path.iterdir():
        assert path.stat().st_size <= 1000
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "process.log").read_text().splitlines()[-1].startswith("line 099")


def test_a_loose_log_is_tightened_and_a_symlink_refused(tmp_path: Path) -> None:
    loose = tmp_path / "loose.log"
    loose.touch(0o644)
    BoundedLog(loose).close()
    assert stat.S_IMODE(loose.stat().st_mode) == 0o600
    (tmp_path / "link.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        BoundedLog(tmp_path / "link.log")


def test_a_pipe_that_nobody_reads_any_more_does_no_harm() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    Descriptor(writing).write(b"lost\n")
    os.close(writing)


def test_a_process_that_dies_of_an_error_in_a_thread_of_the_loop_logs_it_redacted(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib
from conduit_tui.observe.logs import BoundedLog, configure_logs
configure_logs(BoundedLog(pathlib.Path({str(tmp_path / "p.log")!r})), process="daemon")
async def main():
    async def fails():
        raise RuntimeError("api_key={CANARY}")
    asyncio.ensure_future(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    import gc; gc.collect()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    text = (tmp_path / "p.log").read_text()
    assert "Task exception was never retrieved" in text
    assert CANARY not in text
