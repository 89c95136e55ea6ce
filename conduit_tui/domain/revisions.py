"""The history of a project's configuration."""

from pydantic import BaseModel, ConfigDict


class Revision(BaseModel):
    """A configuration that was saved. `at` is in milliseconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: int
    action: str  # `created`, `saved`, `undone` or `restored`
    changes: tuple[str, ...] = ()  # what changed, in words
    restored: int | None = None  # the revision that an undo or a restore went back to
