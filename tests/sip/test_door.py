"""Bans and rates, with time and chance as numbers."""

from __future__ import annotations

import pytest

from siptg.sip.door import MOST_SOURCES, Door, DoorRules
from tests.support.ends import ALICE, A, B, Ends

THEM, OTHERS = "203.0.113.5", "203.0.113.6"


def door(random: float = 0.5, **rules: float) -> Door:
    return Door(DoorRules(**rules), random=lambda: random)  # type: ignore[arg-type]


def test_too_many_wrong_passwords_ban_and_each_ban_is_longer() -> None:
    made, now, lengths = door(tries=3, ban=60, rate=0), 0.0, []
    for _ in range(3):
        assert [made.failed(THEM, now) for _ in range(3)] == [False, False, True]
        assert not made.admits(THEM, now) and made.admits(OTHERS, now)
        begun = now
        while not made.admits(THEM, now):
            now += 1
        lengths.append(now - begun)
    assert lengths == [60, 120, 240]


@pytest.mark.parametrize(("chance", "length"), [(0.0, 30), (0.5, 60), (0.999, 90)])
def test_the_length_of_a_ban_is_not_to_be_known(chance: float, length: float) -> None:
    made = door(chance, tries=1, ban=60, rate=0)
    made.failed(THEM, 0.0)
    assert made.is_banned(THEM, length - 1) and not made.is_banned(THEM, length + 1)


def test_a_success_and_a_long_time_forgive() -> None:
    made = door(tries=2, window=100)
    made.failed(THEM, 0.0)
    made.succeeded(THEM)
    assert not made.failed(THEM, 1.0)
    assert not made.failed(THEM, 200.0)
    assert made.failed(THEM, 201.0)


def test_a_source_has_a_burst_and_a_rate() -> None:
    made = door(rate=10, burst=20)
    assert sum(made.admits(THEM, 0.0) for _ in range(100)) == 20
    assert sum(made.admits(THEM, 1.0) for _ in range(100)) == 10
    assert sum(made.admits(OTHERS, 1.0) for _ in range(100)) == 20


def test_a_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_own() -> None:
    made = door(tries=1)
    made.failed("2001:db8:1:2::9", 0.0)
    assert made.is_banned("2001:db8:1:2:ffff::1", 1.0)
    assert not made.is_banned("2001:db8:1:3::9", 1.0)
    made.failed("::ffff:203.0.113.9", 0.0)
    assert made.is_banned("203.0.113.9", 1.0)


def test_trunks_and_our_own_machine_are_neither_limited_nor_banned() -> None:
    made = Door(DoorRules(tries=1, burst=1), peers={"203.0.113.0/29": "carrier"})
    assert made.peer(THEM) == "carrier" and made.peer("198.51.100.1") is None
    for address in (THEM, "127.0.0.1", "::1"):
        assert not made.failed(address, 0.0)
        assert all(made.admits(address, 0.0) for _ in range(10))
    with pytest.raises(ValueError, match="nonsense"):
        Door(peers={"nonsense": "x"})


def test_sources_are_bounded() -> None:
    made = door(tries=2)
    for n in range(MOST_SOURCES + 100):
        made.failed(f"198.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0.0)
    assert len(made._sources) == MOST_SOURCES


def test_who_guesses_passwords_gets_no_answer_any_more() -> None:
    ends = Ends(guard=True)
    ends.b._front.door = Door(DoorRules(tries=3), random=lambda: 0.5)
    bad = type(ALICE)(ALICE.uri, "wrong")
    for _ in range(3):
        ends.call(bad)
        ends.run(3)
    assert ends.b.counters["banned"] == 1
    said = len(ends.said)
    ends.call(bad)
    ends.run(3)
    assert ends.said[said:] == ["INVITE"] * len(ends.said[said:])
    assert ends.b.counters["not_admitted"] == len(ends.said) - said


def test_a_trunk_needs_no_password() -> None:
    ends = Ends(guard=True)
    ends.b._front.door = Door(peers={f"{A[0]}/32": "trunk"})
    ends.call()
    ends.run(1)
    assert len(ends.incoming) == 1 and "401" not in ends.said
    assert B[0] != A[0]
