"""The database's files: private from their first moment, on a disk that can hold a write-ahead log."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from conduit_tui.store.interface import StoreError

_NETWORK_FILE_SYSTEMS = {
    "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.sshfs", "gfs2", "glusterfs", "fuse.glusterfs", "gpfs",
    "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs", "webdav",
}  # fmt: skip


def create_private(path: Path) -> None:
    """Make sure that the database file exists and that it and its companions are this user's alone (0600).

    SQLite gives the -wal and -shm files that it creates the mode of the database file. Raises OSError; a symbolic link
    in the file's place is refused.
    """
    for suffix in ("", "-wal", "-shm"):
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (0 if suffix else os.O_CREAT)
        try:
            descriptor = os.open(f"{path}{suffix}", flags, 0o600)
        except FileNotFoundError:
            if suffix:
                continue
            raise
        try:
            if stat.S_IMODE(os.fstat(descriptor).st_mode) != 0o600:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


def refuse_network_file_system(path: Path) -> None:
    """Raise StoreError where several machines could share the file: a write-ahead log needs shared memory."""
    if kind := network_file_system(path.parent.resolve(), _mounts()):
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where SQLite cannot work safely; "
            "use a local directory as --state-dir"
        )


def network_file_system(folder: Path, mounts: Iterable[tuple[str, str]]) -> str | None:
    """The kind of network file system that holds `folder`, or None. `mounts` are mount points and their kinds."""
    holding = [(mount, kind) for mount, kind in mounts if folder.is_relative_to(mount)]
    if not holding:
        return None
    _, kind = max(holding, key=lambda entry: len(entry[0]))
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


def _mounts() -> Iterator[tuple[str, str]]:
    if sys.platform == "linux":
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                _, mount, kind, *_ = line.split(" ")
                yield mount.replace("\\040", " "), kind
    else:
        import psutil  # not needed on Linux, where it would cost start time

        for partition in psutil.disk_partitions(all=True):
            yield partition.mountpoint, partition.fstype
