"""Writes the files that users ask for: whole, or not at all.

A file is written beside its place and moved there when it is complete, so that a full disk or a
crash leaves the one that was there. Links are followed, permissions stay. What is no regular file
(a pipe, ``/dev/stdout``) is written to directly.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path


def write_file(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a whole file, text as UTF-8; a missing folder is created.

    Raises OSError with ``path`` as its file name. The file that was there is then unchanged.
    """
    data = content.encode() if isinstance(content, str) else content
    with _naming(path):
        target, found = _place(path)
        if target is None:
            _write_directly(path, data)
        else:
            _replace(target, data, found)


def append_file(path: str | os.PathLike[str], content: str) -> None:
    """Append a text to a file, as UTF-8: all of it or nothing. Raises OSError as ``write_file``.

    The file stays the same one: others may have it open to append to it as well.
    """
    data = content.encode()
    with _naming(path):
        target, _ = _place(path)
        if target is None:
            _write_directly(path, data)
            return
        with open(target, "ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            with _undoing(file.fileno(), size):
                _write_all(file.fileno(), data)


@contextlib.contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Errors name the file that was asked for, not the one beside it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and Path(path).is_file():
            reason += " (the file that was there is unchanged)"
        raise OSError(error.errno or errno.EIO, reason, os.fspath(path)) from error


def _place(path: str | os.PathLike[str]) -> tuple[Path | None, os.stat_result | None]:
    """Where the file is, links followed, and its status; None for what is no regular file."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target, None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder; expected a file", os.fspath(path))
    if not stat.S_ISREG(found.st_mode) or _descriptor(path) is not None:
        return None, found
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
    return Path(os.path.realpath(path)), found


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """The number of the open file that a path such as ``/dev/stdout`` stands for."""
    place = os.path.abspath(path)
    for _ in range(40):
        folder, name = os.path.split(place)
        folder = os.path.realpath(folder)
        if re.fullmatch(r"/dev/fd|/proc/\d+/fd", folder) and name.isdigit():
            own = folder == "/dev/fd" or int(folder.split("/")[2]) == os.getpid()
            return int(name) if own else None
        if not os.path.islink(place):
            return None
        place = os.path.join(folder, os.readlink(place))
    return None


def _write_directly(path: str | os.PathLike[str], data: bytes) -> None:
    number = _descriptor(path)
    if number is None:
        with open(path, "wb", buffering=0) as file:
            _write_all(file.fileno(), data)
        return
    # The open file itself: what is printed before and after keeps its place.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.flush()
    _write_all(number, data)


def _replace(target: Path, data: bytes, found: os.stat_result | None) -> None:
    beside = target.with_name(f".evalkit-{uuid.uuid4().hex}.tmp")
    try:
        number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError:
        if found is None:
            raise
        _overwrite(target, data)  # the folder may not be written to, but the file may
        return
    try:
        try:
            _write_all(number, data)
            if found is not None:
                _keep_permissions(number, found)
            os.fsync(number)
        finally:
            os.close(number)
        try:
            os.replace(beside, target)
        except OSError as error:
            if found is None or error.errno not in (errno.EBUSY, errno.EPERM, errno.EXDEV):
                raise
            _overwrite(target, data)  # something is mounted here
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)


def _keep_permissions(number: int, found: os.stat_result) -> None:
    made = os.fstat(number)
    if hasattr(os, "fchown") and (made.st_uid, made.st_gid) != (found.st_uid, found.st_gid):
        with contextlib.suppress(OSError):
            os.fchown(number, found.st_uid, found.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(number, stat.S_IMODE(found.st_mode))


def _overwrite(target: Path, data: bytes) -> None:
    """Write into a file that cannot be replaced, once there is room for the new content."""
    with open(target, "r+b", buffering=0) as file:
        number = file.fileno()
        size = os.fstat(number).st_size
        with _undoing(number, size):
            if hasattr(os, "posix_fallocate") and len(data) > size:
                os.posix_fallocate(number, size, len(data) - size)
        _write_all(number, data)
        os.ftruncate(number, len(data))


@contextlib.contextmanager
def _undoing(number: int, size: int) -> Iterator[None]:
    """Cut an open file back to its size if it could not be extended."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(number, size)
        raise


def _write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]
