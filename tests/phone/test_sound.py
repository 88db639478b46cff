"""What a phone's calls sound like is the user's choice: codecs, packets, encryption, keys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from siptg.phone import Call, CallFailed, Digit, Phone
from siptg.rtp.digits.ways import Digits, Way
from siptg.rtp.offer import Policy
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.stream import MediaStream
from siptg.sip.errors import LocalError
from tests.phone.test_phone import at, ring

LOOP = ("127.0.0.1", 0)


@asynccontextmanager
async def call(ours: dict[str, Any], theirs: dict[str, Any]) -> AsyncIterator[tuple[Call, Call]]:
    """Two phones with options, and the two ends of a call between them."""
    async with Phone(listen=LOOP, **ours) as a, Phone(listen=LOOP, **theirs) as b:
        yield await asyncio.gather((await a.dial(at(b))).answered(), ring(b))


async def they_hear(speaker: Call, listener: Call, hz: float = 440) -> None:
    ear = Ear(listener.audio.rate, 0.3)
    listener.listen(ear.write)
    await speaker.play(f"tone:{hz}/600")
    assert ear.hz() == pytest.approx(hz, abs=4)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"codecs": ["G729"]}, "unknown codec 'G729'; there are pcmu, pcma, "),
        ({"codecs": []}, "no codec"),
        ({"ptime": 25}, "a packet holds one of"),
        ({"encryption": "tls"}, "unknown encryption 'tls'; there are plain, sdes-optional, sdes,"),
        ({"dtmf": ["2833"]}, "unknown way of keys '2833'; there are rfc4733, info, inband"),
    ],
)
def test_a_wrong_option_is_refused_with_what_there_is(
    options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Phone(**options)


def test_only_who_encrypts_shows_a_certificate() -> None:
    assert Phone().terms.fingerprint is None
    for policy in set(Policy) - {Policy.PLAIN}:
        shown = Phone(encryption=policy).terms.fingerprint
        assert shown is not None and shown.hash == "sha-256"


@pytest.mark.world
async def test_codecs_and_packets_are_as_the_phones_want_them() -> None:
    ours = {"codecs": ["l16/16000", "G722"], "ptime": 40}
    async with call(ours, {"codecs": ["pcma", "g722"]}) as (a, b):
        assert (a.audio.codec_name, b.audio.codec_name) == ("G722", "G722")
        await they_hear(a, b)
        # the sender's length is the listener's wish: each follows the other's
        assert a.audio.stats.packets_sent == pytest.approx(30, abs=3)
        assert b.audio.stats.packets_sent == pytest.approx(15, abs=3)


@pytest.mark.parametrize(
    ("ours", "theirs", "encrypted"),
    [
        ("sdes", "sdes", True),
        ("sdes-optional", "sdes", True),
        ("sdes", "sdes-optional", True),
        ("sdes-optional", "plain", False),
        ("plain", "sdes-optional", False),
        ("dtls", "dtls", True),
        ("dtls", "dtls-optional", True),
        ("dtls", "sdes-optional", True),
        ("dtls-optional", "plain", False),
    ],
)
@pytest.mark.world
async def test_encryption_is_what_both_want(ours: str, theirs: str, encrypted: bool) -> None:
    async with call({"encryption": ours}, {"encryption": theirs}) as (a, b):
        await asyncio.gather(they_hear(a, b), they_hear(b, a, 880))
        assert bool(a.audio.suite) is bool(b.audio.suite) is encrypted
        assert a.audio.suite == b.audio.suite
        assert b.audio.stats.refused == a.audio.stats.refused == 0


@pytest.mark.parametrize(("ours", "theirs"), [("sdes", "plain"), ("plain", "dtls")])
async def test_who_must_encrypt_does_not_talk_to_who_cannot(ours: str, theirs: str) -> None:
    async with (
        Phone(listen=LOOP, encryption=ours) as a,
        Phone(listen=LOOP, encryption=theirs) as b,
    ):
        outgoing = await a.dial(at(b))
        await ring(b)
        with pytest.raises(CallFailed, match="488"):
            await outgoing.answered()


@pytest.mark.rfc(4568, "7.1.4")
@pytest.mark.world
async def test_new_keys_in_mid_call_and_nothing_is_lost() -> None:
    async with call({"encryption": "sdes"}, {"encryption": "sdes"}) as (a, b):
        ear = Ear(8000, 0.3)
        b.listen(ear.write)
        talking = asyncio.create_task(a.play("tone:440/2000"))
        for _ in range(3):
            await asyncio.sleep(0.3)
            await a.renew_keys()
        await talking
        assert ear.hz() == pytest.approx(440, abs=4)
        stats = b.audio.stats
        assert (stats.refused, stats.lost) == (0, 0)


@pytest.mark.rfc(8122, "5")
@pytest.mark.world
@pytest.mark.parametrize("caller_is_fooled", [True, False])
async def test_a_wrong_certificate_ends_the_call_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caller_is_fooled: bool
) -> None:
    verb = "accept" if caller_is_fooled else "answer"
    right = getattr(MediaStream, verb)

    def fooled(stream: MediaStream, sdp: bytes) -> Any:
        before, mark, after = sdp.partition(b"a=fingerprint:sha-256 ")
        other = b"1" if after[:1] == b"0" else b"0"
        return right(stream, before + mark + other + after[1:])

    monkeypatch.setattr(MediaStream, verb, fooled)
    options = {"encryption": "dtls"}
    async with call(options, options) as (a, b):
        sees, other = (a, b) if caller_is_fooled else (b, a)
        ended = await asyncio.wait_for(sees.ended(), 5)
        assert (ended.status, ended.by_remote) == (488, False)
        assert ended.reason.startswith("no encryption: ")
        assert "certificate" in ended.reason
        # the other one is told by an alert, by the BYE, or by both
        ended = await asyncio.wait_for(other.ended(), 5)
        assert ended.by_remote or "alert" in ended.reason


async def keys_of(call: Call, count: int, seconds: float = 3.0) -> list[str]:
    keys: list[str] = []
    async with asyncio.timeout(seconds):
        async for event in call.events():
            if isinstance(event, Digit):
                keys.append(event.symbol)
            if len(keys) == count:
                return keys
    return keys


@pytest.mark.world
async def test_a_key_that_comes_by_rtp_and_by_info_is_told_once() -> None:
    async with call({}, {}) as (a, b):
        b.listen(lambda frame: None)
        for key in "11#":
            await a.press(key)
            await asyncio.sleep(0.2)
            await a.press(key, info=True)
        await asyncio.sleep(0.2)
        await a.press("9")
        assert await keys_of(b, 4) == ["1", "1", "#", "9"]


@pytest.mark.world
@pytest.mark.parametrize("way", ["rfc4733", "info", "inband"])
async def test_keys_go_by_the_way_that_the_phone_wants(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    async with call({"dtmf": [way]}, {"dtmf": ["inband"]}) as (a, b):
        if way == "inband":  # tones are not listened for where events are agreed
            await without_events(a)
        ways: set[Way] = set()
        heard = Digits.heard

        def told(digits: Digits, by: Way, symbols: str, now: float) -> str:
            ways.add(by)
            return heard(digits, by, symbols, now)

        monkeypatch.setattr(Digits, "heard", told)
        b.listen(lambda frame: None)
        await a.press("15")
        assert await keys_of(b, 2) == ["1", "5"]
        assert ways == {Way(way)}


async def without_events(call: Call) -> None:
    """They agree anew, and on no events."""
    call.audio.terms = attrs.evolve(call.audio.terms, events="")
    await call.hold(False)
    async with asyncio.timeout(2):
        while call.audio.takes_events:
            await asyncio.sleep(0.01)


async def test_keys_that_they_take_by_no_way_are_an_error() -> None:
    async with call({"dtmf": ["rfc4733"]}, {}) as (a, _):
        await without_events(a)
        with pytest.raises(LocalError, match="they take no keys by rfc4733"):
            await a.press("1")


async def test_who_says_nothing_of_info_is_sent_it_and_who_allows_other_things_is_not() -> None:
    async with call({"dtmf": ["info"]}, {}) as (a, _):
        (session,) = (handle.session for handle in [a._handle])
        assert session._usage is not None
        for allowed, taken in (((), True), (("BYE", "INFO"), True), (("BYE",), False)):
            session._usage.peer_allows = frozenset(allowed)
            assert session.takes("INFO") is taken


@pytest.mark.rfc(3264, "8")
@pytest.mark.rfc(3261, "14.1")
async def test_an_offer_of_ours_that_was_refused_does_not_stop_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with call({}, {}) as (a, b):
        refused = asyncio.Event()

        def refuse(stream: MediaStream, offer: bytes) -> bytes:
            refused.set()
            raise ValueError("not now")

        with monkeypatch.context() as once:
            once.setattr(MediaStream, "answer", refuse)
            await a.hold()
            await asyncio.wait_for(refused.wait(), 2)
            await asyncio.sleep(0.1)  # the 488 has to be back: glare is another story
        await b.hold()
        async with asyncio.timeout(2):
            while not a.audio.held_by_remote:
                await asyncio.sleep(0.01)
        await b.hold(False)
        async with asyncio.timeout(2):
            while a.audio.held_by_remote:
                await asyncio.sleep(0.01)
