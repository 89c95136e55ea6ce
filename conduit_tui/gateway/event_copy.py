"""Copies the daemon's events into the database, where the screens and the history read them."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from conduit_tui.domain.processes import ProcessEvent
from conduit_tui.observe.logs import Logger
from conduit_tui.store.interface import Store, StoreError

LOOK_SECONDS = 1.0

log = Logger("gateway")


class EventCopy:
    """Follows `events.jsonl`. The store passes over what it has, so that after a rotation both files are read again."""

    def __init__(self, path: Path, store: Store) -> None:
        self._path = path
        self._store = store
        self._inode = 0
        self._offset = 0

    async def follow(self) -> None:
        """Copy what is there and what comes, until cancelled."""
        while True:
            events = await asyncio.to_thread(self._read_new)
            try:
                if events:
                    await self._store.add_process_events(events)
            except StoreError as error:
                log.warning("process events not copied", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    def _read_new(self) -> list[ProcessEvent]:
        try:
            facts = self._path.stat()
        except FileNotFoundError:
            return []
        if (facts.st_ino, facts.st_size) == (self._inode, self._offset):
            return []
        content = b""
        if facts.st_ino != self._inode:
            self._inode, self._offset = facts.st_ino, 0
            before = self._path.with_name(f"{self._path.name}.1")
            content = before.read_bytes() if before.exists() else b""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, _, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + 1 if whole else 0
        return list(_parse(content + whole))


def _parse(content: bytes) -> Iterator[ProcessEvent]:
    for line in content.splitlines():
        try:
            yield ProcessEvent.model_validate_json(line)
        except ValidationError:
            continue  # a line that a crash or a full disk cut off
