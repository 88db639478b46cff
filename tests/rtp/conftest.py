"""What the tests of media share."""

from __future__ import annotations

import pytest

from siptg.rtp.recording import recorder
from siptg.rtp.sounds import player
from tests.support.background import ByHand
from tests.support.streams import Time, by_hand


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> ByHand:
    """In place of the threads that read and write files: the test says when they look."""
    hand = ByHand()
    monkeypatch.setattr(player, "READERS", hand)
    monkeypatch.setattr(recorder, "WRITERS", hand)
    return hand


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Time:
    """The time of streams and wires, by hand."""
    return by_hand(monkeypatch)
