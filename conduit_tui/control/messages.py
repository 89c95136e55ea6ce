"""The frames of the control sockets: newline-delimited JSON, the protocol version in the first one."""

import asyncio
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

PROTOCOL = 1
FRAME_LIMIT = 4 * 1024 * 1024  # bytes of one line, the newline included


class FrameError(Exception):
    """What came is no frame of this protocol."""


class _Frame(BaseModel):
    model_config = ConfigDict(frozen=True)


class Hello(_Frame):
    """The first frame in each direction. Its shape is the same in every version of the protocol."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    role: str  # "daemon", "gateway" or "client"
    version: str = ""
    pid: int = 0


class Request(_Frame):
    """Asks for one method; answered by a `Result` or a `Failure` with the same id."""

    type: Literal["request"] = "request"
    id: int
    method: str
    params: dict[str, Any] = {}


class Watch(_Frame):
    """Opens a stream of `Item`s with the same id; closing the connection ends it."""

    type: Literal["watch"] = "watch"
    id: int
    stream: str


class Result(_Frame):
    """What a method returned."""

    type: Literal["result"] = "result"
    id: int
    value: Any = None


class Failure(_Frame):
    """A `ControlError` on the wire; id 0 when it answers no request in particular."""

    type: Literal["failure"] = "failure"
    id: int
    code: str
    message: str
    field: str = ""


class Item(_Frame):
    """One state of a stream. States between two items may have been skipped, the newest never is."""

    type: Literal["item"] = "item"
    id: int
    value: Any = None


class End(_Frame):
    """The stream is over."""

    type: Literal["end"] = "end"
    id: int


Frame = Annotated[Hello | Request | Watch | Result | Failure | Item | End, Field(discriminator="type")]
_frames: TypeAdapter[Hello | Request | Watch | Result | Failure | Item | End] = TypeAdapter(Frame)


def encode(frame: _Frame) -> bytes:
    """One line. Raises FrameError when it would pass `FRAME_LIMIT`."""
    line = frame.model_dump_json(by_alias=True).encode() + b"\n"
    if len(line) > FRAME_LIMIT:
        raise FrameError(f"a frame of {len(line)} bytes passes the limit of {FRAME_LIMIT}")
    return line


def decode(line: bytes) -> Hello | Request | Watch | Result | Failure | Item | End:
    """The frame in one line. Raises FrameError."""
    try:
        return _frames.validate_json(line)
    except ValidationError:
        raise FrameError("not a frame of this protocol") from None


async def read_frame(reader: asyncio.StreamReader) -> Hello | Request | Watch | Result | Failure | Item | End | None:
    """The next frame, None at the end. Raises FrameError; the reader's own limit must be `FRAME_LIMIT`."""
    try:
        line = await reader.readline()
    except ValueError:
        raise FrameError(f"a frame passes the limit of {FRAME_LIMIT} bytes") from None
    except ConnectionError:
        return None
    if not line.endswith(b"\n"):
        return None
    return decode(line)


def mismatch(theirs: Hello) -> str:
    """Why two versions cannot talk, and what to do about it; said by the client."""
    return (
        f"this conduit-tui speaks control protocol {PROTOCOL}, the running {theirs.role} {theirs.protocol}"
        f"{f' (version {theirs.version})' if theirs.version else ''}: restart it with `conduit-tui restart --daemon`"
    )
