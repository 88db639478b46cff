"""A call recorded by its phone: both sides, from the middle of the call to its end."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from siptg.phone import Phone
from siptg.rtp.recording.plan import Plan
from siptg.rtp.sounds.goertzel import loudest


@pytest.mark.world
async def test_what_we_say_is_left_and_what_they_say_right(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as at,
        Phone(listen=("127.0.0.1", 0)) as phone,
    ):
        outgoing = await phone.dial(f"sip:100@127.0.0.1:{at.address[1]}")
        incoming = await asyncio.wait_for(anext(at.incoming()), 3)
        theirs, ours = await incoming.answer(), await outgoing.answered()
        recorder = ours.record(tmp_path / "call.wav", Plan(rate=8000))
        await asyncio.gather(ours.play("tone:440/1200"), theirs.play("tone:880/1200"))
        await ours.hangup()
        await ours.ended()
        made = await asyncio.wait_for(asyncio.wrap_future(recorder.finished), 5)
    assert made.error is None
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 8000)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    middle = samples[len(samples) // 3 : len(samples) // 3 + 4000]
    assert loudest(middle[:, 0].copy(), 8000)[0] == pytest.approx(440, abs=5)
    assert loudest(middle[:, 1].copy(), 8000)[0] == pytest.approx(880, abs=5)


async def test_a_name_that_ends_in_no_format_is_refused(tmp_path: Path) -> None:
    async with (
        Phone(listen=("127.0.0.1", 0)) as at,
        Phone(listen=("127.0.0.1", 0)) as phone,
    ):
        outgoing = await phone.dial(f"sip:100@127.0.0.1:{at.address[1]}")
        incoming = await asyncio.wait_for(anext(at.incoming()), 3)
        await incoming.answer()
        ours = await outgoing.answered()
        with pytest.raises(ValueError, match=r"\.ogg"):
            ours.record(tmp_path / "call.doc")
