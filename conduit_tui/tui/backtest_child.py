"""A backtest in a process of its own: the screen never waits for it, and killing it cancels it. No screen."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from conduit_tui.domain.rules import Rule
from conduit_tui.paths import StateDir
from conduit_tui.routing.backtest_result import BacktestResult

LINE_LIMIT = 16 * 1024 * 1024  # bytes; the result is one line


class BacktestFailed(Exception):
    """The backtest did not come to a result; the message says why."""


class Progress(NamedTuple):
    """How many of the requests have been tried."""

    done: int
    of: int


async def run(
    state_dir: StateDir, project: str, since: str, rules: Sequence[Rule]
) -> AsyncGenerator[Progress | BacktestResult, None]:
    """Try rules on a project's past; the last item is the result. `since` is like `7d`. Raises BacktestFailed.

    Closing the iterator kills the child.
    """
    command = (
        sys.executable, "-P", "-m", "conduit_tui", "--state-dir", str(state_dir.root), "rules", "backtest",
        "--project", project, "--since", since, "--rules", "-", "--json", "--progress",
    )  # fmt: skip
    child = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    errors = asyncio.create_task(child.stderr.read())
    found = False
    try:
        with contextlib.suppress(ConnectionError):
            child.stdin.write(json.dumps([rule.model_dump(mode="json", by_alias=True) for rule in rules]).encode())
            child.stdin.close()
        async for line in child.stdout:
            item = _item(line)
            if item is not None:
                found = found or isinstance(item, BacktestResult)
                yield item
        code = await child.wait()
        if not found:
            words = (await errors).decode("utf-8", "replace").strip().splitlines()
            reason = words[-1].removeprefix("conduit-tui: ") if words else f"it ended with exit code {code}"
            raise BacktestFailed(reason)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
        await errors


def _item(line: bytes) -> Progress | BacktestResult | None:
    """A line of the child: how far it has come, or what has come of it."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    if not isinstance(told, dict):
        return None
    kind = told.get("type")
    if kind == "progress":
        return Progress(int(told.get("done", 0)), int(told.get("of", 0)))
    try:
        return BacktestResult.model_validate(told.get("result", told))
    except ValidationError as error:
        raise BacktestFailed(f"its result is of a shape not known here: {error.errors()[0]['loc']}") from None
