"""What is wanted of the daemon: by people, through the control socket; by signals; by itself."""

import asyncio
from collections.abc import Mapping


class Wishes:
    """What is wanted now. Who changes it calls `wake`; `until` waits for that."""

    def __init__(self) -> None:
        self.gateway = True  # that one runs
        self.renew = ""  # why another one than the present is wanted; empty where none is
        self.cut = False  # not to wait for streams
        self.hurried = False  # not to wait out a delay
        self.ends = False  # that the daemon ends
        self.anew: Mapping[str, str] | None = None  # that the daemon is executed anew, with this environment
        self._happened = asyncio.Event()

    def wake(self) -> None:
        """Something happened that may change what is to be done."""
        self._happened.set()

    async def until(self, deadline: float | None) -> float:
        """Wait until something happens or until an instant of the loop's clock; by how many seconds it was missed."""
        loop = asyncio.get_running_loop()
        if deadline is None or deadline > loop.time():
            try:
                async with asyncio.timeout_at(deadline):
                    await self._happened.wait()
            except TimeoutError:
                return max(0.0, loop.time() - (deadline or 0.0))
        else:
            await asyncio.sleep(0)
        self._happened.clear()
        return 0.0
