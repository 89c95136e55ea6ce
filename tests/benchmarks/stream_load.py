"""Opens streams through a gateway and measures each delta's delay from the provider's stamp; prints one JSON line.

python stream_load.py PORT STREAMS MODEL
"""

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

STAMP = re.compile(rb'"t=(\d+) ')


def body(model: str) -> bytes:
    text = "keep the relay small and the streams fast; " * 40
    request = {"model": model, "max_tokens": 256, "stream": True, "messages": [{"role": "user", "content": text}]}
    return json.dumps(request).encode()


class Client(asyncio.Protocol):
    """One connection with one stream. Delays and times to the first delta are in microseconds."""

    def __init__(self, request: bytes, delays: list[float], firsts: list[float]) -> None:
        self.request, self.delays, self.firsts = request, delays, firsts
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.first = True
        self.tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.began = time.monotonic_ns()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        for stamp in STAMP.findall(data):
            self.delays.append((now - int(stamp)) / 1000)
            if self.first:
                self.first = False
                self.firsts.append((now - self.began) / 1000)
        self.tail = (self.tail + data)[-200:]
        if self.tail.endswith(b"0\r\n\r\n") and not self.done.done():
            self.done.set_result(b"message_stop" in self.tail)
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(False)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else 0.0


async def main() -> None:
    port, streams, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    content = body(model)
    request = (
        b"POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\nx-api-key: sk-ant-fake\r\nanthropic-version: 2023-06-01\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(content), content)
    )
    delays: list[float] = []
    firsts: list[float] = []
    loop = asyncio.get_running_loop()

    async def one() -> bool:
        _, client = await loop.create_connection(lambda: Client(request, delays, firsts), "127.0.0.1", port)
        return await asyncio.wait_for(client.done, 60)

    ended = await asyncio.gather(*(one() for _ in range(streams)), return_exceptions=True)
    print(
        json.dumps(
            {
                "streams": streams,
                "errors": sum(result is not True for result in ended),
                "deltas": len(delays),
                "delay_p50_us": percentile(delays, 0.5),
                "delay_p99_us": percentile(delays, 0.99),
                "first_p50_us": percentile(firsts, 0.5),
                "first_p99_us": percentile(firsts, 0.99),
            }
        )
    )


if __name__ == "__main__":
    uvloop.run(main())
