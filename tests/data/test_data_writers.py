"""Files appear whole or not at all, whatever goes wrong."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kinj.config.errors import KinjError, UsageError
from kinj.data.files import atomic_folder, atomic_open, atomic_write, write_records
from kinj.data.records import Document
from kinj.data.rejects import Place, Rejects
from kinj.data.writers import is_leftover, to_json


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    atomic_write(path, "one é")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["a.txt"]


def test_permissions_are_the_usual_ones(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    atomic_write(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("x")])
def test_nothing_changes_when_writing_breaks_off(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old")

    def records() -> Iterator[Document]:
        yield Document(id="1", text="a")
        raise error

    with pytest.raises(type(error)):
        write_records(path, records())
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_disk_full_names_the_path_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def records() -> Iterator[Document]:
        yield Document(id="1", text="new")
        if step == "write":
            full()

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KinjError, match=r"a\.txt could not be written: the disk is full") as caught:
        write_records(path, records())
    assert "free some room" in caught.value.hint
    assert caught.value.exit_code == 1
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_disk_full_for_real() -> None:
    """/dev/full behaves like a full disk; a record file cannot be renamed over it, so only the writing is tried."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    rejects = Rejects("skip", "/dev", "full")
    with pytest.raises(KinjError, match="/dev/full could not be written: the disk is full"):
        rejects.reject(Place("a", 1), "is bad", "x")


def test_unwritable_places_are_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot be written: (Not a directory|File exists)"):
        atomic_write(tmp_path / "file" / "below", "x")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(UsageError, match="folder cannot be written: Is a directory"):
        atomic_write(tmp_path / "folder", "x")
    assert names(tmp_path) == ["file", "folder"]


def test_other_errors_of_the_source_pass_through(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_open(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "not the output's fault")
    assert names(tmp_path) == []


def test_a_full_disk_that_a_library_in_rust_met_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught, atomic_folder(tmp_path / "a"):
        raise Exception("No space left on device (os error 28)")
    assert caught.value.errno == errno.ENOSPC
    assert names(tmp_path) == []


def test_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "checkpoints" / "step-000001"
    with atomic_folder(target) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "a").write_text("x")
        assert not target.exists()
        assert is_leftover(folder)
    assert (target / "inner" / "a").read_text() == "x"
    assert names(target.parent) == ["step-000001"]


def test_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted() -> None:
        with atomic_folder(tmp_path / "a") as folder:
            (folder / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == []
    (tmp_path / "a").mkdir()
    with pytest.raises(FileExistsError), atomic_folder(tmp_path / "a"):
        pass


def test_leftovers_are_told_from_files_of_the_user() -> None:
    assert is_leftover(Path(".a.json.tmp-12-0"))
    assert not any(is_leftover(Path(name)) for name in ("a.tmp", ".tmp-1-0", "x.a.tmp-12-0", ".a.tmp-x-1"))


def test_numbers_that_are_not_finite_become_null() -> None:
    assert to_json({"a": float("nan"), "b": [float("inf")], 1: Path("x")}) == b'{"a":null,"b":[null],"1":"x"}'
