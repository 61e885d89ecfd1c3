"""Entries are whole or absent, made by one process while others wait, and made again where they are damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kinj.data import shared
from kinj.data.shared import Store, link_tree


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "POLL_SECONDS", 0.01)


def put(store: Store, name: str, text: str = "made") -> None:
    with store.put(name) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text(text)


def test_an_entry_is_what_was_put(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.get("one") is None
    put(store, "one")
    entry = store.get("one")
    assert entry is not None
    assert (entry / "deep" / "file").read_text() == "made"
    with pytest.raises(OSError):
        put(store, "one", "otherwise")
    assert (entry / "deep" / "file").read_text() == "made"


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    filling = store.put("one")
    (filling.__enter__() / "file").write_text("half")
    assert filling.__exit__(RuntimeError, RuntimeError(), None) is not True
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["edited", "removed", "added", "unlisted"])
def test_a_damaged_entry_is_removed(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    put(store, "one")
    file = tmp_path / "one" / "deep" / "file"
    if damage == "edited":
        file.write_text("madE")
    elif damage == "removed":
        file.unlink()
    elif damage == "added":
        (tmp_path / "one" / "more").write_text("")
    else:
        (tmp_path / "one" / shared.CHECKSUMS).unlink()
    assert store.get("one") is None
    put(store, "one")
    assert store.get("one") is not None


def test_one_makes_and_another_waits(tmp_path: Path) -> None:
    store = Store(tmp_path)
    claim = store.obtain("one", "first", str)
    assert claim is not None
    assert not isinstance(claim, Path)
    assert store.claim("one", "second") is None
    told: list[str] = []

    def make(maker: str) -> object:
        if not told:
            put(store, "one")
            claim.close()
        told.append(maker)
        return None

    assert store.obtain("one", "second", make) == tmp_path / "one"
    assert told == ["first"]


def test_who_gives_no_sign_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PATIENCE_SECONDS", 0.05)
    store = Store(tmp_path)
    with store.claim("one", "stuck"):  # type: ignore[union-attr]  # nobody else has it
        assert store.obtain("one", "second", str) is None


def test_who_gives_signs_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "PATIENCE_SECONDS", 0.05)
    store = Store(tmp_path)
    claim = store.claim("one", "slow")
    assert claim is not None
    signs = iter(range(30))  # for six times as long as somebody who gives none

    def sign(_: str) -> int:
        number = next(signs, None)
        if number is None:
            claim.close()
        return number or -1

    found = store.obtain("one", "second", sign)
    assert found is not None
    assert not isinstance(found, Path)


KILLED = """
import os, signal, sys
from pathlib import Path
from kinj.data.shared import Store
store = Store(Path(sys.argv[1]))
claim = store.claim("one", "first")
with store.put("one") as folder:
    (folder / "file").write_text("half")
    print("putting", flush=True)
    sys.stdin.read()
"""


def test_a_kill_leaves_no_half_entry_and_no_claim(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "putting\n"
        assert store.claim("one", "second") is None
        found: list[object] = []
        waiting = threading.Thread(target=lambda: found.append(store.obtain("one", "second", str)))
        waiting.start()
        os.kill(process.pid, signal.SIGKILL)
        waiting.join()
    assert store.get("one") is None
    assert not isinstance(found[0], Path | None)  # the right to make it
    assert any(path.name.startswith(".one.tmp-") for path in tmp_path.iterdir())
    store.remove("*")
    assert not tmp_path.exists()


def test_links_take_no_room_and_are_copies_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(Store(tmp_path), "one")
    link_tree(tmp_path / "one", tmp_path / "linked")
    assert (tmp_path / "linked" / "deep" / "file").samefile(tmp_path / "one" / "deep" / "file")

    def refuse(*_: object) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(os, "link", refuse)
    link_tree(tmp_path / "one", tmp_path / "copied")
    assert (tmp_path / "copied" / "deep" / "file").read_text() == "made"
    assert not (tmp_path / "copied" / "deep" / "file").samefile(tmp_path / "one" / "deep" / "file")
