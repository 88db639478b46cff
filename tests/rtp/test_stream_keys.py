"""Streams that are encrypted, on loopback: SDES, DTLS, best effort, and changes in mid-talk."""

from __future__ import annotations

import asyncio

import attrs
import numpy as np
import pytest

from siptg.rtp.codecs import OPUS, PCMU
from siptg.rtp.keys.srtp import SUITES
from siptg.rtp.offer import Policy, Setup
from siptg.rtp.packet import RtpPacket
from siptg.rtp.wire import Wire
from tests.support.streams import Ends, Time, ends, fingerprint, plain_socket, received, wants


def good(pair: Ends, beats: int = 40) -> None:
    """Both hear the other's tone, without a gap."""
    for one in (pair.a, pair.b):
        found = pair.tone_in(one, beats)
        assert found.rest.max() < -25 and abs(found.level + 20).max() < 0.5


@pytest.mark.rfc(4568, "6.2")
@pytest.mark.parametrize("mux", [True, False])
@pytest.mark.parametrize("suite", SUITES)
async def test_every_suite_from_end_to_end(hours: Time, suite: str, mux: bool) -> None:
    terms = wants(security=Policy.SDES, offered_suites=(suite,), rtcp_mux=mux)
    async with ends(hours, terms, terms) as pair:
        pair.agree()
        assert pair.a.suite == pair.b.suite == suite
        pair.talk(700)
        good(pair)
        for one in (pair.a, pair.b):
            stats = one.stats
            assert (stats.refused, stats.garbage, stats.lost, stats.concealed) == (0, 0, 0, 0)
            assert stats.far_reports >= 1 and stats.round_trip is not None


@pytest.mark.rfc(4568, "7.1.4")
@pytest.mark.parametrize("who", ["a", "b"])
async def test_new_keys_in_mid_talk_lose_nothing(hours: Time, who: str) -> None:
    terms = wants(security=Policy.SDES)
    async with ends(hours, terms, terms) as pair:
        pair.agree()
        pair.talk(60)
        one = getattr(pair, who)
        other = pair.b if one is pair.a else pair.a
        for _ in range(3):
            one.renew_keys()
            answer = other.answer(one.offer())
            pair.talk(5)  # the answer takes its time
            one.accept(answer)
            pair.talk(30)
        good(pair, 100)
        for end in (pair.a, pair.b):
            assert (end.stats.refused, end.stats.lost, end.stats.concealed) == (0, 0, 0)


@pytest.mark.rfc(3711, "3.3.1")
async def test_new_keys_when_numbers_have_gone_round_come_with_a_new_name(hours: Time) -> None:
    """Peers differ about where a rollover counter begins under a new key; of a new SSRC all know
    that it is 0.
    """
    terms = wants(security=Policy.SDES)
    async with ends(hours, terms, terms) as pair:
        pair.agree()
        pair.talk(40)
        young = pair.a._session.ssrc
        pair.a.renew_keys()
        pair.agree()
        assert pair.a._session.ssrc == young
        pair.talk(10)
        outbound = pair.a._session.outbound
        outbound._sequence, outbound._sender.packets = 30_000, 1 << 14  # some minutes go by
        pair.talk(10)
        outbound._sequence = 60_000
        pair.talk(10)
        outbound._sequence = 65_500
        pair.talk(60)
        assert outbound._sequence < 1000
        pair.a.renew_keys()
        pair.agree()
        assert pair.a._session.ssrc != young
        pair.talk(60)
        good(pair)
        assert pair.b.stats.changes == 1


async def test_encryption_that_is_not_insisted_on(hours: Time) -> None:
    """Best effort: with keys where both have them, plain where one has none (RFC 8643)."""
    wishes = wants(security=Policy.SDES_OPTIONAL)
    for other, expected in ((wishes, "AES_CM_128_HMAC_SHA1_80"), (wants(), "")):
        for a, b in ((wishes, other), (other, wishes)):
            async with ends(hours, a, b) as pair:
                pair.agree()
                assert pair.a.suite == pair.b.suite == expected
                pair.talk(60)
                good(pair)


async def test_a_plain_call_becomes_encrypted_and_plain_again(hours: Time) -> None:
    async with ends(hours) as pair:
        pair.agree()
        pair.talk(60)
        for policy in (Policy.SDES, Policy.PLAIN):
            for one in (pair.a, pair.b):
                one.terms = attrs.evolve(one.terms, security=policy)
            try:
                pair.agree()
            except ValueError:
                assert policy is Policy.PLAIN  # what protects a stream is not given up
                continue
            pair.talk(60)
            good(pair)


