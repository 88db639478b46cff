"""What changes in mid-call on loopback: holds, codecs, lengths, numbers, addresses."""

from __future__ import annotations

import itertools

import attrs
import numpy as np
import pytest

from siptg.rtp.codecs import CODECS, OPUS, PCMA, PCMU, Codec
from siptg.rtp.digits.tones import ToneSender
from siptg.rtp.digits.ways import Way
from siptg.rtp.offer import Policy
from siptg.rtp.packet import RtpPacket
from siptg.rtp.stream import MediaStream
from tests.support.streams import LOOPBACK, Ends, Time, answer, ends, plain_socket, received, wants

EVENTS = ("rtpmap:101 telephone-event/8000",)


def good(pair: Ends, beats: int = 40) -> None:
    for one in (pair.a, pair.b):
        found = pair.tone_in(one, beats)
        assert found.rest.max() < -22 and abs(found.level + 20).max() < 0.6


def silent(pair: Ends, one: MediaStream, beats: int = 20) -> bool:
    return not pair.sound(one, beats).any()


def spoken(key: str) -> Codec:
    return CODECS.get(key) or pytest.skip(f"no {key} in this installation")


@pytest.mark.rfc(3264, "6")
async def test_whoever_is_invited_without_an_offer_makes_it(hours: Time) -> None:
    """The 2xx offers, the ACK answers."""
    async with ends(hours) as pair:
        pair.agree(pair.b)
        pair.talk(60)
        good(pair)


@pytest.mark.rfc(3264, "8.4")
async def test_a_hold_is_told_stops_what_we_say_and_ends_as_it_began(hours: Time) -> None:
    async with ends(hours) as pair:
        told: list[bool] = []
        pair.b.on_hold = told.append
        pair.agree()
        pair.talk(60)
        for n in range(2):
            pair.a.hold(True)
            pair.agree()
            sent, before = pair.b.stats.packets_sent, pair.a.stats.packets_sent
            pair.talk(50)
            assert pair.b.stats.packets_sent == sent and pair.b.held_by_remote
            assert pair.a.stats.packets_sent == before + 50  # our music, perhaps
            assert pair.tone_in(pair.b, 30).rest.max() < -25
            assert silent(pair, pair.a)
            pair.a.hold(False)
            pair.agree()
            pair.talk(60)
            good(pair)
            assert told == [True, False] * (n + 1)
        assert pair.a.stats.lost == 0


async def test_both_hold_one_another_and_let_go_in_turn(hours: Time) -> None:
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(60)
        pair.a.hold(True)
        pair.agree()
        pair.b.hold(True)
        pair.agree(pair.b)
        counts = [one.stats.packets_sent for one in (pair.a, pair.b)]
        pair.talk(30)
        assert [one.stats.packets_sent for one in (pair.a, pair.b)] == counts
        assert silent(pair, pair.a) and silent(pair, pair.b)
        pair.a.hold(False)
        pair.agree()
        pair.talk(30)
        assert silent(pair, pair.b)  # b has not let go yet: it does not listen
        pair.b.hold(False)
        pair.agree(pair.b)
        pair.talk(60)
        good(pair)


@pytest.mark.parametrize(
    "lines",
    [
        ("sendonly",),
        ("inactive",),
        ("c=0",),
        ("c=0", "sendonly"),
        ("c=0", "inactive"),
        ("c=invalid",),
    ],
    ids=["sendonly", "inactive", "zeros", "zeros sendonly", "zeros inactive", "invalid"],
)
async def test_every_form_of_a_hold_by_others_silences_us(
    hours: Time, lines: tuple[str, ...]
) -> None:
    with plain_socket() as them:
        port = them.getsockname()[1]
        async with ends(hours) as pair:
            pair.a.answer(answer(port, *EVENTS, formats="0 101"))
            pair.talk(10, pair.a)
            assert len(received(them)) == 10
            said = [line for line in lines if "=" not in line]
            held = answer(port, *EVENTS, *said, formats="0 101")
            for name, host in (("c=0", b"0.0.0.0"), ("c=invalid", b"held.invalid")):
                if name in lines:
                    held = held.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 " + host)
            pair.a.answer(held)
            assert pair.a.held_by_remote
            pair.talk(20, pair.a)
            pair.a.press("1")
            pair.talk(20, pair.a)
            assert [data for data in received(them) if data[1] & 0x7F in (0, 101)] == []
            back = pair.a.answer(answer(port, *EVENTS, formats="0 101"))
            assert b"sendrecv" in back and not pair.a.held_by_remote
            pair.talk(20, pair.a)
            packets = [RtpPacket.parse(data) for data in received(them)]
            # a key that was pressed meanwhile is not pressed now
            assert len(packets) == 20 and {one.payload_type for one in packets} == {0}
            assert packets[0].marker


