"""A gateway that speaks the daemon's contract and misbehaves as `stub.json` in the state directory says.

Keys: `ready` (false: never), `ready_after` (seconds), `extend` (seconds), `exit` (code), `after` (seconds until it
exits), `failed` (reason), `prepared` (false: one that waits never gets ready), `keep` (never hand over), `hang` ("stop"
or "busy", after READY), `ignore_term`, `drain` (seconds that its streams last), `health` (status of /health), `eat`
(megabytes), `eat_after` (seconds), `busy` (exchanges under way), `stray` (leave a process behind in a session of its
own), `say` (lines for stderr), `reports` (raw lines for the report pipe). `until_told` lists what waits for a file of
its name beside `stub.json`: "prepared", "ready", "drain".
"""

import argparse
import asyncio
import contextlib
import faulthandler
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path


class Stub:
    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--state-dir", type=Path, required=True)
        for name in ("--listen-fd", "--report-fd", "--life-fd", "--generation"):
            parser.add_argument(name, type=int, required=True)
        parser.add_argument("--url", required=True)
        parser.add_argument("--living", type=int, action="append", default=[])
        parser.add_argument("--wait", action="store_true")
        parser.add_argument("--allow-host", action="append", default=[])
        parser.add_argument("--config")
        self.options = parser.parse_args()
        try:
            self.wishes = json.loads((self.options.state_dir / "stub.json").read_text())
        except FileNotFoundError:
            self.wishes = {}
        self.ending = asyncio.Event()
        self.cutting = asyncio.Event()
        self.handing_over = asyncio.Event()
        self.taking_over = asyncio.Event()
        self.streams = 0

    def report(self, **report: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self.options.report_fd, json.dumps(report).encode() + b"\n")

    async def told_to(self, step: str) -> None:
        while step in self.wishes.get("until_told", []) and not (self.options.state_dir / step).exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def beat(self) -> None:
        while True:
            self.report(type="heartbeat", in_flight=self.streams)
            await asyncio.sleep(0.1)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        status = self.wishes.get("health", 200) if b"/health" in request else 200
        body = str(self.options.generation).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
        writer.close()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        wishes = self.wishes
        with (self.options.state_dir / "starts.log").open("a") as log:
            log.write(f"{time.monotonic()} {os.getpid()} {self.options.generation}\n")
        if wishes.get("ignore_term"):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        else:
            loop.add_signal_handler(signal.SIGTERM, self.end)
        loop.add_reader(self.options.life_fd, self.told)
        for line in wishes.get("say", []):
            sys.stderr.write(line + "\n")
        sys.stderr.flush()
        if wishes.get("stray"):
            leave_a_stray()
        beating = asyncio.create_task(self.beat())
        if self.options.wait:
            if "failed" in wishes:
                self.report(type="failed", reason=wishes["failed"])
            if "exit" in wishes:
                return int(wishes["exit"])
            await self.told_to("prepared")
            if wishes.get("prepared", True):
                self.report(type="prepared")
            await self.taking_over.wait()
        lock = os.open(self.options.state_dir / "writer.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if "extend" in wishes:
            self.report(type="extend", seconds=wishes["extend"], reason="migration")
        for raw in wishes.get("reports", []):
            os.write(self.options.report_fd, raw.encode() + b"\n")
        if "failed" in wishes:
            self.report(type="failed", reason=wishes["failed"])
        if "exit" in wishes and not wishes.get("after"):
            return int(wishes["exit"])
        if wishes.get("ready", True) is False:
            await asyncio.sleep(600)
        if "ready_after" in wishes:
            await asyncio.sleep(wishes["ready_after"])
        await self.told_to("ready")
        server = await asyncio.start_server(self.answer, sock=socket.socket(fileno=self.options.listen_fd))
        eating = asyncio.create_task(self.eat())
        self.streams = wishes.get("busy", 0)
        self.report(type="ready", in_flight=self.streams)
        if "exit" in wishes:
            await asyncio.sleep(wishes["after"])
            return int(wishes["exit"])
        if wishes.get("hang") == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if wishes.get("hang") == "busy":
            while True:
                pass
        await self.ending.wait()
        loop.remove_reader(self.options.listen_fd)
        await asyncio.sleep(0.05)  # asyncio forgets connections that it has accepted and not yet set up when it closes
        server.close()
        lasting = "drain" in wishes.get("until_told", [])
        self.streams = 1 if lasting or wishes.get("drain") else 0
        self.report(type="draining", in_flight=self.streams)
        handing_over = asyncio.create_task(self.hand_over(lock))
        draining = asyncio.create_task(self.told_to("drain") if lasting else asyncio.sleep(wishes.get("drain", 0)))
        cutting = asyncio.create_task(self.cutting.wait())
        await asyncio.wait([draining, cutting], return_when=asyncio.FIRST_COMPLETED)
        eating.cancel()
        handing_over.cancel()
        beating.cancel()
        return 0

    async def eat(self) -> None:
        await asyncio.sleep(self.wishes.get("eat_after", 0))
        self.hoard = bytearray(os.urandom(1 << 20)) * self.wishes.get("eat", 0)

    async def hand_over(self, lock: int) -> None:
        await self.handing_over.wait()
        if not self.wishes.get("keep"):
            os.close(lock)
            self.report(type="handed-over", in_flight=self.streams)

    def end(self) -> None:
        (self.cutting if self.ending.is_set() else self.ending).set()

    def told(self) -> None:
        orders = os.read(self.options.life_fd, 65_536)
        for order in map(json.loads, orders.splitlines()):
            with (self.options.state_dir / "orders.log").open("a") as log:
                log.write(json.dumps({"to": self.options.generation, **order}) + "\n")
            if order["type"] == "hand-over":
                self.handing_over.set()
                self.ending.set()
            elif order["type"] == "take-over":
                self.taking_over.set()
        if not orders:
            asyncio.get_running_loop().remove_reader(self.options.life_fd)
            self.ending.set()
            if not self.taking_over.is_set() and self.options.wait:
                os._exit(0)


def leave_a_stray() -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


if __name__ == "__main__":
    faulthandler.enable()  # SIGABRT too

    async def main() -> int:
        return await Stub().run()

    os._exit(asyncio.run(main()))
