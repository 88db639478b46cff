"""Encrypted calls with baresip: SDES in each of its kinds, DTLS, hold and new keys in mid-call."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

from siptg.phone import Call, CallFailed, Phone
from siptg.rtp.sdp.sdes import SUITES
from siptg.rtp.sounds.goertzel import Ear
from siptg.rtp.stream import MediaStream
from tests.world.baresip import Baresip
from tests.world.talk import LISTEN, bob_calls, they_hear, they_part, we_call

pytestmark = pytest.mark.world
AUTO = ";answermode=auto"
BEST_EFFORT, SAVP, SAVPF, DTLS = "srtp", "srtp-mand", "srtp-mandf", "dtls_srtp"


@pytest.mark.parametrize(
    ("ours", "his", "encrypted"),
    [
        ("sdes", BEST_EFFORT, True),
        ("sdes-optional", BEST_EFFORT, True),
        ("plain", BEST_EFFORT, False),
        ("sdes-optional", "", False),
        ("sdes", SAVP, True),
        ("dtls", DTLS, True),
    ],
)
async def test_we_call_bob_and_he_calls_us_encrypted_where_both_can(
    tmp_path: Path, ours: str, his: str, encrypted: bool
) -> None:
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=his) as bob,
        Phone(listen=LISTEN, encryption=ours) as phone,
    ):
        for connect in (we_call, bob_calls):
            call = await connect(phone, bob)
            async with they_hear(call, bob):
                assert bool(call.audio.suite) is encrypted
                await they_part(call, bob)


@pytest.mark.rfc(4585, "4")
async def test_the_profile_with_feedback_is_taken_and_offered_where_it_is_wanted(
    tmp_path: Path,
) -> None:
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=SAVPF) as bob,
        Phone(listen=LISTEN, encryption="sdes") as phone,
    ):
        call = await bob_calls(phone, bob)
        async with they_hear(call, bob):
            assert call.audio.suite
            await they_part(call, bob)
        phone.terms = attrs.evolve(phone.terms, feedback=True)
        call = await we_call(phone, bob)
        async with they_hear(call, bob):
            assert call.audio.suite
            await they_part(call, bob)


@pytest.mark.rfc(4568, "6.2")
async def test_each_suite_that_both_know(tmp_path: Path) -> None:
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=SAVP) as bob,
        Phone(listen=LISTEN, encryption="sdes") as phone,
    ):
        taken = []
        for suite in SUITES:
            phone.terms = attrs.evolve(phone.terms, offered_suites=(suite,))
            try:
                call = await we_call(phone, bob)
            except CallFailed:
                continue
            async with they_hear(call, bob):
                assert call.audio.suite == suite
                taken.append(suite)
                await they_part(call, bob)
        assert set(taken) == set(SUITES) - {"AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32"}


@pytest.mark.rfc(5764, "5.1.2")
async def test_dtls_where_he_wants_a_port_for_rtcp(tmp_path: Path) -> None:
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=DTLS, mux=False) as bob,
        Phone(listen=LISTEN, encryption="dtls-optional") as phone,
    ):
        call = await bob_calls(phone, bob)
        async with they_hear(call, bob):
            assert call.audio.suite
            await they_part(call, bob)


@pytest.mark.parametrize(("ours", "his"), [("sdes", ""), ("plain", SAVP), ("dtls", SAVP)])
async def test_who_must_encrypt_another_way_is_not_talked_to(
    tmp_path: Path, ours: str, his: str
) -> None:
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=his) as bob,
        Phone(listen=LISTEN, encryption=ours) as phone,
    ):
        with pytest.raises(CallFailed, match="488"):
            await we_call(phone, bob)
        await bob.wait("CALL_CLOSED")
        await bob_calls(phone, bob)
        assert "488" in str(await bob.wait("CALL_CLOSED"))


async def bob_is_heard(ear: Ear, call: Call, there: bool, seconds: float = 5.0) -> None:
    """Wait until he is, or is not any more."""
    try:
        async with asyncio.timeout(seconds):
            while (abs(ear.hz() - 880) < 18) is not there:
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"we hear {ear.hz():.0f} Hz; {call.audio.stats}")


@pytest.mark.rfc(3264, "8.4")
@pytest.mark.parametrize(("ours", "his"), [("sdes", SAVP), ("dtls", DTLS)])
async def test_hold_both_ways_and_back_under_the_same_keys(
    tmp_path: Path, ours: str, his: str
) -> None:
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=his) as bob,
        Phone(listen=LISTEN, encryption=ours) as phone,
    ):
        call = await we_call(phone, bob)
        async with they_hear(call, bob):
            suite, ear = call.audio.suite, Ear(call.audio.rate, 0.2)
            call.listen(ear.write)
            for on in (True, False):
                await call.hold(on)
                await bob_is_heard(ear, call, not on)
            for on in (True, False):
                await bob.hold(on)
                await bob_is_heard(ear, call, not on)
                assert call.audio.held_by_remote is on
            assert call.audio.suite == suite
            # its recorder stays shut after a re-INVITE, but what it cannot decrypt it would tell
            assert "failed to decrypt" not in bob.last_words(1 << 20)
            await they_part(call, bob)


def forged(sdp: bytes) -> bytes:
    """With fingerprints of another certificate."""

    def change(found: re.Match[bytes]) -> bytes:
        return found[1] + (b"1" if found[2] == b"0" else b"0")

    return re.sub(rb"(a=fingerprint:\S+ )(.)", change, sdp)


@pytest.mark.rfc(8122, "5")
async def test_a_certificate_that_is_not_the_one_he_named_ends_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in ("accept", "answer"):
        right = getattr(MediaStream, verb)

        def fooled(stream: MediaStream, sdp: bytes, right: Any = right) -> Any:
            return right(stream, forged(sdp))

        monkeypatch.setattr(MediaStream, verb, fooled)
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=DTLS) as bob,
        Phone(listen=LISTEN, encryption="dtls") as phone,
    ):
        for connect in (we_call, bob_calls):
            call = await connect(phone, bob)
            ended = await asyncio.wait_for(call.ended(), 5)
            assert (ended.status, ended.by_remote) == (488, False)
            assert "certificate" in ended.reason
            assert call.audio.stats.packets_received == 0
            await bob.wait("CALL_CLOSED")


@pytest.mark.rfc(8122, "5")
async def test_bob_does_not_believe_our_certificate_where_we_named_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer, answer = MediaStream.offer, MediaStream.answer
    monkeypatch.setattr(MediaStream, "offer", lambda stream: forged(offer(stream)))
    monkeypatch.setattr(MediaStream, "answer", lambda stream, sdp: forged(answer(stream, sdp)))
    async with (
        Baresip("bob", folder=tmp_path / "bob", account=AUTO, encryption=DTLS) as bob,
        Phone(listen=LISTEN, encryption="dtls") as phone,
    ):
        for connect in (we_call, bob_calls):
            call = await connect(phone, bob)
            await bob.wait("CALL_CLOSED")
            ended = await asyncio.wait_for(call.ended(), 5)
            assert ended.by_remote or "alert" in ended.reason
            assert call.audio.stats.packets_received == 0
        assert bob.last_words(1 << 20).count("fingerprint mismatch") == 2
