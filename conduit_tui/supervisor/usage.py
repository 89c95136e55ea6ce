"""The gateway's memory and CPU, looked at no oftener than somebody wants to know."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class ProcessUsage(NamedTuple):
    """Resident bytes, and percent of one core since the look before."""

    memory_bytes: int | None = None
    cpu_percent: float | None = None


class UsageMeter:
    """Looks at most once per `interval` (seconds of `clock`); between two looks the last answer stands."""

    def __init__(self, clock: Callable[[], float], interval: float) -> None:
        self._clock = clock
        self._interval = interval
        self._process: Any = None
        self.last = ProcessUsage()
        self._looked_at = float("-inf")

    def of(self, pid: int | None) -> ProcessUsage:
        """The usage of a child of ours; empty when there is none."""
        if pid is None:
            self._process, self.last = None, ProcessUsage()
            return self.last
        fresh = self._process is None or self._process.pid != pid
        if fresh or self._clock() - self._looked_at >= self._interval:
            self.last = self._look(pid, fresh)
            self._looked_at = self._clock()
        return self.last

    def _look(self, pid: int, fresh: bool) -> ProcessUsage:
        import psutil

        try:
            if fresh:
                self._process = psutil.Process(pid)
            cpu = self._process.cpu_percent()  # the first look has nothing to compare with
            return ProcessUsage(self._process.memory_info().rss, None if fresh else cpu)
        except psutil.Error:
            return ProcessUsage()


def resident_bytes(pid: int) -> int:
    """The memory of a child of ours; 0 when it is gone."""
    statm = Path("/proc") / str(pid) / "statm"
    try:
        return int(statm.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        pass
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
