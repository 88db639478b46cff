"""The store on a real SQLite file, and the seal on its secrets."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import attrs
import pytest
import pytest_asyncio
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from siptg.app.store import (
    AccountRecord,
    CallRecord,
    KnownPerson,
    Seal,
    SealBroken,
    SqlStore,
    StoreError,
)
from siptg.app.store.tables import METADATA

CALL = CallRecord(
    call="a@b",
    person=7,
    line="Office",
    direction="out",
    party="100",
    party_name="",
    began=datetime(2026, 1, 2, 3, 4, 5),
    answered=None,
    ended=datetime(2026, 1, 2, 3, 4, 9),
    cause="busy",
    detail="486 Busy Here",
)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    async with SqlStore(tmp_path / "kept" / "s.db", Seal(bytes(32))) as opened:
        yield opened


async def test_people_are_remembered_and_renewed(store: SqlStore) -> None:
    await store.meet(KnownPerson(7, 1234, "Ann"))
    await store.meet(KnownPerson(7, 99, "Ann B.", "ann"))
    assert await store.people() == [KnownPerson(7, 99, "Ann B.", "ann")]


async def test_calls_come_back_newest_first_and_only_to_their_person(store: SqlStore) -> None:
    later = attrs.evolve(CALL, began=datetime(2026, 1, 3), cause="hangup")
    for call in (CALL, later, attrs.evolve(CALL, person=8)):
        await store.record(call)
    assert await store.calls(7) == [later, CALL]
    assert await store.calls(7, limit=1) == [later]


async def test_a_session_is_sealed_in_the_file_and_opens_again(tmp_path: Path) -> None:
    path, seal = tmp_path / "s.db", Seal.from_file(tmp_path / "key")
    async with SqlStore(path, seal) as store:
        await store.keep_session("phone", "a-very-secret-session")
        assert await store.session("phone") == "a-very-secret-session"
        assert await store.session("bot") == ""
    assert b"a-very-secret-session" not in path.read_bytes()
    async with SqlStore(path, Seal.from_file(tmp_path / "key")) as store:
        assert await store.session("phone") == "a-very-secret-session"
        await store.keep_session("phone", "")
        assert await store.session("phone") == ""


async def test_a_wrong_key_is_said_and_overwrites_nothing(tmp_path: Path) -> None:
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))) as store:
        await store.keep_session("phone", "secret")
    before = (tmp_path / "s.db").read_bytes()
    with pytest.raises(SealBroken, match="'phone' does not open with this key"):
        async with SqlStore(tmp_path / "s.db", Seal(b"\1" * 32)):
            pass
    assert (tmp_path / "s.db").read_bytes() == before
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))) as store:
        assert await store.session("phone") == "secret"


def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    Seal.from_file(tmp_path / "key")
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(SealBroken, match="5 bytes, 32 expected"):
        Seal.from_file(tmp_path / "key")


async def test_the_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))):
        pass
    assert stat.S_IMODE((tmp_path / "s.db").stat().st_mode) == 0o600


async def test_a_store_that_the_system_does_not_open_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "s.db").mkdir()
    with pytest.raises(StoreError, match=r"s\.db: cannot be opened: Is a directory$"):
        async with SqlStore(tmp_path / "s.db", Seal(bytes(32))):
            pass


async def test_where_the_tables_cannot_be_made_the_first_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = iter(["database or disk is full", *["table people already exists"] * 9])

    def fails(connection: sa.Connection) -> None:
        raise sa.exc.OperationalError("CREATE", {}, Exception(next(reasons)))

    monkeypatch.setattr("siptg.app.store.store._migrate", fails)
    with pytest.raises(StoreError, match="database or disk is full"):
        async with SqlStore(tmp_path / "s.db", Seal(bytes(32))):
            pass


async def test_a_file_that_is_no_store_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(StoreError, match=r"s\.db: cannot be opened: file is not a database"):
        async with SqlStore(tmp_path / "s.db", Seal(bytes(32))):
            pass


async def test_migrations_end_in_the_tables_that_queries_use(tmp_path: Path) -> None:
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))):
        pass
    engine = sa.create_engine(f"sqlite:///{tmp_path / 's.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()


async def test_how_accounts_stand_is_kept_and_forgotten_with_their_session(store: SqlStore) -> None:
    one = AccountRecord("phone", "phone", 7, "Ann", "signed in", "", datetime(2026, 1, 2))
    gone = attrs.evolve(one, state="banned", word="USER_DEACTIVATED_BAN")
    await store.keep_session("phone", "secret")
    await store.keep_account(one)
    await store.keep_account(gone)
    assert await store.accounts() == [gone]
    await store.forget_account("phone")
    assert await store.accounts() == [] and await store.session("phone") == ""
