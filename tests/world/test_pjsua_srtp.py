"""Our phone and PJSIP, encrypted by SDES: each suite, best effort, hold, new keys in mid-call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest

from siptg.phone import CallFailed, Phone
from tests.world.pjsua import Pjsua
from tests.world.talk import LISTEN, first_call
from tests.world.test_pjsua import at, they_talk

pytestmark = pytest.mark.world


@pytest.mark.parametrize(
    ("ours", "theirs", "encrypted"),
    [
        ("sdes", "mandatory", True),
        ("sdes-optional", "optional", True),
        ("sdes-optional", "", False),
    ],
)
async def test_we_call_and_are_called_encrypted_where_both_can(
    tmp_path: Path, ours: str, theirs: str, encrypted: bool
) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=True, srtp=theirs) as bob,
        Phone(listen=LISTEN, encryption=ours) as phone,
    ):
        call = await (await phone.dial(bob.uri)).answered()
        assert bool(call.audio.suite) is encrypted
        async with they_talk(call, bob):
            await call.hangup()
        await bob.tell("dial", uri=at(phone))
        call = await (await first_call(phone)).answer()
        assert bool(call.audio.suite) is encrypted
        async with they_talk(call, bob):
            await bob.tell("hangup")
        await asyncio.wait_for(call.ended(), 3)
        assert (call.audio.stats.lost, call.audio.stats.refused) == (0, 0)


@pytest.mark.rfc(6188, "4")
@pytest.mark.rfc(4568, "7.1.4")
async def test_new_keys_and_hold_in_mid_call(tmp_path: Path) -> None:
    suite = "AES_256_CM_HMAC_SHA1_80"  # which baresip does not know
    async with (
        Pjsua(folder=tmp_path, answer=True, srtp="mandatory") as bob,
        Phone(listen=LISTEN, encryption="sdes") as phone,
    ):
        phone.terms = attrs.evolve(phone.terms, offered_suites=(suite,))
        call = await asyncio.wait_for((await phone.dial(bob.uri)).answered(), 5)
        assert call.audio.suite == suite
        async with they_talk(call, bob):
            for _ in range(2):
                await call.renew_keys()
                await asyncio.sleep(0.3)
            await call.hold()
            await bob.wait("media", status=[3])
            await call.hold(False)
            await bob.wait("media", status=[1])
        bob.events = [event for event in bob.events if event["event"] != "heard"]
        async with they_talk(call, bob):
            await call.hangup()
        # refused may be an RTCP packet: PJSIP begins to number them anew when it is held
        assert call.audio.stats.lost == 0


async def test_who_must_encrypt_does_not_talk_to_who_does_not(tmp_path: Path) -> None:
    async with (
        Pjsua(folder=tmp_path, answer=True, srtp="mandatory") as bob,
        Phone(listen=LISTEN) as phone,
    ):
        with pytest.raises(CallFailed, match=r"488|606"):
            await asyncio.wait_for((await phone.dial(bob.uri)).answered(), 5)
