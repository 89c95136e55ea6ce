"""Log lines are JSON of bounded length, and carry neither credentials nor control characters."""

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

from conduit_tui.observe.logs import Descriptor, Logger, configure_logs

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


def test_a_line_says_who_when_and_how_grave(lines: Lines) -> None:
    Logger("gateway").warning("upstream refused", provider="local", status=429)
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
    logging.getLogger("gateway").debug("noise")
    logging.getLogger("asyncio").info("noise")
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
        Logger("gateway").exception("failed", password=CANARY, url=f"http://u:{CANARY}@h/")
    Logger("gateway").info(
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
    Logger("gateway").info("x " * 4090 + f"sk-{CANARY}" + " y" * 9000)
    (event,) = lines.events
    assert len(str(event["event"])) == 8192
    assert CANARY[:6] not in lines.data.decode()


def test_control_characters_are_written_out(lines: Lines) -> None:
    Logger("gateway").info("\x1b]0;owned\x07 \x9b31m \u202eabc", **{"k\x1b[2J": "\x1bc"})
    assert not any((byte < 0x20 and byte != 0x0A) or byte >= 0x7F for byte in lines.data)
    (event,) = lines.events
    assert event["event"] == r"\x1b]0;owned\x07 \x9b31m \u202eabc"


def test_a_pipe_that_nobody_reads_any_more_does_no_harm() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    Descriptor(writing).write(b"lost\n")
    os.close(writing)


def test_what_a_library_says_of_a_lost_task_is_redacted_too() -> None:
    program = f"""
import asyncio, gc
from conduit_tui.observe.logs import Descriptor, Logger, configure_logs
configure_logs(Descriptor(1), process="daemon")
async def main():
    async def fails():
        raise RuntimeError("api_key={CANARY}")
    asyncio.ensure_future(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert done.stderr == ""
    assert "Task exception was never retrieved" in json.loads(done.stdout)["event"]
    assert CANARY not in done.stdout