async def test_audio_that_is_turned_off_comes_back(hours: Time) -> None:
    with plain_socket() as them:
        port = them.getsockname()[1]
        async with ends(hours) as pair:
            pair.a.answer(answer(port))
            pair.talk(10, pair.a)
            pair.a.answer(answer(0))
            received(them)
            pair.talk(10, pair.a)
            assert received(them) == []
            pair.a.answer(answer(port))
            pair.talk(10, pair.a)
            assert len(received(them)) == 10


@pytest.mark.rfc(3264, "8.3.2")
@pytest.mark.parametrize(
    ("first", "then"), list(itertools.permutations(["pcmu", "g722", "opus"], 2))
)
async def test_another_codec_in_mid_call(hours: Time, first: str, then: str) -> None:
    async with ends(hours, wants(spoken(first)), wants(spoken(first))) as pair:
        pair.agree()
        pair.talk(60)
        for one in (pair.a, pair.b):
            one.terms = wants(spoken(then), spoken(first))
        pair.agree()
        assert pair.a.codec_name == pair.b.codec_name == spoken(then).name
        assert pair.a.rate in spoken(then).rates and pair.b.rate in spoken(then).rates
        pair.talk(80)
        good(pair)
        assert pair.a.stats.garbage == pair.b.stats.garbage == 0


@pytest.mark.rfc(8866, "6.4")
@pytest.mark.parametrize("codec", [PCMU, OPUS], ids=lambda codec: codec.name)
async def test_other_lengths_of_packets_in_mid_call(hours: Time, codec: Codec) -> None:
    async with ends(hours, wants(codec), wants(codec)) as pair:
        pair.agree()
        pair.talk(60)
        for ms in (40, 10, 60, 20):
            pair.a.terms = attrs.evolve(pair.a.terms, ptime=ms)
            pair.agree()
            before = pair.b.stats.packets_sent
            pair.talk(120)
            assert pair.b.stats.packets_sent - before == pytest.approx(2400 / ms, abs=1)
            good(pair, 60)
            assert (pair.b.payload_format is None) is (ms != 20)
            assert pair.a.payload_format is not None  # b still wishes for 20


async def test_other_numbers_in_mid_call(hours: Time) -> None:
    """A PBX that joined another party to us numbers its Opus otherwise."""
    async with ends(hours, wants(OPUS), wants(OPUS)) as pair:
        pair.agree()
        pair.talk(60)
        before = pair.b._agreed
        offer = pair.a.offer()
        assert b" 111 " in offer + b" " or b"111 opus" in offer
        renumbered = offer.replace(b"111", b"120").replace(b"101", b"121")
        answered = pair.b.answer(renumbered)
        assert before is not None and pair.b._agreed is not None
        assert pair.b._agreed.send_type == 120
        pair.talk(10)  # some are on their way under the number before
        pair.a.accept(answered.replace(b"120", b"111").replace(b"121", b"101"))
        pair.talk(5)
        assert pair.b.stats.garbage == 0


