"""Files that users ask for are written whole or not at all."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.cli import main
from evalkit.files import append_file, write_file
from evalkit.judging.certificate import file_name, write_certificate
from evalkit.reporting import tables
from evalkit.reporting.document import write_json
from evalkit.reporting.export import write_table
from evalkit.reporting.html import write_html
from evalkit.reporting.markdown import append_summary, write_markdown
from tests.judging.test_certificate import certificate
from tests.reporting.runs import full_run

OLD = "what was there\n"
NEW = "x" * 100_000
Write = Callable[[Path, str], None]


@contextmanager
def small_disk() -> Iterator[None]:
    """No file can grow beyond a few hundred bytes, as on a full disk.

    Only around the call under test: pytest's own output may be a file too.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("write", [write_file, append_file])
def test_what_does_not_fit_leaves_the_old_file_whole(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "report.html"
    path.write_text(OLD)
    unchanged = r"\(the file that was there is unchanged\)"
    with small_disk(), pytest.raises(OSError, match=unchanged) as caught:
        write(path, NEW)
    assert caught.value.filename == str(path)
    assert path.read_text() == OLD
    assert os.listdir(tmp_path) == ["report.html"]


def test_a_new_file_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(), pytest.raises(OSError, match=r"report\.html"):
        write_file(tmp_path / "report.html", NEW)
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text(OLD)

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_file(path, NEW)
    assert path.read_text() == OLD
    assert os.listdir(tmp_path) == ["report.html"]


def test_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(OLD)
    path.chmod(0o640)
    write_file(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    mask = os.umask(0o027)
    try:
        write_file(tmp_path / "folder" / "new.html", NEW)
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "folder" / "new.html").stat().st_mode) == 0o640


def test_links_are_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "report.html", tmp_path / "report.html"
    link.symlink_to(Path("real") / "report.html")
    write_file(link, OLD)  # the folder does not exist yet
    write_file(link, NEW)
    assert link.is_symlink()
    assert real.read_text() == NEW


def test_a_folder_is_refused(tmp_path: Path) -> None:
    for write in (write_file, append_file):
        with pytest.raises(IsADirectoryError, match="is a folder; expected a file"):
            write(tmp_path, NEW)


def test_a_file_that_cannot_be_replaced_is_written_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the folder is read-only, or something is mounted at the file."""
    path = tmp_path / "report.html"
    path.write_text(OLD)
    number = path.stat().st_ino

    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    write_file(path, NEW)
    assert path.read_text() == NEW
    write_file(path, OLD)
    assert (path.read_text(), path.stat().st_ino) == (OLD, number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
    try:
        with pytest.raises(OSError, match="unchanged"):
            write_file(path, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert path.read_text() == OLD


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "report.html"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_file(pipe, NEW)
    reader.join()
    assert read == [NEW]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("to", ["pipe", "file"])
def test_dev_stdout_is_the_output_itself(tmp_path: Path, to: str) -> None:
    script = """
        from evalkit.files import append_file, write_file
        print("before")
        write_file("/dev/stdout", "written\\n")
        append_file("/dev/fd/1", "appended\\n")
        print("after")
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    if to == "pipe":
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    else:
        with (tmp_path / "out").open("w") as out:
            subprocess.run(command, check=True, stdout=out)
        text = (tmp_path / "out").read_text()
    assert text == "before\nwritten\nappended\nafter\n"


def test_a_full_device_is_named() -> None:
    with pytest.raises(OSError, match=r"No space left on device: '/dev/full'"):
        write_file("/dev/full", NEW)


def _table(path: Path) -> None:
    write_table(tables.scores(full_run(20)), path)


def _certificate(path: Path) -> None:
    made = write_certificate(certificate(), path.parent)
    assert made == path


OUTPUTS: dict[str, Callable[[Path], object]] = {
    "report.html": lambda path: write_html(full_run(20), path),
    "run.json": lambda path: write_json(full_run(20), path),
    "summary.md": lambda path: write_markdown(full_run(20), path),
    "step-summary": lambda path: append_summary(full_run(20), path),
    "scores.csv": _table,
    "scores.json": _table,
    "scores.parquet": _table,
    file_name(certificate()): _certificate,
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_leaves_the_old_one_whole_on_a_full_disk(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(OLD)
    with small_disk(), pytest.raises(OSError, match="unchanged") as caught:
        OUTPUTS[name](path)
    assert caught.value.filename == str(path)
    assert path.read_text() == OLD
    assert os.listdir(tmp_path) == [name]


def test_a_command_names_the_file_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        write_json(replace(full_run(20), id=name), tmp_path / f"{name}.json")
    monkeypatch.chdir(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for option in ("--json", "--markdown"):
        Path("kept").write_text(OLD)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            assert main(["compare", "a.json", "b.json", option, "kept"]) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "kept: " in capsys.readouterr().err
        assert Path("kept").read_text() == OLD
