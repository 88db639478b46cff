"""What keeps a stream from others, without sockets: SDES, DTLS, neither, changes in mid-call."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import attrs
import pytest

from siptg.rtp.keys.certificate import Certificate
from siptg.rtp.keys.shield import Shield
from siptg.rtp.keys.srtp import FORMER_KEPT
from siptg.rtp.offer import Dtls, Plain, Sdes, Setup
from siptg.rtp.sdp.fingerprint import Fingerprint
from tests.rtp.dtls_network import certificate
from tests.rtp.srtp_ends import CM, EVERY, GCM, REPORT, keys, rtp


def unreachable(data: bytes) -> None:
    raise AssertionError("no datagram is due")


def no_certificate() -> Certificate:
    raise AssertionError("no certificate is asked for")


def shield() -> Shield:
    return Shield(no_certificate, unreachable)


def sdes(suite: str, ours: int, theirs: int) -> Sdes:
    return Sdes(suite, keys(suite, ours), keys(suite, theirs))


def pair(suite: str = CM) -> tuple[Shield, Shield]:
    a, b = shield(), shield()
    a.agree(sdes(suite, 1, 2), 0.0)
    b.agree(sdes(suite, 2, 1), 0.0)
    return a, b


def sealed(one: Shield, n: int) -> bytes:
    data = one.seal(rtp(n))
    assert data is not None
    return data


def test_what_is_plain_goes_as_it_is() -> None:
    plain = shield()
    assert plain.ready and plain.plain and plain.suite == ""
    for go in (plain.seal, plain.open, plain.seal_rtcp, plain.open_rtcp):
        assert go(b"anything") == b"anything"
    assert plain.deadline() is None
    plain.receive_dtls(b"\x16 whatever", 0.0)
    plain.tick(1.0)
    plain.close()
    assert plain.refused == 0


@pytest.mark.rfc(4568, "6.1")
@EVERY
def test_under_sdes_each_side_opens_what_the_other_sealed(suite: str) -> None:
    a, b = pair(suite)
    assert a.ready and not a.plain and a.suite == suite
    for one, other in ((a, b), (b, a)):
        for n in range(5):
            assert sealed(one, n) != rtp(n)
            assert other.open(sealed(one, n + 5)) == rtp(n + 5)
        report = one.seal_rtcp(REPORT)
        assert report is not None and other.open_rtcp(report) == REPORT
    assert (a.refused, b.refused) == (0, 0)


def test_what_is_not_theirs_or_comes_twice_is_refused_and_counted() -> None:
    a, b = pair()
    good = sealed(a, 1)
    assert b.open(good) is not None
    stranger, _ = pair(GCM)
    report = a.seal_rtcp(REPORT)
    assert report is not None and b.open_rtcp(report) == REPORT
    for bad in (good, rtp(2), b"", b"\x80", sealed(stranger, 3), good[:-1], bytes(3000)):
        assert b.open(bad) is None
    for bad in (report, REPORT, b"", b"\x80\xc8"):
        assert b.open_rtcp(bad) is None
    assert b.refused == 11


def test_what_is_too_long_to_be_sealed_is_not_sent() -> None:
    a, _ = pair()
    assert a.seal(bytes(9000)) is None and a.seal_rtcp(bytes(9000)) is None and a.refused == 2


@pytest.mark.rfc(4568, "7.1.4")
def test_new_keys_in_mid_call_open_what_is_still_on_its_way_under_the_old_ones() -> None:
    a, b = pair()
    flying = [sealed(a, n) for n in range(4)]
    b.agree(sdes(CM, 2, 3), 10.0)  # a's key is another one from now on
    a.agree(sdes(CM, 3, 2), 10.1)
    assert b.open(flying[0]) == rtp(0)
    assert b.open(sealed(a, 10)) == rtp(10)
    assert b.open(flying[1]) == rtp(1)  # overtaken
    assert a.open(sealed(b, 1)) == rtp(1)
    assert b.deadline() == 10.0 + FORMER_KEPT
    b.tick(10.0 + FORMER_KEPT)
    assert b.open(flying[2]) is None and b.open(sealed(a, 11)) == rtp(11)
    assert b.deadline() is None


@pytest.mark.parametrize("suite", [GCM, "AES_CM_128_HMAC_SHA1_32"])
def test_another_suite_in_mid_call(suite: str) -> None:
    a, b = pair()
    assert b.open(sealed(a, 1)) == rtp(1)
    a.agree(sdes(suite, 5, 6), 1.0)
    b.agree(sdes(suite, 6, 5), 1.0)
    assert b.open(sealed(a, 2)) == rtp(2) and a.open(sealed(b, 1)) == rtp(1)
    assert a.suite == suite


def test_the_same_keys_agreed_again_change_nothing() -> None:
    """A re-INVITE for a hold: counters go on, and what was heard is not heard twice."""
    a, b = pair()
    old = sealed(a, 1)
    assert b.open(old) == rtp(1)
    for one, other, numbers in ((a, b, (1, 2)), (b, a, (2, 1))):
        one.agree(sdes(CM, *numbers), 5.0)
        assert other.deadline() is None
    assert b.open(old) is None and b.open(sealed(a, 2)) == rtp(2)


def test_a_call_may_begin_and_cease_to_be_encrypted() -> None:
    a, b = shield(), shield()
    for one, numbers in ((a, (1, 2)), (b, (2, 1))):
        one.agree(Plain(), 0.0)
        one.agree(sdes(CM, *numbers), 1.0)
    assert b.open(sealed(a, 1)) == rtp(1) and b.open(rtp(2)) is None
    for one in (a, b):
        one.agree(Plain(), 2.0)
    assert a.seal(rtp(3)) == rtp(3) == b.open(rtp(3))


@attrs.define(eq=False)
class Hands:
    """Two shields that shake hands; of each way the list says which datagrams are lost."""

    lost: tuple[list[bool], list[bool]] = attrs.field(factory=lambda: ([], []))
    now: float = 0.0
    shields: tuple[Shield, Shield] = attrs.field(init=False)
    flying: list[tuple[int, bytes]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        hers, his = certificate("hers"), certificate("his")
        self.shields = Shield(lambda: hers, self._sender(1)), Shield(lambda: his, self._sender(0))

    def _sender(self, to: int) -> Any:
        lost = iter([*self.lost[1 - to]])

        def send(data: bytes) -> None:
            if not next(lost, False):
                self.flying.append((to, data))

        return send

    def agree(
        self, *, active: int = 0, association: int = 1, wrong: bool = False, who: str = "both"
    ) -> None:
        names = ("hers", "his")
        for n, one in enumerate(self.shields):
            if who not in ("both", names[n]):
                continue
            theirs = Fingerprint(*certificate(names[1 - n] if not wrong else "nobody").fingerprint)
            setup = Setup.ACTIVE if n == active else Setup.PASSIVE
            one.agree(Dtls((theirs,), setup, "", "", association), self.now)

    def run(self, seconds: float = 10.0) -> None:
        until = self.now + seconds
        while self.now < until:
            while self.flying:
                to, data = self.flying.pop(0)
                self.shields[to].receive_dtls(data, self.now)
            due = [at for one in self.shields if (at := one.deadline()) is not None]
            self.now = min([*due, until])
            for one in self.shields:
                if (at := one.deadline()) is not None and at <= self.now:
                    one.tick(self.now)


def talk(hands: Hands) -> None:
    a, b = hands.shields
    for one, other in ((a, b), (b, a)):
        assert other.open(sealed(one, 1)) == rtp(1)
        report = one.seal_rtcp(REPORT)
        assert report is not None and other.open_rtcp(report) == REPORT


@pytest.mark.rfc(5764, "4.2")
@pytest.mark.parametrize("active", [0, 1])
def test_hands_are_shaken_by_either_part_and_nothing_goes_before(active: int) -> None:
    hands = Hands()
    hands.agree(active=active)
    for one in hands.shields:
        assert not one.ready and not one.plain
        assert one.seal(rtp(1)) is None and one.open(rtp(1)) is None
        assert one.seal_rtcp(REPORT) is None and one.open_rtcp(REPORT) is None
        assert one.deadline() is not None
    hands.run()
    talk(hands)
    assert all(one.ready and one.suite.startswith("AEAD") for one in hands.shields)
    assert all(one.deadline() is None and not one.failed for one in hands.shields)


@pytest.mark.rfc(6347, "4.2.4")
@pytest.mark.parametrize("lost", [([True], []), ([], [True]), ([True, False, True], [True])])
def test_flights_that_are_lost_are_sent_again(lost: tuple[list[bool], list[bool]]) -> None:
    hands = Hands(lost)
    hands.agree()
    hands.run()
    talk(hands)
    assert hands.now >= 0.2


@pytest.mark.rfc(8122, "5")
def test_a_certificate_that_was_not_named_is_told_and_nothing_is_ever_sent() -> None:
    hands = Hands()
    hands.agree(wrong=True)
    hands.run(60.0)
    assert any("certificate" in one.failed for one in hands.shields)
    for one in hands.shields:
        assert one.failed and not one.ready and one.suite == ""
        assert one.seal(rtp(1)) is None and one.open(rtp(1)) is None


def test_nobody_who_answers_is_told_too() -> None:
    hands = Hands(([True] * 100, [True] * 100))
    hands.agree()
    hands.run(100.0)
    assert [one.failed for one in hands.shields] == ["the peer did not answer"] * 2


@pytest.mark.rfc(8842, "4")
def test_an_association_that_stands_goes_on_and_a_new_one_shakes_hands_anew() -> None:
    hands = Hands()
    hands.agree()
    hands.run()
    before = [one.srtp for one in hands.shields]
    hands.agree()
    assert [one.srtp for one in hands.shields] == before and not hands.flying
    hands.agree(association=2, active=1)
    assert not any(one.ready for one in hands.shields)
    hands.run()
    talk(hands)
    assert [one.srtp for one in hands.shields] != before


def test_from_one_way_of_keying_to_the_other() -> None:
    hands = Hands()
    a, b = hands.shields
    a.agree(sdes(CM, 1, 2), 0.0)
    b.agree(sdes(CM, 2, 1), 0.0)
    hands.agree()
    assert not a.ready
    hands.run()
    talk(hands)
    a.agree(sdes(CM, 3, 4), hands.now)
    b.agree(sdes(CM, 4, 3), hands.now)
    talk(hands)
    assert a.suite == CM


def test_whoever_closes_says_so_and_the_other_goes_on_with_what_is_on_its_way() -> None:
    hands = Hands()
    hands.agree()
    hands.run()
    a, b = hands.shields
    flying = sealed(a, 9)
    a.close()
    hands.run(1.0)
    assert b.open(flying) == rtp(9) and not b.failed


def test_garbage_does_not_end_a_handshake() -> None:
    hands = Hands()
    hands.agree()
    for n, data in zip(range(60), cycle([b"", b"\x16", bytes(100), b"\x16\xfe\xfd" + bytes(80)])):
        hands.shields[n % 2].receive_dtls(data, 0.0)
    hands.run()
    talk(hands)
