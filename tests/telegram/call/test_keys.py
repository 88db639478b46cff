"""Key agreement, cipher and framing: what must fit, what must be refused, what may be lost."""

from __future__ import annotations

import gzip
import os
from hashlib import sha1

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.telegram.call.dh import Group, KeyRefused, Secret, SharedKey, check_commitment
from siptg.telegram.call.emoji import EMOJI
from siptg.telegram.lab.handshake import GENERATOR, PRIME
from siptg.telegram.signalling.acknowledged import AcknowledgedFraming
from siptg.telegram.signalling.cipher import SignallingCipher

GROUP = Group(PRIME, GENERATOR, 1)


def test_both_sides_come_to_the_same_key_fingerprint_and_signs() -> None:
    a, b = Secret.draw(GROUP, os.urandom, os.urandom(256)), Secret.draw(GROUP, os.urandom)
    ours, theirs = a.agree(b.public), b.agree(a.public)
    assert ours == theirs and len(ours.key) == 256
    assert ours.fingerprint == int.from_bytes(sha1(ours.key).digest()[-8:], "little", signed=True)
    assert ours.emoji(a.public) == theirs.emoji(a.public)
    assert len(ours.emoji(a.public).split(" ")) == 4
    check_commitment(a.public, a.commitment)
    with pytest.raises(KeyRefused, match="not what the caller promised"):
        check_commitment(b.public, a.commitment)


def test_the_group_is_proved_sound() -> None:
    GROUP.check(os.urandom)


@pytest.mark.parametrize(
    ("p", "g", "why"),
    [
        (PRIME, 1, "g is 1"),
        (PRIME, 8, "g is 8"),
        (PRIME, 256, "g is 256"),
        (PRIME >> 8, 2, "2040 bits"),
        (PRIME - 8, 4, "no safe prime"),
    ],
)
def test_a_group_that_is_not_sound_is_refused(p: int, g: int, why: str) -> None:
    with pytest.raises(KeyRefused, match=why):
        Group(p, g).check(os.urandom)


@pytest.mark.parametrize("value", [0, 1, 2, PRIME - 1, PRIME, PRIME - 2, 1 << 1983, 1 << 2047 << 8])
def test_public_values_at_the_edges_are_refused(value: int) -> None:
    secret = Secret.draw(GROUP, os.urandom)
    with pytest.raises(KeyRefused, match="out of range"):
        secret.agree(value.to_bytes(260, "big"))


def test_a_value_of_255_bytes_is_hashed_as_it_travelled() -> None:
    key = SharedKey(bytes(256))
    assert key.emoji(b"\0" + b"x" * 255) != key.emoji(b"x" * 255)


def test_our_public_values_never_begin_with_a_zero_byte() -> None:
    drawn = [Secret.draw(GROUP, os.urandom).public for _ in range(8)]
    assert all(len(p) == 256 and p[0] for p in drawn)


def test_the_333_signs_are_distinct() -> None:
    assert (len(EMOJI), len(set(EMOJI)), EMOJI[0], EMOJI[332]) == (333, 333, "😉", "🔷")


def test_secrets_are_in_no_repr() -> None:
    secret = Secret.draw(GROUP, os.urandom)
    assert str(secret.exponent) not in repr(secret)
    assert "x" * 10 not in repr(SharedKey(b"x" * 256))


KEY = bytes(range(256))


def test_what_the_caller_seals_the_callee_alone_opens() -> None:
    caller, callee = (SignallingCipher(KEY, caller=who) for who in (True, False))
    packet = caller.seal(b"\0\0\0\1\xfehello")
    assert callee.open(packet) == b"\0\0\0\1\xfehello"
    assert caller.open(packet) is None
    assert SignallingCipher(KEY[::-1], caller=False).open(packet) is None
    assert callee.open(packet[:-1] + bytes([packet[-1] ^ 1])) is None
    assert callee.open(b"") is None and callee.open(bytes(200_000)) is None


class Pair:
    """Two framings and what each has heard."""

    def __init__(self) -> None:
        self.ends = [AcknowledgedFraming(SignallingCipher(KEY, caller=c)) for c in (True, False)]
        self.heard: list[list[bytes]] = [[], []]

    def carry(self, source: int, now: float, copies: int = 1) -> None:
        for packet in self.ends[source].outgoing():
            for _ in range(copies):
                self.heard[1 - source] += self.ends[1 - source].receive(packet, now)

    def drop(self, source: int) -> int:
        return len(self.ends[source].outgoing())


def test_a_message_arrives_and_is_acknowledged_at_once() -> None:
    pair = Pair()
    pair.ends[0].post(b"{}", 0.0)
    pair.carry(0, 0.1)
    pair.carry(1, 0.2)
    assert pair.heard == [[b"{}"], []][::-1] and pair.ends[0].deadline() is None


def test_what_is_not_acknowledged_comes_again_after_five_seconds() -> None:
    pair = Pair()
    pair.ends[0].post(b"one", 0.0)
    assert pair.drop(0) == 1
    assert pair.ends[0].deadline() == 5.0
    pair.ends[0].tick(5.0)
    pair.carry(0, 5.1)
    assert pair.heard[1] == [b"one"]


def test_a_second_message_takes_the_unacknowledged_first_along_in_order() -> None:
    pair = Pair()
    pair.ends[0].post(b"one", 0.0)
    pair.drop(0)
    pair.ends[0].post(b"two", 1.0)
    pair.carry(0, 1.1)
    assert pair.heard[1] == [b"one", b"two"]


def test_doubles_are_heard_once() -> None:
    pair = Pair()
    pair.ends[0].post(b"one", 0.0)
    pair.carry(0, 0.1, copies=3)
    assert pair.heard[1] == [b"one"] and pair.ends[1].counters["repeated"] == 2


def test_gzip_is_unpacked_and_bombs_are_not() -> None:
    pair = Pair()
    pair.ends[0].post(gzip.compress(b"packed"), 0.0)
    pair.ends[0].post(gzip.compress(bytes(3 << 20)), 0.0)
    pair.carry(0, 0.1)
    assert pair.heard[1] == [b"packed"] and pair.ends[1].counters["bad_gzip"] == 1


def test_garbage_is_counted() -> None:
    pair = Pair()
    assert pair.ends[0].receive(b"x" * 100, 0.0) == []
    assert pair.ends[0].counters["undecryptable"] == 1
    odd = SignallingCipher(KEY, caller=False).seal(b"\x80\0\0\1\x7f\xff\xff\xff\xff")
    assert pair.ends[0].receive(odd, 0.0) == [] and pair.ends[0].counters["cut_off"] == 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=60))
def test_five_messages_each_way_arrive_whatever_is_lost_or_doubled(
    fates: list[tuple[bool, int]],
) -> None:
    """After some bad luck everything gets through: every message, once, at both ends."""
    pair, fate, now = Pair(), iter(fates), 0.0
    for n in range(5):
        for end in (0, 1):
            pair.ends[end].post(b"%d" % n, now)
    for _ in range(200):
        now += 0.5
        for end in (0, 1):
            pair.ends[end].tick(now)
            for packet in pair.ends[end].outgoing():
                lost, copies = next(fate, (False, 1))
                for _ in range(0 if lost else copies):
                    pair.heard[1 - end] += pair.ends[1 - end].receive(packet, now)
    assert [sorted(heard) for heard in pair.heard] == [[b"%d" % n for n in range(5)]] * 2
    assert all(end.deadline() is None for end in pair.ends)
