"""What the daemon tells a gateway over the life pipe, one JSON object per line; the pipe's end says that it died."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, ValidationError


class OrderType(StrEnum):
    """The kinds of order."""

    HAND_OVER = "hand-over"  # let go of listener and database, let the streams end
    TAKE_OVER = "take-over"  # to a gateway that was started to wait for it
    ENDED = "ended"  # a generation that drained has ended


class Order(BaseModel):
    """One order. `living` belongs to `TAKE_OVER`: the older generations that still drain; `generation` to `ENDED`."""

    model_config = ConfigDict(frozen=True)

    type: OrderType
    generation: int = 0
    living: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The line to write, newline included; one `write` of it to a pipe is atomic."""
        return self.model_dump_json(exclude_defaults=True).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Order | None":
        """The order in a line; None for what is none, so that a newer daemon cannot upset an older gateway."""
        try:
            return cls.model_validate_json(line)
        except ValidationError:
            return None
