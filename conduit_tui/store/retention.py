"""What is deleted by age: captured texts, usage rows, and early those of projects that want no usage analytics."""

import sqlite3

from conduit_tui.domain.projects import CAPTURE_DAYS, Project
from conduit_tui.store import settings
from conduit_tui.store.rollups import BUCKET_MS, DAY_MS

BATCH = 250  # rows of one transaction: whoever wants to write waits some milliseconds for it


class CaptureAge:
    """Which captured texts are too old at an instant, by their projects' `capture_days`."""

    def __init__(self, projects: list[Project], now: int) -> None:
        self._oldest = {project.name: now - project.config.capture_days * DAY_MS for project in projects}
        self._otherwise = now - CAPTURE_DAYS * DAY_MS
        self.stays_after = max([self._otherwise, *self._oldest.values()])  # nothing younger can be too old

    def too_old(self, project: str, created_at: int) -> bool:
        """Whether a project's text from this instant goes."""
        return created_at < self._oldest.get(project, self._otherwise)


def without_rows(projects: list[Project]) -> list[str]:
    """The projects whose rows are kept for a day only."""
    return [project.name for project in projects if not project.config.features.usage_analytics]


def usage_span(connection: sqlite3.Connection, project: str, until: int) -> tuple[int, int]:
    """After which id and up to which one the project's rows lie that are older than `until` and not deleted yet."""
    done = settings.get(connection, _mark(project), 0)
    first, last = connection.execute(
        "SELECT coalesce(min(first_usage_id), 1), coalesce(max(last_usage_id), 0) FROM usage_rollup "
        "WHERE project = ? AND bucket > ? - ? AND bucket < ?",
        (project, done, BUCKET_MS, until),
    ).fetchone()
    return first - 1, last


def delete_usage(
    connection: sqlite3.Connection, project: str, until: int, after_id: int, last_id: int
) -> tuple[int, int]:
    """Delete the next rows of a span; up to which id it has come, and how many are gone."""
    upto = min(after_id + BATCH, last_id)
    gone = connection.execute(
        "DELETE FROM usage WHERE id > ? AND id <= ? AND project = ? AND created_at < ?",
        (after_id, upto, project, until),
    ).rowcount
    return upto, gone


def usage_deleted(connection: sqlite3.Connection, project: str, until: int) -> None:
    """Note that nothing of the project is left from before this instant."""
    settings.put(connection, _mark(project), until)


def _mark(project: str) -> str:
    return f"usage-deleted:{project}"
