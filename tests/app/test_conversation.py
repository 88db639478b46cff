"""One person's day on paper legs: each row of the table, and what she, the party and the record
see.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from siptg.app.actions import HangUp, Key
from siptg.app.causes import Cause
from siptg.app.conversation import TABLE, Conversation, Given, State
from siptg.app.desk import Refused
from siptg.app.legs import Answered, Ended, Leg, Party, Ringing, Sound, SoundChanged
from siptg.app.numbers import Wish
from tests.support.paper import LINE, PaperDesk, PaperLeg

WISH = Wish("100", "100")


def start(
    *her: Leg | Refused, parties: tuple[Leg | Refused, ...] = ()
) -> tuple[Conversation, PaperDesk]:
    desk = PaperDesk(list(her), list(parties))
    return Conversation(desk, 7), desk


async def over(conversation: Conversation) -> None:
    while conversation.state is not State.IDLE:
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.1)


@pytest.mark.looptime
@pytest.mark.product("SP-4")
async def test_a_number_calls_her_back_then_dials_and_joins_both() -> None:
    her = PaperLeg("her", (1, Ringing()), (2, Answered()), (10, Ended(Cause.HANGUP)), says=1)
    pbx = PaperLeg("pbx", (1, Ringing()), (2, Answered()), says=2)
    talk, desk = start(her, parties=(pbx,))
    talk.number(WISH, LINE)
    await asyncio.sleep(2.5)
    assert (talk.state, desk.dialled) == (State.CALLING, [])
    await asyncio.sleep(1)
    assert desk.dialled == ["Office 100"]
    await asyncio.sleep(3.5)
    assert talk.state is State.TALKING
    await over(talk)
    assert pbx.told[-1] == "hangup hangup"
    assert (77 in her.audio.heard, her.audio.heard[-1]) == (True, 2)
    (card,) = desk.cards
    assert card.texts[:2] == ["Calling you back to dial 100 …", "Dialling 100 · Office …"]
    assert card.texts[2:] == ["It rings: 100", "100", "↗ 100 · 0:07"]
    (record,) = desk.records
    assert (record.direction, record.party, record.cause) == ("out", "100", "hangup")
    assert record.answered is not None


@pytest.mark.looptime
async def test_what_is_wrong_with_her_sound_stands_on_the_card_as_long_as_it_is() -> None:
    her = PaperLeg("her", (1, Answered()))
    for wait, sound in ((3.0, Sound.MUTED), (2.0, Sound.LOST), (1.0, Sound.GOOD)):
        her._script.append((wait, SoundChanged(sound)))
    talk, desk = start(her, parties=(PaperLeg("pbx", (1, Answered())),))
    talk.number(WISH, LINE)
    await asyncio.sleep(5)
    assert talk.press(Key("1")) == "1"
    await asyncio.sleep(4)
    talk.press(HangUp())
    await over(talk)
    assert desk.cards[0].texts[2:-1] == [
        "100",
        "100\n🔇 Your microphone is off.",
        "100\n🔇 Your microphone is off.\n1",
        "100\n⌛ Your connection is lost; I look for it.\n1",
        "100\n1",
    ]


@pytest.mark.looptime
@pytest.mark.product("SP-4.2")
async def test_nobody_is_dialled_when_she_does_not_answer() -> None:
    her = PaperLeg("her", (1, Ringing()))
    talk, desk = start(her)
    talk.number(WISH, LINE)
    await over(talk)
    assert asyncio.get_running_loop().time() == pytest.approx(45, abs=0.5)
    assert (desk.dialled, her.told) == ([], ["hangup no_answer"])
    assert desk.cards[0].texts[-1] == "↗ 100 · no answer"


@pytest.mark.looptime
@pytest.mark.product("SP-9")
async def test_a_refused_number_is_told_with_code_and_text_and_heard() -> None:
    her = PaperLeg("her", (1, Answered()))
    pbx = PaperLeg("pbx", (1, Ended(Cause.UNKNOWN_NUMBER, "404 Not Found")))
    talk, desk = start(her, parties=(pbx,))
    talk.number(WISH, LINE)
    await over(talk)
    assert desk.cards[0].texts[-1] == "↗ 100 · the number does not exist [404 Not Found]"
    assert her.audio.heard.count(66) == 150
    assert her.told[-1] == "hangup unknown_number"


@pytest.mark.looptime
async def test_telegram_refusing_to_ring_her_is_told_on_the_card() -> None:
    talk, desk = start(Refused(Cause.PRIVACY))
    talk.number(WISH, LINE)
    await over(talk)
    assert "Settings → Privacy → Calls" in desk.cards[0].texts[-1]
    assert desk.records[0].cause == "privacy"


@pytest.mark.looptime
async def test_a_line_that_cannot_dial_is_told_on_the_card() -> None:
    her = PaperLeg("her", (1, Answered()))
    refusal = Refused(Cause.WRONG_LOGIN, "403 Forbidden")
    talk, desk = start(her, parties=(refusal,))
    talk.number(WISH, LINE)
    await over(talk)
    assert desk.cards[0].texts[-1].endswith("check its settings [403 Forbidden]")
    assert her.told == ["hangup wrong_login"]


@pytest.mark.looptime
@pytest.mark.product("SP-4.3")
async def test_a_new_number_while_she_is_called_back_replaces_the_first() -> None:
    her = PaperLeg("her", (5, Answered()))
    pbx = PaperLeg("pbx", (1, Ended(Cause.BUSY, "486 Busy Here")))
    talk, desk = start(her, parties=(pbx,))
    talk.number(WISH, LINE)
    await asyncio.sleep(1)
    talk.number(Wish("200", "200"), LINE)
    await asyncio.sleep(4.5)
    talk.number(Wish("300", "300"), LINE)
    await over(talk)
    assert desk.dialled == ["Office 200"]
    assert desk.said == ["End this call first."]


@pytest.mark.looptime
@pytest.mark.product("SP-4.4")
async def test_if_she_calls_at_that_very_moment_her_call_is_taken() -> None:
    ours, hers = PaperLeg("ours", (1, Ringing())), PaperLeg("hers", (1, Answered()))
    pbx = PaperLeg("pbx", (1, Answered()), (1, Ended(Cause.HANGUP)))
    talk, desk = start(ours, parties=(pbx,))
    talk.number(WISH, LINE)
    await asyncio.sleep(2)
    talk.she_calls(hers)
    await over(talk)
    assert ours.told == ["hangup cancelled"]
    assert hers.told[0] == "answer" and desk.records[0].answered is not None


@pytest.mark.looptime
@pytest.mark.product("SP-15.2")
async def test_keys_of_the_card_reach_the_party_in_order() -> None:
    her = PaperLeg("her", (0, Answered()), (5, Ended(Cause.HANGUP)))
    pbx = PaperLeg("pbx", (0, Answered()))
    talk, desk = start(her, parties=(pbx,))
    talk.number(WISH, LINE)
    await asyncio.sleep(1)
    assert [talk.press(Key(key)) for key in "12#"] == ["1", "2", "#"]
    await asyncio.sleep(1)
    assert pbx.told[-3:] == ["press 1", "press 2", "press #"]
    assert (desk.cards[0].texts[-1], desk.cards[0].rows) == ("100\n12#", 5)
    await over(talk)
    assert talk.press(Key("1")) == "This call is over."
    assert "12#" not in desk.cards[0].texts[-1]


@pytest.mark.looptime
@pytest.mark.product("SP-11.1")
async def test_an_incoming_call_is_announced_before_it_rings() -> None:
    pbx = PaperLeg("pbx", (20, Ended(Cause.HANGUP)))
    her = PaperLeg("her", (1, Ringing()), (2, Answered()))
    talk, desk = start(her)
    talk.party_calls(pbx, Party("+4930123456", "Example Ltd"), LINE)
    await over(talk)
    assert desk.log[:2] == ["say", "ring her"]
    assert desk.said == ["☎ +4930123456\nExample Ltd\nOffice"]
    assert pbx.told == ["ring", "answer"]
    assert her.told == ["hangup hangup"]
    assert desk.cards[0].texts[-1] == "↙ Example Ltd (+4930123456) · 0:17"


@pytest.mark.looptime
@pytest.mark.product("SP-11.1")
async def test_a_slow_message_holds_the_ring_for_a_second_at_most() -> None:
    talk, desk = start(PaperLeg("her"))
    desk.saying_takes = 5.0
    talk.party_calls(PaperLeg("pbx"), Party("100"), LINE)
    await asyncio.sleep(1.1)
    assert desk.log == ["ring her"]
    await talk.close()


@pytest.mark.looptime
@pytest.mark.product("SP-12")
async def test_unanswered_for_the_lines_ring_time_the_pbx_gets_no_answer() -> None:
    pbx, her = PaperLeg("pbx"), PaperLeg("her", (1, Ringing()))
    talk, desk = start(her)
    talk.party_calls(pbx, Party("100"), LINE)
    await over(talk)
    assert asyncio.get_running_loop().time() == pytest.approx(60, abs=0.5)
    assert pbx.told == ["ring", "hangup no_answer"]
    assert her.told == ["hangup no_answer"]
    assert desk.said[-1] == "Missed call: 100 · Office"


@pytest.mark.looptime
@pytest.mark.product("SP-12")
@pytest.mark.parametrize(
    ("her_cause", "to_pbx"), [(Cause.BUSY, "hangup declined"), (Cause.LOST, "hangup lost")]
)
async def test_what_she_does_unanswered_becomes_the_pbxs_refusal(
    her_cause: Cause, to_pbx: str
) -> None:
    pbx, her = PaperLeg("pbx"), PaperLeg("her", (1, Ringing()), (1, Ended(her_cause)))
    talk, _ = start(her)
    talk.party_calls(pbx, Party("100"), LINE)
    await over(talk)
    assert pbx.told == ["ring", to_pbx]


@pytest.mark.looptime
async def test_a_caller_who_gives_up_stops_the_ringing_and_is_a_missed_call() -> None:
    pbx = PaperLeg("pbx", (4, Ended(Cause.CANCELLED, "487 Request Terminated")))
    her = PaperLeg("her", (1, Ringing()))
    talk, desk = start(her)
    talk.party_calls(pbx, Party("100"), LINE)
    await over(talk)
    assert her.told == ["hangup cancelled"]
    assert desk.said[-1] == "Missed call: 100 · Office"


@pytest.mark.looptime
async def test_a_second_party_is_busy_and_noted_while_she_is_engaged() -> None:
    second = PaperLeg("second")
    talk, desk = start(PaperLeg("her", (1, Ringing())))
    talk.party_calls(PaperLeg("pbx"), Party("100"), LINE)
    await asyncio.sleep(2)
    talk.party_calls(second, Party("200"), LINE)
    await asyncio.sleep(1)
    assert second.told == ["hangup busy"]
    assert desk.said[-1].startswith("Missed call: 200 · Office")
    await talk.close()


@pytest.mark.looptime
async def test_she_is_free_once_both_legs_are_gone_however_slow_the_record_is() -> None:
    her = PaperLeg("her", (0, Answered()), (1, Ended(Cause.HANGUP)))
    talk, desk = start(
        her, PaperLeg("again", (1, Ringing())), parties=(PaperLeg("pbx", (0, Answered())),)
    )
    desk.recording_takes = 5.0
    talk.number(WISH, LINE)
    await asyncio.sleep(2)
    assert (talk.state, desk.records) == (State.IDLE, [])
    second = PaperLeg("second")
    talk.party_calls(second, Party("200"), LINE)
    await asyncio.sleep(6)
    assert (talk.state, second.told) == (State.CALLING, ["ring"])
    assert desk.records[0].party == "100"
    await talk.close()
    assert [record.party for record in desk.records] == ["100", "200"]


@pytest.mark.looptime
async def test_her_own_call_with_nothing_pending_is_declined_with_a_hint() -> None:
    her = PaperLeg("her")
    talk, desk = start()
    talk.she_calls(her)
    await asyncio.sleep(1)
    assert (her.told, desk.said) == (["hangup busy"], ["Send me a number first."])


@pytest.mark.looptime
@pytest.mark.product("SE-12")
async def test_closing_ends_both_legs_and_leaves_a_record() -> None:
    her, pbx = PaperLeg("her", (1, Answered())), PaperLeg("pbx", (1, Answered()))
    talk, desk = start(her, parties=(pbx,))
    talk.number(WISH, LINE)
    await asyncio.sleep(3)
    assert talk.state is State.TALKING
    await talk.close()
    assert (her.told[-1], pbx.told[-1]) == ("hangup restart", "hangup restart")
    assert desk.records[0].cause == "restart"


@pytest.mark.looptime
async def test_a_broken_leg_is_a_record_and_the_other_leg_still_ends() -> None:
    class Broken(PaperLeg):
        async def answer(self) -> None:
            raise RuntimeError("planted")

    her, pbx = Broken("her", (1, Answered())), PaperLeg("pbx", (1, Answered()))
    talk, desk = start(her, parties=(pbx,))
    talk.number(WISH, LINE)
    await over(talk)
    assert pbx.told[-1] == "hangup internal"
    assert desk.records[0].cause == "internal"


def test_every_state_has_a_way_back_to_idle() -> None:
    assert {state for state, given in TABLE if given is Given.OVER} == set(State) - {State.IDLE}


@pytest.mark.looptime
@pytest.mark.parametrize("seed", range(20))
async def test_whatever_comes_in_whatever_order_everything_ends(seed: int) -> None:
    chance = random.Random(seed)

    def leg(name: str) -> PaperLeg:
        waits = [chance.uniform(0, 20) for _ in range(3)]
        return PaperLeg(
            name, (waits[0], Ringing()), (waits[1], Answered()), (waits[2], Ended(Cause.HANGUP))
        )

    legs: list[PaperLeg] = []

    def made(name: str) -> PaperLeg:
        legs.append(leg(name))
        return legs[-1]

    talk, desk = start(
        *(made("her") for _ in range(40)), parties=tuple(made("p") for _ in range(40))
    )
    desk.beat.seconds = 1.0
    for _ in range(40):
        await asyncio.sleep(chance.uniform(0, 15))
        match chance.randrange(5):
            case 0 | 1:
                talk.number(WISH, LINE)
            case 2:
                talk.party_calls(made("in"), Party("100"), LINE)
            case 3:
                talk.she_calls(made("she"))
            case 4:
                talk.press(chance.choice([Key("1"), Key("#"), HangUp()]))
    await talk.close()
    assert talk.state is State.IDLE and desk.beat.ticks == []
    assert all(card.retired for card in desk.cards)
