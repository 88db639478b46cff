"""A bridge between two streams on loopback: Opus goes through it from RTP to SRTP and back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from siptg.app.bridge import Bridge
from siptg.rtp.codecs import OPUS, PCMU, Codec
from siptg.rtp.offer import Policy
from siptg.rtp.stream import MediaStream
from tests.support.joined import PortLeg, hum, listen, windows
from tests.support.streams import Ends, Time, by_hand, ends, wants


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Time:
    return by_hand(monkeypatch)


def spied(stream: MediaStream) -> list[bytes]:
    """The payloads that it sends, before they are sealed."""
    outbound = stream._session.outbound
    send, said = outbound.send, list[bytes]()

    def watch(data: bytes) -> None:
        said.append(data[12:])
        send(data)

    outbound.send = watch
    return said


def talk(one: Ends, other: Ends, bridge: Bridge, beats: int) -> list[np.ndarray[Any, Any]]:
    """`one.a` says a tone, `other.b` listens; `one.b` and `other.a` are the bridge's legs."""
    heard = []
    said = one.said.setdefault(one.a, iter(hum(one.a.rate)))
    for _ in range(beats):
        one.hours.now += 0.02
        for pair in (one, other):
            for _ in range(4):
                pair.clock.poller.fetch()
        one.a.read()
        one.a.write(next(said))
        bridge.tick()
        heard.append(other.b.read())
    return heard


@pytest.mark.parametrize("codec", [OPUS, PCMU], ids=lambda codec: codec.name)
async def test_payloads_cross_two_networks_unchanged_and_ears_are_not_heard(
    hours: Time, codec: Codec
) -> None:
    secret = wants(codec, security=Policy.SDES)
    async with (
        ends(hours, wants(codec), wants(codec)) as one,
        ends(hours, secret, secret, seed=2) as other,
    ):
        one.agree()
        other.agree()
        legs = (PortLeg("here", one.b), PortLeg("there", other.a))
        bridge = Bridge(cast(Any, legs[0]), cast(Any, legs[1]))
        said, passed = spied(one.a), spied(other.a)
        heard = talk(one, other, bridge, 100)
        ear, off = listen(bridge)
        heard += talk(one, other, bridge, 100)
        off()
        heard += talk(one, other, bridge, 100)
        assert passed[3:] == said[3 : len(passed)] and len(passed) >= 295
        sound = windows(np.concatenate(heard[50:]), other.b.rate, 440)
        assert sound.rest.max() < -25 and abs(sound.level + 20).max() < 0.5
        overheard = windows(ear.side(0), one.b.rate, 440).between(0.3, 2)
        assert abs(overheard.level + 20).max() < 0.5
        assert other.b.stats.lost == other.b.stats.concealed == 0


async def test_keys_in_the_audio_ask_for_samples_and_then_packets_go_on(hours: Time) -> None:
    async with (
        ends(hours, wants(PCMU), wants(PCMU)) as one,
        ends(hours, wants(PCMU), wants(PCMU, events=""), seed=2) as other,
    ):
        one.agree()
        other.agree()
        told: list[str] = []
        other.b.on_digit = told.append
        other.b.listen_for_tones(True)
        legs = (PortLeg("here", one.b), PortLeg("there", other.a))
        bridge = Bridge(cast(Any, legs[0]), cast(Any, legs[1]))
        said, passed = spied(one.a), spied(other.a)
        talk(one, other, bridge, 50)
        other.a._session.outbound.sing("42")
        talk(one, other, bridge, 40)
        assert told == ["4", "2"]
        talk(one, other, bridge, 20)
        assert passed[-10:] == said[len(passed) - 10 : len(passed)]
