"""The collector of a process that must not pause."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from siptg.app.collector import MIDDLE, OLD, YOUNG, calm


@pytest.fixture
def as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.usefixtures("as_it_was")
def test_what_is_loaded_is_not_looked_at_again_and_cycles_are_still_found() -> None:
    calm()
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold() == (YOUNG, MIDDLE, OLD)

    class Knot:
        pass

    knot = Knot()
    knot.itself = knot  # type: ignore[attr-defined]
    del knot
    assert gc.collect() > 0
