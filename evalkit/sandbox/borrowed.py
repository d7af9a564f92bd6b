"""Starts bubblewrap as nobody with folders that only the superuser can reach.

Runs standalone under ``python -I -S`` as the superuser and imports nothing of evalkit. In a mount
namespace of its own it binds each folder below an empty one, so that nobody reaches these folders
and nothing beside them. Then it gives up its rights and executes bubblewrap, which makes the
folders read-only. The settings are JSON in the first argument.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any

_NEWNS = 0x00020000
_NOSUID, _NODEV, _BIND, _REC, _PRIVATE = 2, 4, 4096, 16384, 1 << 18
_LIBC = ctypes.CDLL(None, use_errno=True)


def main(settings: dict[str, Any]) -> None:
    """Bind the folders, become nobody and execute the command."""
    root, nobody = settings["root"], settings["nobody"]
    _call("unshare", _NEWNS)
    _call("mount", "none", "/", None, _REC | _PRIVATE, None)
    _call("mount", "tmpfs", root, "tmpfs", _NOSUID | _NODEV, b"size=1m,mode=755")
    for source, target in settings["folders"]:
        os.mkdir(target)
        _call("mount", source, target, None, _BIND | _REC, None)
    os.setgroups([])
    os.setresgid(nobody, nobody, nobody)
    os.setresuid(nobody, nobody, nobody)
    os.chdir("/")
    os.execvp(settings["command"][0], settings["command"])


def _call(name: str, *arguments: Any) -> None:
    passed = [os.fsencode(a) if isinstance(a, str) else a for a in arguments]
    if getattr(_LIBC, name)(*passed) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
