"""The interpreter, the packages, the limits and the clock of this machine."""

import platform
import resource
import sqlite3
import sys
import time
from collections.abc import Iterator
from importlib import metadata

from conduit_tui.doctor.check import Check, fail, ok, warn

PYTHON_FLOOR = (3, 11, 4)  # the first 3.11 whose tarfile has extraction filters (CVE-2007-4559)
SQLITE_FLOOR = (3, 51, 3)  # before it, two writing processes could corrupt a write-ahead log
DESCRIPTORS = 1024
RELEASED = 1_764_547_200  # 2025-12-01, in seconds since the epoch: no clock that is right shows less


def machine() -> Iterator[Check]:
    """Everything that can be told without a file or a network."""
    yield python(sys.version_info[:3])
    yield sqlite(sqlite3.sqlite_version_info)
    yield packages()
    yield regular_expressions()
    yield descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield clock(time.time())


def python(version: tuple[int, ...]) -> Check:
    shown = f"{platform.python_implementation()} {'.'.join(map(str, version))}"
    if version < PYTHON_FLOOR:
        return warn("python", shown, "3.11.4 and later have security fixes that this one lacks: upgrade")
    return ok("python", shown)


def sqlite(version: tuple[int, ...]) -> Check:
    shown = ".".join(map(str, version))
    if version < SQLITE_FLOOR:
        return warn(
            "sqlite",
            f"{shown}: before 3.51.3 two processes that write one database can corrupt it",
            "the writer's lock lets only one write; never open conduit.db for writing with another program",
        )
    return ok("sqlite", shown)


def packages() -> Check:
    """Whether what is installed is within the ranges that this version was tested with."""
    from packaging.requirements import Requirement

    wrong = []
    for requirement in map(Requirement, metadata.requires("conduit-tui") or ()):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} (wants {requirement.specifier})")
    if wrong:
        return fail("packages", ", ".join(wrong), "install conduit-tui again: `pip install --upgrade conduit-tui`")
    return ok("packages", f"conduit-tui {metadata.version('conduit-tui')}, dependencies within their ranges")


def regular_expressions() -> Check:
    try:
        import re2  # noqa: F401
    except ImportError:
        return warn("re2", "not installed: rules with `matches` are refused", "`pip install google-re2`")
    return ok("re2", f"google-re2 {metadata.version('google-re2')}")


def descriptors(limit: int) -> Check:
    if limit == resource.RLIM_INFINITY:
        return ok("open files", "no limit")
    if limit < DESCRIPTORS:
        return warn(
            "open files", f"at most {limit}, so at most {max(0, limit - 64) // 2} connections", "`ulimit -n 4096`"
        )
    return ok("open files", f"at most {limit:,}")


def clock(now: float) -> Check:
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < RELEASED:
        return fail("clock", f"{shown}: that is past", "set the clock; days and months of budgets go by it")
    return ok("clock", shown)
