"""Offers in the manner of what is in the field, each answered as its maker expects."""

from __future__ import annotations

import pytest

from siptg.rtp.codecs import OPUS, PCMA, PCMU
from siptg.rtp.offer import Direction, Dtls, Plain, Policy, Sdes, Setup
from tests.support.devices import DEVICES
from tests.support.sdp import G722, OURS, THEIRS, agreed, end, parsed

BOTH, LISTEN = Direction.SENDRECV, Direction.RECVONLY


@pytest.mark.parametrize(
    ("name", "codec", "numbers", "ptime", "direction", "security", "ports"),
    [
        ("asterisk", G722, (9, 101), 20, BOTH, Plain, [2000]),
        ("freeswitch", OPUS, (102, 103), 20, BOTH, Plain, [2000, 0]),
        ("cisco", PCMU, (0, 101), 20, BOTH, Plain, [2000, 0]),
        ("chrome", OPUS, (111, 110), 20, BOTH, Dtls, [2000, 0]),
        ("linphone", OPUS, (96, 101), 20, BOTH, Sdes, [2000]),
        ("lync", G722, (9, 101), 20, BOTH, Sdes, [2000]),
        ("polycom", G722, (9, 127), 20, BOTH, Sdes, [2000, 0]),
        ("baresip", OPUS, (96, 101), 20, BOTH, Sdes, [2000]),
        ("old gateway", PCMA, (8, 96), 30, BOTH, Plain, [2000, 0]),
        ("old hold", PCMA, (8, 101), 20, LISTEN, Plain, [2000]),
        ("doorbell", PCMU, (0, None), 20, BOTH, Plain, [2000]),
        ("carrier", PCMA, (8, 106), 20, BOTH, Plain, [2000]),
    ],
)
def test_what_is_in_the_field_is_answered(
    name: str,
    codec: object,
    numbers: tuple[int, int | None],
    ptime: int,
    direction: Direction,
    security: type,
    ports: list[int],
) -> None:
    us = end(
        *(OPUS, G722, PCMU, PCMA),
        host="2001:db8::1" if name == "carrier" else "192.0.2.1",
        security=Policy.SDES_OPTIONAL,
        fingerprint=OURS,
    )
    answer, got = parsed(us.answer(DEVICES[name])), agreed(us)
    assert got.codec is codec and (got.send_type, got.event_type) == numbers
    assert (got.ptime, got.direction, type(got.security)) == (ptime, direction, security)
    assert [one.port for one in answer.media] == ports
    theirs = parsed(DEVICES[name])
    assert [one.protocol for one in answer.media] == [one.protocol for one in theirs.media]
    again = parsed(us.offer())
    assert [bool(one.port) for one in again.media] == [bool(port) for port in ports]


def test_a_browser_is_answered_in_its_bundle_and_we_begin_the_handshake() -> None:
    us = end(OPUS, security=Policy.DTLS, fingerprint=OURS)
    answer = parsed(us.answer(DEVICES["chrome"]))
    audio, video = answer.media
    assert answer.groups("BUNDLE") == [["0"]]
    assert (audio.get("mid"), video.get("mid")) == ("0", "1")
    assert audio.has("rtcp-mux") and audio.has("rtcp-rsize") and audio.get("setup") == "active"
    security = agreed(us).security
    assert isinstance(security, Dtls)
    assert (security.fingerprints, security.setup) == ((THEIRS,), Setup.ACTIVE)
    assert agreed(us).remote_rtcp == agreed(us).remote == ("192.0.2.13", 54_321)


def test_of_keys_those_are_taken_that_need_no_identifier() -> None:
    us = end(G722, security=Policy.SDES)
    answer = parsed(us.answer(DEVICES["lync"]))
    assert (answer.media[0].get("crypto") or "").startswith("3 AES_CM_128_HMAC_SHA1_80 inline:")
    security = agreed(us).security
    assert isinstance(security, Sdes) and security.lifetime == 1 << 31


@pytest.mark.parametrize("name", ["polycom", "baresip"])
def test_in_plain_best_effort_is_answered_in_plain(name: str) -> None:
    us = end(PCMU)
    answer = parsed(us.answer(DEVICES[name]))
    assert agreed(us).security == Plain() and not answer.media[0].has("crypto")
    assert [one.protocol for one in answer.media if one.port] == ["RTP/AVP"]


def test_rtcp_of_who_has_no_address_for_it_yet_goes_with_the_rest() -> None:
    us = end(OPUS, security=Policy.DTLS, fingerprint=OURS, rtcp_mux=False)
    us.answer(DEVICES["chrome"])
    assert agreed(us).remote_rtcp == ("0.0.0.0", 9)
