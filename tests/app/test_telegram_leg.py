"""A call on Telegram in the bridge's words."""

from __future__ import annotations

from siptg.app.legs import Ended, LegEvent, Ringing, Sound, SoundChanged
from siptg.app.telegram_leg import TelegramLeg
from siptg.telegram.call import events
from siptg.telegram.call.call import TelegramCall
from siptg.telegram.people import Person, TelegramCause
from tests.telegram.call.test_call import LyingTelegram, secret


async def test_what_comes_from_her_is_told_in_neutral_words() -> None:
    call = TelegramCall(LyingTelegram(), Person(2, 2, "Olga"), secret, outgoing=True)
    for event in (
        events.Ringing(),
        events.Agreed("🔑"),
        events.Muted(True),
        events.Lost(),
        events.Muted(False),
        events.NoSound(),
        events.Back(),
        events.Ended(TelegramCause.GONE, "SESSION_REVOKED"),
    ):
        call.tell(event)
    told: list[LegEvent] = [event async for event in TelegramLeg(call).events()]
    assert isinstance(told[0], Ringing) and isinstance(told[-1], Ended)
    assert told[-1].cause.value == "account_gone"
    sounds = [event.sound for event in told if isinstance(event, SoundChanged)]
    assert sounds == [Sound.MUTED, Sound.LOST, Sound.GOOD, Sound.NONE, Sound.GOOD]
