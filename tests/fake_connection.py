"""One client connection of the fake provider: requests in, scripted answers out, byte by byte."""

import asyncio
import hashlib
import socket
import struct
import time
from http import HTTPStatus
from typing import Any

import fake_answers
import fake_bending
from fake_records import Provider, Record, Spec

HEAD_END = b"\r\n\r\n"
REASONS = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


class ClientLeft(Exception):
    """The client closed the connection."""


class Cut(Exception):
    """The script cut the connection."""


class Connection(asyncio.Protocol):
    """One client connection: requests in, scripted answers out."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.buffer = bytearray()
        self.news = asyncio.Event()
        self.writable = asyncio.Event()
        self.left = asyncio.Event()
        self.left_at = 0.0
        self.wire_left: int | None = None
        self.segments: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.writable.set()
        self.provider.counts["open"] += 1
        self.provider.counts["accepted"] += 1
        self.number = self.provider.counts["accepted"]
        self.task = asyncio.get_running_loop().create_task(self.serve())

    def data_received(self, data: bytes) -> None:
        if not self.buffer:
            self.began_at = time.monotonic()
        self.buffer += data
        self.news.set()

    def eof_received(self) -> bool:
        self.gone()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.provider.counts["open"] -= 1
        self.gone()

    def gone(self) -> None:
        self.left_at = self.left_at or time.monotonic()
        self.left.set()
        self.news.set()
        self.writable.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    async def serve(self) -> None:
        try:
            while True:
                record = await self.read_head()
                if record.target.startswith("/_"):
                    record.body = await self.read_body(record)
                    status, body = self.provider.control(record)
                    self.transport.write(
                        b"HTTP/1.1 %d Control\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body
                    )
                elif not await self.exchange(record):
                    break
        except ClientLeft:
            pass
        except (ValueError, IndexError):
            self.provider.counts["malformed"] += 1
        finally:
            self.transport.close()

    async def exchange(self, record: Record) -> bool:
        """Answer one request; says whether the connection goes on."""
        counts = self.provider.counts
        self.provider.began(record)
        try:
            early = self.provider.answers_early(record)
            if not early:
                record.body = await self.read_body(record)
            spec = self.provider.script_for(record)
            await self.send(record, spec)
            record.outcome = "answered"
            if early:
                record.body = await self.read_body(record)
            return not (spec.get("close") or spec.get("drop") or spec.get("framing") == "close")
        except Cut:
            record.outcome = "cut"
            return False
        except ClientLeft:
            record.outcome, record.client_left_at = "client-left", self.left_at
            raise
        finally:
            record.finished_at = time.monotonic()
            counts["active"] -= 1

    async def read_head(self) -> Record:
        while (end := self.buffer.find(HEAD_END)) < 0:
            await self.more()
        head = bytes(self.buffer[: end + len(HEAD_END)])
        del self.buffer[: end + len(HEAD_END)]
        request_line, *lines = head[:end].decode("latin-1").split("\r\n")
        method, target, _ = request_line.split(" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        self.provider.counts["requests"] += 1
        return Record(self.provider.counts["requests"], self.number, method, target, head, headers, self.began_at)

    async def read_body(self, record: Record) -> bytes:
        if record.header("expect").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if record.header("transfer-encoding").lower() == "chunked":
            body = await self.read_chunked()
        else:
            body = await self.take(int(record.header("content-length") or 0))
        record.body_at = time.monotonic()
        return body

    async def read_chunked(self) -> bytes:
        body = b""
        while size := int((await self.line()).split(b";")[0], 16):
            body += await self.take(size)
            await self.take(2)
        while await self.line():
            pass
        return body

    async def line(self) -> bytes:
        while (end := self.buffer.find(b"\r\n")) < 0:
            await self.more()
        return (await self.take(end + 2))[:-2]

    async def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self.more()
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    async def more(self) -> None:
        self.news.clear()
        if self.left.is_set():
            raise ClientLeft
        await self.news.wait()

    async def send(self, record: Record, spec: Spec) -> None:
        """Send the answer as its script says."""
        cut = spec.get("cut", {})
        self.wire_left, self.segments = cut.get("wire"), spec.get("segments")
        headers = {name.lower(): value for name, value in record.headers}
        await self.pause(spec.get("ttft", 0))
        if spec.get("hang") == "before":
            await self.pause(None)
        for status, lines in spec.get("informational", ()):
            await self.write(record, spec, _head(status, lines))
        if "raw_wire" in spec:
            await self.write(record, spec, spec["raw_wire"].encode("latin-1"))
            return
        answer = fake_answers.answer(spec, record.method, record.target, headers, record.body, record.number)
        record.status = answer.status
        pieces, framing = answer.pieces, spec.get("framing") or ("chunked" if answer.stream else "length")
        lines = answer.headers
        if "encoding" in spec:
            lines = [*lines, ("content-encoding", spec["encoding"])]
            pieces = list(fake_bending.compress(pieces, spec["encoding"]))
        if spec.get("chunks", "event") != "event":
            pieces = list(fake_bending.split(b"".join(pieces), spec["chunks"]))
        if framing == "chunked":
            lines = [*lines, ("transfer-encoding", "chunked")]
        elif framing == "length":
            lines = [*lines, ("content-length", str(sum(map(len, pieces))))]
        if spec.get("close") or framing == "close":
            lines = [*lines, ("connection", "close")]
        await self.write(record, spec, _head(answer.status, lines))
        await self.send_body(record, spec, pieces, chunked=framing == "chunked")

    async def send_body(self, record: Record, spec: Spec, pieces: list[bytes], *, chunked: bool) -> None:
        cut, stall, digest = spec.get("cut", {}), spec.get("stall", {}), hashlib.sha256()
        hang = 0 if spec.get("hang") == "head" else spec.get("hang")
        for index, piece in enumerate(pieces):
            if index == cut.get("pieces"):
                await self.cut(spec)
            if index == hang:
                await self.pause(None)
            if not self.provider.hurries(record):
                await self.pause(spec.get("first_gap" if index == 0 else "gap", 0))
            if index == stall.get("after"):
                until = time.monotonic() + stall["seconds"]
                while time.monotonic() < until and not self.provider.hurries(record):
                    await self.pause(min(0.05, until - time.monotonic()))
            data = piece.replace(b"@MONOTONIC-NANO@", b"%d" % time.monotonic_ns())
            if "body" in cut and record.answer_bytes + len(data) > cut["body"]:
                data = data[: cut["body"] - record.answer_bytes]
                await self.write(record, spec, b"%x\r\n%b" % (len(piece), data) if chunked else data)
                await self.cut(spec)
            digest.update(data)
            await self.write(record, spec, b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            record.answer_bytes += len(data)
            record.answer_sha256 = digest.hexdigest()
        if cut.get("pieces", -1) >= len(pieces) or "body" in cut:
            await self.cut(spec)
        if chunked:
            await self.write(record, spec, b"0\r\n\r\n")

    async def write(self, record: Record, spec: Spec, data: bytes) -> None:
        for segment in fake_bending.split(data, self.segments):
            if self.left.is_set():
                raise ClientLeft
            if self.wire_left is not None:
                segment = segment[: self.wire_left]
                self.wire_left -= len(segment)
            record.first_byte_at = record.first_byte_at or time.monotonic()
            record.wire_bytes += len(segment)
            self.transport.write(segment)
            if self.wire_left == 0:
                await self.cut(spec)
            if self.segments is not None:
                await asyncio.sleep(0)
            await self.writable.wait()

    async def cut(self, spec: Spec) -> None:
        """Let what was written go out, then close as the script says."""
        while self.transport.get_write_buffer_size() and not self.left.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if spec["cut"].get("how", "fin") == "rst":
            await asyncio.sleep(0.02)  # the data before the reset, not instead of it
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        raise Cut

    async def pause(self, seconds: float | None) -> None:
        """Wait, for ever if there is no number, unless the client leaves."""
        if seconds == 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.left.wait()
        except TimeoutError:
            return
        raise ClientLeft


def _head(status: int, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
