"""The state directory: whose it is, who can read it, on which disk it lies, and whether its database opens."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from conduit_tui.config.errors import ConfigError
from conduit_tui.config.file import load_whole
from conduit_tui.doctor.check import Check, Verdict, fail, ok, warn
from conduit_tui.paths import StateDir
from conduit_tui.store.files import refuse_network_file_system
from conduit_tui.store.interface import StoreError
from conduit_tui.store.migrate import SCHEMA, check_schema

LEAST_BYTES = 100_000_000
FEW_BYTES = 1_000_000_000
CHECKED_BYTES = 200_000_000  # a larger database takes longer to look through than anybody waits


def state(state_dir: StateDir) -> Iterator[Check]:
    """Checks of the directory and, where it can be used, of what lies in it."""
    found = directory(state_dir.root)
    yield found
    if found.verdict is Verdict.FAIL:
        return
    yield file_system(state_dir.database)
    yield space(state_dir.root)
    yield modes(state_dir)
    yield database(state_dir.database)
    yield configuration(state_dir.config)


def directory(root: Path) -> Check:
    try:
        facts = root.lstat()
    except FileNotFoundError:
        return ok("state directory", f"{root} does not exist yet; the first start makes it")
    except OSError as error:
        return fail("state directory", f"{root}: {error.strerror}", "choose another with --state-dir")
    if not stat.S_ISDIR(facts.st_mode):
        return fail("state directory", f"{root} is not a directory", "choose another with --state-dir")
    if facts.st_uid != os.getuid():
        return fail("state directory", f"{root} belongs to uid {facts.st_uid}", "choose another with --state-dir")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        return warn("state directory", f"{root} is open to others", f"`chmod 700 {root}`; the next start does it too")
    return ok("state directory", str(root))


def file_system(database_path: Path) -> Check:
    try:
        refuse_network_file_system(database_path)
    except StoreError as error:
        return fail("file system", str(error), "choose a local directory with --state-dir")
    return ok("file system", "local")


def space(root: Path) -> Check:
    there = root
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    shown = f"{free / 1e9:,.1f} GB free"
    if free < LEAST_BYTES:
        return fail("disk", shown, "make room; without it requests under a limit are refused")
    if free < FEW_BYTES:
        return warn("disk", shown, "make room, or keep requests for fewer days (`retention.usage_days`)")
    return ok("disk", shown)


def modes(state_dir: StateDir) -> Check:
    """Whether others can read a file: all are made 0600, so one that is not was made or changed by somebody else."""
    loose = []
    try:
        for entry in os.scandir(state_dir.root):
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(facts.st_mode) and stat.S_IMODE(facts.st_mode) & 0o077:
                loose.append(entry.name)
    except FileNotFoundError:
        return ok("file modes", "no files yet")
    except OSError as error:
        return fail("file modes", f"cannot be read: {error.strerror}", "the directory must be yours")
    if loose:
        named = " ".join(sorted(loose)[:5])
        return warn("file modes", f"open to others: {named}", f"`chmod 600` them in {state_dir.root}")
    return ok("file modes", "private")


def database(path: Path) -> Check:
    if not path.exists():
        return ok("database", "none yet; the first start makes it")
    size = path.stat().st_size
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1.0)) as connection:
            version = check_schema(connection, path)
            if size <= CHECKED_BYTES:
                (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
                if verdict != "ok":
                    return fail(
                        "database", f"{path} is damaged: {verdict}", "`conduit-tui backup list`, then restore one"
                    )
    except StoreError as error:
        return fail("database", str(error), "see above")
    except sqlite3.Error as error:
        return fail("database", f"{path}: {error}", "`conduit-tui backup list`, then restore one")
    shown = f"{size / 1e6:,.1f} MB, schema {version}"
    if version < SCHEMA:
        return warn("database", f"{shown} of {SCHEMA}", "the next start of the gateway brings it up to date")
    return ok("database", shown)


def configuration(path: Path) -> Check:
    try:
        loaded = load_whole(path)
    except ConfigError as error:
        return fail("config.toml", str(error), "`conduit-tui config check` shows every mistake")
    if loaded.warnings:
        return warn("config.toml", loaded.warnings[0], f"`chmod 600 {path}`")
    return ok("config.toml", "valid" if loaded.text else "none; the defaults hold")
