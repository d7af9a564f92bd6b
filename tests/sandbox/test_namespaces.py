"""In a sandbox there are no files of the user, no network and no privileges."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.sandbox import Limits
from tests.sandbox.programs import FALSE, verdict


@pytest.mark.usefixtures("sandbox")
def test_user_files_are_inaccessible(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    secret.chmod(0o666)
    assert "FileNotFoundError" in verdict(f"open({str(secret)!r}).read()").reason
    assert "FileNotFoundError" in verdict("open('/etc/passwd').read()").reason
    home = str(Path.home() / "evalkit-was-here")
    assert not verdict(f"open({home!r}, 'w').write('x')").passed
    assert not Path(home).exists()
    assert "Read-only" in verdict("open('/usr/evalkit-was-here', 'w')").reason
    escape = (
        "import os\n"
        "for pid in os.listdir('/proc'):\n"
        "    if pid.isdigit():\n"
        f"        for path in ('root' + {str(secret)!r}, 'cwd/../../secret.txt'):\n"
        "            try: open(f'/proc/{pid}/{path}').read()\n"
        "            except OSError: pass\n"
        "            else: print('READ')\n"
        "for fd in range(3, 64):\n"
        "    try: os.stat(f'/proc/self/fd/{fd}/../..')\n"
        "    except OSError: pass\n"
        "    else: print('FOLDER')\n"
    )
    assert verdict(escape).output == ""


@pytest.mark.usefixtures("sandbox")
def test_the_disk_cannot_be_filled() -> None:
    code = "for i in range(100):\n    open(f'f{i}', 'wb').write(bytes(4_000_000))"
    assert "No space left" in verdict(code).reason


@pytest.mark.usefixtures("sandbox")
def test_there_is_no_network() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=2)"
        refused = verdict(code).reason  # by the sandbox's own loopback, if it has one
        assert "unreachable" in refused or "Connection refused" in refused
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
        assert verdict(code, mode="unsafe").passed  # which is why it is called that


@pytest.mark.usefixtures("sandbox")
def test_no_privileges_can_be_gained() -> None:
    code = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "assert os.getuid() != 0\n"
        "assert libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) != 0\n"
        "assert libc.unshare(0x10000000) != 0\n"
        "assert libc.ptrace(16, 1, 0, 0) != 0\n"
        "try: os.kill(1, 9)\nexcept OSError: pass\n"
    )
    assert verdict(code).passed


@pytest.mark.usefixtures("sandbox")
def test_only_the_folder_can_be_written_to() -> None:
    code = (
        "import os\n"
        "wrote = []\n"
        "for folder, _, _ in os.walk('/'):\n"
        "    if folder.startswith(('/tmp', '/proc')): continue\n"
        "    try: open(folder + '/evalkit-was-here', 'w').close()\n"
        "    except OSError: continue\n"
        "    wrote.append(folder)\n"
        "assert not wrote, wrote\n"
        "def answer(): return 42\n"
    )
    assert verdict(code, FALSE, limits=Limits(20)).passed
