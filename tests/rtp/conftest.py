"""What the tests of media share."""

from __future__ import annotations

import pytest

from siptg.rtp import player, recorder
from tests.support.background import ByHand


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> ByHand:
    """In place of the threads that read and write files: the test says when they look."""
    hand = ByHand()
    monkeypatch.setattr(player, "READERS", hand)
    monkeypatch.setattr(recorder, "WRITERS", hand)
    return hand
