"""What a Telegram session knows, in the product's store."""

from __future__ import annotations

from pathlib import Path

from siptg.app.store import Seal, SqlStore
from siptg.telegram.account.session import MOST_HANDLED, Entity, Handled, Kept, UpdateState


async def test_what_is_saved_is_loaded_by_its_session_and_no_other(tmp_path: Path) -> None:
    first = Kept(
        (UpdateState(0, 5, 0, 1_700_000_000, 2),),
        (Entity(7, -(2**62), "ann", "Ann"),),
        (Handled("m", 1), Handled("c", 2**61)),
    )
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))) as store:
        keeper = store.keeper("phone")
        await keeper.save(first)
        await keeper.save(Kept((UpdateState(0, 6, 0, 1_700_000_001, 2),), (), (Handled("m", 1),)))
        assert await store.keeper("other").load() == Kept()
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))) as store:
        kept = await store.keeper("phone").load()
        assert kept.states[0].pts == 6
        assert (kept.entities, kept.handled) == (first.entities, first.handled)


async def test_of_what_was_handled_the_newest_is_kept(tmp_path: Path) -> None:
    async with SqlStore(tmp_path / "s.db", Seal(bytes(32))) as store:
        keeper = store.keeper("phone")
        await keeper.save(Kept(handled=tuple(Handled("m", n) for n in range(MOST_HANDLED))))
        await keeper.save(Kept(handled=tuple(Handled("m", MOST_HANDLED + n) for n in range(3))))
        handled = (await keeper.load()).handled
        assert len(handled) == MOST_HANDLED and handled[0] == Handled("m", 3)