@pytest.mark.rfc(5763, "5")
@pytest.mark.parametrize("mux", [True, False])
@pytest.mark.parametrize("setup", [Setup.ACTIVE, Setup.PASSIVE])
async def test_dtls_with_either_part(hours: Time, setup: Setup, mux: bool) -> None:
    dtls = wants(security=Policy.DTLS, rtcp_mux=mux)
    async with ends(hours, dtls, attrs.evolve(dtls, setup=setup)) as pair:
        pair.agree()
        pair.talk(5)
        assert pair.a.stats.packets_received == pair.b.stats.packets_received == 0
        await pair.shake()
        assert pair.a.suite == pair.b.suite != ""
        pair.talk(700)
        good(pair)
        for one in (pair.a, pair.b):
            assert one.stats.refused == one.stats.garbage == one.stats.lost == 0
            assert one.stats.round_trip is not None


async def test_a_first_flight_that_is_lost_is_sent_again(
    hours: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtls = wants(OPUS, security=Policy.DTLS)
    async with ends(hours, dtls, dtls) as pair:
        offer, lost = pair.a.offer(), list[bytes]()
        with monkeypatch.context() as patch:
            patch.setattr(Wire, "send", lambda self, data, to: lost.append(data))
            answer = pair.b.answer(offer)  # it begins the handshake, into nothing
        assert len(lost) == 1
        pair.a.accept(answer)
        await pair.shake()
        pair.talk(60)
        good(pair)


async def test_an_early_flight_is_kept_until_we_know_whom_to_expect(hours: Time) -> None:
    """The answerer begins at once; the answer itself may come later than its first flight."""
    dtls = wants(security=Policy.DTLS)
    async with ends(hours, dtls, dtls) as pair:
        answer = pair.b.answer(pair.a.offer())
        for _ in range(20):
            await asyncio.sleep(0.001)
        pair.a.accept(answer)
        await pair.shake()
        pair.talk(60)
        good(pair)


@pytest.mark.rfc(8122, "5")
@pytest.mark.parametrize("active", ["a", "b"])
async def test_a_wrong_certificate_is_told_in_words_and_there_is_no_sound(
    hours: Time, active: str
) -> None:
    dtls = wants(security=Policy.DTLS)
    other = attrs.evolve(dtls, setup=Setup.ACTIVE if active == "b" else Setup.PASSIVE)
    async with ends(hours, dtls, other) as pair:
        why: dict[str, list[str]] = {"a": [], "b": []}
        pair.a.on_failure, pair.b.on_failure = why["a"].append, why["b"].append
        value = fingerprint().value.encode()
        wrong = (b"00" if value[:2] != b"00" else b"11") + value[2:]
        pair.a.accept(pair.b.answer(pair.a.offer()).replace(value, wrong))
        await pair.shake()
        for _ in range(50):
            await asyncio.sleep(0.001)
        assert len(why["a"]) == 1 and "certificate" in why["a"][0]
        pair.talk(50)
        assert not pair.sound(pair.a, 50).any() and not pair.sound(pair.b, 50).any()
        assert pair.a.stats.packets_received == pair.b.stats.packets_received == 0


async def test_nothing_leaves_in_the_clear_while_hands_are_not_shaken(hours: Time) -> None:
    async with ends(hours, wants(security=Policy.DTLS)) as pair:
        with plain_socket() as ear:
            answer = (
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                f"m=audio {ear.getsockname()[1]} UDP/TLS/RTP/SAVP 0\r\n"
                f"a=fingerprint:{fingerprint()}\r\na=setup:passive\r\na=rtcp-mux\r\n"
            )
            pair.a.offer()
            pair.a.accept(answer.encode())
            pair.a.press("1")
            pair.talk(200, pair.a)
            ear.sendto(bytes(RtpPacket(0, 1, 1, 1, bytes(160))), pair.a.address)
            pair.talk(5, pair.a)
            pair.a.close()
            sent = received(ear)
        assert sent and all(20 <= data[0] <= 63 for data in sent)
        assert pair.a.stats.packets_received == 0 and not pair.sound(pair.a, 100).any()


async def test_dtls_goes_on_over_a_hold_and_begins_anew_where_asked(hours: Time) -> None:
    dtls = wants(PCMU, security=Policy.DTLS)
    async with ends(hours, dtls, dtls) as pair:
        pair.agree()
        await pair.shake()
        pair.talk(50)
        keys = pair.a._path.shield.srtp
        pair.a.hold(True)
        pair.agree()
        pair.talk(10)
        pair.a.hold(False)
        pair.agree()
        pair.talk(60)
        assert pair.a._path.shield.srtp is keys
        good(pair)


async def test_packets_are_opened_by_their_own_keys_alone(hours: Time) -> None:
    """Two calls at once: neither can be played into the other."""
    terms = wants(security=Policy.SDES)
    async with ends(hours, terms, terms) as one, ends(hours, terms, terms, seed=2) as other:
        one.agree()
        other.agree()
        with plain_socket() as tap:
            first = other.a._path.shield.seal(bytes(RtpPacket(0, 1, 160, 77, bytes(160))))
            assert first is not None
            for _ in range(50):
                tap.sendto(first, one.b.address)
            one.talk(60)
        assert one.b.stats.refused >= 50
        good(one)
        assert np.any(one.sound(one.b, 10))
