"""What a daemon takes along when it executes another program in its place: the same process, perhaps a newer version.

Descriptors stay open, children stay children, and the loop's clock goes on.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from conduit_tui.domain.processes import ProcessStatus
from conduit_tui.paths import StateDir

VARIABLE = "CONDUIT_RESUME"  # the descriptor of the file that holds it
FORMAT = 1


class Resumption(BaseModel):
    """How things stood. `life` and `retiring` are generations as they carry themselves."""

    model_config = ConfigDict(frozen=True)

    status: ProcessStatus
    wanted: bool
    life: dict[str, Any] | None
    retiring: list[dict[str, Any]]

    @property
    def descriptors(self) -> list[int]:
        """The ends of the gateways' pipes."""
        processes = [one["process"] for one in (*self.retiring, *([self.life] if self.life else []))]
        return [process[end] for process in processes for end in ("report", "life", "output") if process[end] >= 0]


class Carriage(BaseModel):
    """All that goes over. `format` tells whether the next program understands it."""

    format: int = FORMAT
    listener: int
    lock: int
    detached: bool
    resumption: Resumption


def execute(
    carriage: Carriage, program: str, arguments: Sequence[str], environment: Mapping[str, str], state_dir: StateDir
) -> None:
    """Execute a program in the place of this one. Returns only by OSError; then all is as it was before."""
    path = state_dir.root / f"resume.{os.getpid()}"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    kept = [carriage.listener, carriage.lock, descriptor, *carriage.resumption.descriptors]
    try:
        path.unlink()
        os.write(descriptor, carriage.model_dump_json().encode())
        os.lseek(descriptor, 0, os.SEEK_SET)
        for one in kept:
            os.set_inheritable(one, True)
        os.execve(program, [program, *arguments], {**environment, VARIABLE: str(descriptor)})  # noqa: S606
    finally:
        for one in kept:
            os.set_inheritable(one, False)
        os.close(descriptor)


def received() -> Carriage | None:
    """What the program before this one left, if this one was executed in its place. Raises ValueError."""
    given = os.environ.pop(VARIABLE, "")
    if not given.isdecimal():
        return None
    with os.fdopen(int(given), "rb") as file:
        try:
            carriage = Carriage.model_validate_json(file.read())
        except ValidationError as error:
            raise ValueError(f"what the daemon before this one left cannot be read: {error}") from None
    for one in (carriage.listener, carriage.lock, *carriage.resumption.descriptors):
        os.set_inheritable(one, False)
    return carriage