async def test_what_comes_under_the_number_before_is_still_heard(hours: Time) -> None:
    """The answer is out, and they have not read it yet (RFC 3264 §8.3.2)."""
    with plain_socket() as them:
        port = them.getsockname()[1]
        async with ends(hours, wants(OPUS)) as pair:
            opus = ("rtpmap:{} opus/48000/2",)
            pair.a.answer(answer(port, opus[0].format(96), formats="96"))
            encoder = OPUS.encoder(48_000, "")
            said = iter(np.tile(np.int16(3000) * (np.arange(960) // 60 % 2), 200).reshape(-1, 960))

            def send(kind: int, count: int, first: int) -> None:
                for n in range(first, first + count):
                    payload = encoder.encode(next(said))
                    data = bytes(RtpPacket(kind, n, n * 960, 5, payload))
                    them.sendto(data, pair.a.address)
                    pair.talk(1, pair.a)

            send(96, 30, 0)
            pair.a.answer(answer(port, opus[0].format(100), formats="100"))
            send(96, 10, 30)
            send(100, 30, 40)
            assert pair.a.stats.garbage == 0 and pair.a.stats.concealed == 0


async def test_they_go_on_in_a_codec_that_is_no_longer_the_first(hours: Time) -> None:
    """Both are agreed: G.722 to them, and they talk PCMU as before."""
    g722 = spoken("g722")
    many = wants(PCMU, PCMA, one_codec=False)
    async with ends(hours, many, many) as pair:
        pair.agree()
        pair.talk(60)
        for one in (pair.a, pair.b):
            one.terms = wants(g722, PCMU, one_codec=False)
        pair.agree()
        assert pair.a.codec_name == "G722" and pair.a.rate == 16_000
        speak = pair.b._session.outbound.speak
        speak(PCMU, 0, 8000)
        said = iter(np.resize(np.int16(2000), (100, 160)))
        for _ in range(60):
            pair.b._session.write(next(said), hours.now)
            pair.talk(1, pair.a)
        frame = pair.heard[pair.a][-1]
        assert len(frame) == 320 and abs(float(frame.mean()) - 2000) < 100
        assert pair.a.payload_format is None
        pair.agree()  # once more, while PCMU is what is heard
        pair.talk(5, pair.a)
        assert pair.a.rate == 16_000


async def test_another_address_in_mid_call(hours: Time) -> None:
    """They moved: what came from before is not heard any more, and we follow at once."""
    async with ends(hours) as pair, ends(hours, seed=2) as other:
        pair.agree()
        pair.talk(60)
        other.a.offer()
        moved = pair.b.offer().replace(
            b"m=audio %d" % pair.b.address[1], b"m=audio %d" % other.b.address[1]
        )
        pair.a.answer(moved)
        other.b.answer(answer(pair.a.address[1], "rtcp-mux"))
        heard = list[np.ndarray[tuple[int, ...], np.dtype[np.int16]]]()
        before = pair.b.stats.packets_received
        said = itertools.repeat(np.full(160, 1500, np.int16))
        for _ in range(60):
            other.b._session.write(next(said), hours.now)
            pair.talk(1)
            other.clock.poller.fetch()
            heard.append(other.b.read())
        assert float(np.concatenate(heard[-20:]).astype(float).std()) > 1000  # our tone
        assert abs(float(pair.sound(pair.a, 20).mean()) - 1500) < 100  # theirs
        assert pair.b.stats.packets_received <= before + 1


async def test_events_that_are_no_longer_agreed_let_tones_be_heard(hours: Time) -> None:
    async with ends(hours) as pair:
        told: list[str] = []
        pair.a.on_digit = told.append
        pair.a.listen_for_tones(True)
        pair.agree()
        assert pair.a.takes_events and pair.a._session.tones is None
        pair.talk(10)
        pair.b.terms = attrs.evolve(pair.b.terms, events="")
        pair.agree()
        assert not pair.a.takes_events and pair.a._session.tones is not None
        keys = ToneSender(8000)
        keys.press("9")
        while (frame := keys.next()) is not None:
            pair.b._session.write(frame, hours.now)
            pair.talk(1, pair.a)
        pair.talk(10, pair.a)
        assert told == ["9"]


async def test_a_new_agreement_in_the_middle_of_a_key_does_not_tell_it_twice(hours: Time) -> None:
    for way in (Way.INBAND, Way.RFC4733):
        events = "" if way is Way.INBAND else "0-15"
        async with ends(hours, wants(events=events), wants(events=events)) as pair:
            told: list[str] = []
            pair.a.on_digit = told.append
            pair.a.listen_for_tones(True)
            pair.agree()
            pair.talk(20)
            pair.b._session.press("7", way)
            for _ in range(4):
                pair.talk(1)
            pair.agree(pair.b)
            pair.talk(30)
            assert told == ["7"]


async def test_a_failed_offer_changes_nothing(hours: Time) -> None:
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(60)
        for bad in (b"", b"v=0", answer(4000, formats="77"), b"\xff" * 100, answer(0)[:40]):
            with pytest.raises(ValueError):
                pair.a.answer(bad)
        pair.talk(60)
        good(pair)


@pytest.mark.rfc(3261, "14.1")
async def test_an_offer_that_came_to_nothing_does_not_stand_in_the_way_of_theirs(
    hours: Time,
) -> None:
    """Refused, or crossed by theirs: signalling says 491, and one of both tries again."""
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(60)
        pair.a.hold(True)
        pair.a.offer()  # 488
        pair.agree(pair.b)
        assert pair.b.held_by_remote  # for that is what a wants
        pair.a.hold(False)
        pair.a.offer()
        pair.b.offer()  # glare
        pair.agree(pair.b)
        pair.agree(pair.a)
        pair.talk(60)
        good(pair)


@pytest.mark.parametrize("policy", [Policy.PLAIN, Policy.SDES])
async def test_thirty_agreements_in_a_row_leave_no_trace(hours: Time, policy: Policy) -> None:
    terms = wants(PCMU, OPUS, security=policy)
    async with ends(hours, terms, terms) as pair:
        pair.agree()
        pair.talk(60)
        for n in range(30):
            pair.a.hold(n % 3 == 1)
            pair.agree(pair.a if n % 2 else pair.b)
            pair.talk(7)
        pair.a.hold(False)
        pair.agree()
        pair.talk(60)
        good(pair)
        assert pair.a.address[0] == LOOPBACK and pair.a.stats.garbage == 0
