"""A provider of paced streams: every delta carries the instant it was sent, on the machine's monotonic clock.

    python stream_provider.py PORT DELTAS GAP_MS

Answers any POST with an Anthropic stream. The event loop is uvloop, so that the provider is not what is measured.
"""

import asyncio
import sys
import time
from typing import cast

import uvloop

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
    b'"model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":512,'
    b'"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}\n\n'
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text",'
    b'"text":""}}\n\n'
)
STOP = (
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\nevent: message_delta\ndata: '
    b'{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":%d}}'
    b'\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n'
)
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
    b'"text":"t=%d and some words"}}\n\n'
)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Stream(asyncio.Protocol):
    """One connection; requests are told apart by their content-length only."""

    def __init__(self, deltas: int, gap: float) -> None:
        self.deltas, self.gap = deltas, gap
        self.loop = asyncio.get_running_loop()
        self.waiting = b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, error: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        head, found, rest = self.waiting.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 : (lower + b"\r\n").find(b"\r\n", at)]) if at >= 0 else 0
        if len(rest) < length:
            return
        self.waiting = rest[length:]
        self.transport.write(HEAD + chunk(START))
        self.step(0, self.loop.time())

    def step(self, sent: int, due: float) -> None:
        if sent == self.deltas:
            self.transport.write(chunk(STOP % self.deltas) + b"0\r\n\r\n")
            return
        self.transport.write(chunk(DELTA % time.monotonic_ns()))
        self.timer = self.loop.call_at(due + self.gap, self.step, sent + 1, due + self.gap)


async def main() -> None:
    port, deltas, gap = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stream(deltas, gap), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
