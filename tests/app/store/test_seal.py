"""The key that seals: where it comes from, what is refused, and that none is made beside an old
store.
"""

from __future__ import annotations

import asyncio
import base64
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from siptg.app.store import Seal, SealBroken, SqlStore, open_seal

KEY = bytes(range(32))


def test_a_key_from_the_environment_is_hexadecimal_or_base64(tmp_path: Path) -> None:
    sealed = Seal(KEY).close("a", "text")
    for text in (KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode()):
        seal = open_seal(tmp_path / "key", tmp_path / "db", {"SIPTG_KEY": f" {text}\n"})
        assert seal.open("a", sealed) == "text"
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize("text", ["x", KEY.hex()[:-1], "g" * 64, base64.b64encode(b"12").decode()])
def test_what_is_no_key_is_refused_without_being_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(SealBroken, match="64 hexadecimal digits") as broken:
        open_seal(tmp_path / "key", tmp_path / "db", {"SIPTG_KEY": text})
    assert len(text) == 1 or text not in str(broken.value)


def test_a_text_opens_under_its_own_name_only_and_a_changed_one_not_at_all() -> None:
    seal = Seal(KEY)
    sealed = seal.close("a", "text")
    for name, changed in (("b", sealed), ("a", sealed[:-1] + b"x"), ("a", b"short"), ("a", b"")):
        with pytest.raises(SealBroken):
            seal.open(name, changed)


def test_a_key_that_others_may_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "key"
    open_seal(path, tmp_path / "db", {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(SealBroken, match=r"mode 640\): run `chmod 600"):
        open_seal(path, tmp_path / "db", {})


async def test_no_new_key_is_made_beside_an_old_store(tmp_path: Path) -> None:
    key, path = tmp_path / "key", tmp_path / "s.db"
    async with SqlStore(path, open_seal(key, path, {})) as store:
        await store.keep_session("phone", "secret")
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(SealBroken, match="the key is missing, but the store"):
        open_seal(key, path, {})
    assert not key.exists()
    async with SqlStore(path, open_seal(key, path, {"SIPTG_KEY": kept.hex()})) as store:
        assert await store.session("phone") == "secret"


def test_first_uses_at_once_end_with_one_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        seals = list(pool.map(lambda _: open_seal(key, tmp_path / "s.db", {}), range(8)))
    sealed = seals[0].close("a", "text")
    assert {seal.open("a", sealed) for seal in seals} == {"text"}
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


USE = """
import asyncio, sys
from pathlib import Path
from siptg.app.store import SqlStore, open_seal

async def use(key, path, name):
    async with SqlStore(path, open_seal(key, path, {})) as store:
        await store.keep_session(name, "secret")

asyncio.run(use(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
"""


async def test_first_uses_by_two_processes_end_with_one_store(tmp_path: Path) -> None:
    key, path = tmp_path / "key", tmp_path / "s.db"
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", USE, key, path, name)
        for name in ("one", "two")
    ]
    async with asyncio.timeout(60):
        assert [await process.wait() for process in running] == [0, 0]
    async with SqlStore(path, open_seal(key, path, {})) as store:
        assert [await store.session(name) for name in ("one", "two")] == ["secret"] * 2
