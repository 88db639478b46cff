"""RTCP between two ends: what is said when, the round trip, farewells, and a hostile other end."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siptg.rtp.rtcp.packets import (
    CNAME,
    Chunk,
    Goodbye,
    Other,
    Packet,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    compound,
    parse,
)
from siptg.rtp.rtcp.reports import MOST_A_SECOND, MOST_REMEMBERED, Reports
from siptg.rtp.rtcp.schedule import MOST_MEMBERS
from siptg.rtp.stats import StreamStats

WALL = 1_700_000_000.0
TICKS = 160
THEIRS = 0xBEEF


def joined(seed: int = 1, now: float = 0.0) -> Reports:
    return Reports.join(random.Random(seed), now, cname=f"party-{seed}")


def talk(end: Reports, begin: float, seconds: float, ssrc: int = THEIRS) -> None:
    """Both talk: we hear `ssrc`, and send as much ourselves."""
    for n in range(round(begin * 50), round((begin + seconds) * 50)):
        end.sources.receive(ssrc, n & 0xFFFF, n * TICKS, n * 0.02)
        end.sources.sender.sent(n * TICKS, TICKS, n * 0.02)


def next_report(end: Reports) -> tuple[float, tuple[Packet, ...]]:
    """Runs the timer until something is said."""
    while True:
        now = end.deadline()
        if data := end.tick(now, WALL + now):
            return now, parse(data)


class Two:
    """Two ends that talk, and a network that delays by a constant each way and loses by a list."""

    def __init__(self, there: float, back: float, lost: Callable[[int], bool]) -> None:
        self.ends = joined(1), joined(2)
        self.delays = there, back
        self.lost = lost
        self.wire: list[tuple[float, int, int, bytes | tuple[int, int, int]]] = []
        self.posted = 0

    def post(self, now: float, by: int, what: bytes | tuple[int, int, int]) -> None:
        self.posted += 1
        heapq.heappush(self.wire, (now + self.delays[by], self.posted, 1 - by, what))

    def run(self, seconds: float) -> None:
        for n in range(round(seconds * 50)):
            now = n * 0.02
            while self.wire and self.wire[0][0] <= now:
                at, _, to, what = heapq.heappop(self.wire)
                if isinstance(what, bytes):
                    self.ends[to].receive(what, at)
                else:
                    self.ends[to].sources.receive(*what, at)
            for by, end in enumerate(self.ends):
                sender = end.sources.sender
                sender.sent(n * TICKS, TICKS, now)
                if not (by == 0 and self.lost(n)):
                    self.post(now, by, (sender.ssrc, n & 0xFFFF, n * TICKS & 0xFFFFFFFF))
                if end.deadline() <= now and (data := end.tick(now, WALL + 77 * by + now)):
                    self.post(now, by, data)


@pytest.mark.rfc(3550, "6.4.1")
def test_two_ends_measure_the_round_trip_whatever_their_wall_clocks_say() -> None:
    two = Two(0.03, 0.05, lambda n: False)
    two.run(30.0)
    for end in two.ends:
        assert end.far.round_trip == pytest.approx(0.08, abs=1e-4)
        assert end.far.reports >= 3
        assert (end.far.lost, end.garbage) == (0, 0)
    assert [end.their_cname for end in two.ends] == ["party-2", "party-1"]


@pytest.mark.rfc(3550, "6.4.4")
def test_each_end_learns_what_the_other_one_loses_of_it() -> None:
    two = Two(0.02, 0.02, lambda n: n % 10 == 3)
    two.run(60.0)
    first, second = (StreamStats(), StreamStats())
    two.ends[0].count(first)
    two.ends[1].count(second)
    assert first.far_lost / first.far_expected == pytest.approx(0.1, abs=0.005)
    assert first.far_expected == pytest.approx(3000, abs=350)  # up to their last report
    assert (second.far_lost, first.lost) == (0, 0)
    assert second.lost == pytest.approx(300, abs=1)
    assert second.expected == pytest.approx(3000, abs=3)
    block = two.ends[0].far.block
    assert block is not None
    assert block.fraction_lost == pytest.approx(25.6, abs=1)


@pytest.mark.rfc(3550, "6.1")
@pytest.mark.rfc(3550, "6.4")
def test_who_has_sent_nothing_says_rr_and_who_has_says_sr_and_both_their_name() -> None:
    end = joined()
    ours = end.sources.sender.ssrc
    names = SourceDescription((Chunk(ours, ((CNAME, "party-1"),)),))
    assert next_report(end)[1] == (ReceiverReport(ours), names)
    end.sources.sender.sent(5000, 160, 4.0)
    now, (report, described) = next_report(end)
    ntp = (int(WALL) + 2_208_988_800 + now) * 2**32
    assert described == names
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packets, report.octets, report.blocks) == (ours, 1, 160, ())
    assert report.ntp == pytest.approx(ntp, abs=2**32 / 1e5)
    assert report.timestamp == 5000 + round((now - 4.0) * 8000)
    # one interval of silence is still a sender's, two are not (§6.4)
    assert isinstance(next_report(end)[1][0], SenderReport)
    assert isinstance(next_report(end)[1][0], ReceiverReport)


@pytest.mark.rfc(3550, "6.4.1")
def test_a_block_is_there_when_something_came_and_answers_their_sender_report() -> None:
    end = joined()
    talk(end, 0.0, 1.0)
    end.receive(compound([SenderReport(THEIRS, 0x1234_5678_9ABC_DEF0, 1, 1, 1)]), 0.5)
    now, (report, _) = next_report(end)
    assert isinstance(report, SenderReport)
    delay = round((now - 0.5) * 65536)
    assert report.blocks == (ReportBlock(THEIRS, 0, 0, 49, 0, 0x5678_9ABC, delay),)
    _, (report, _) = next_report(end)
    assert isinstance(report, SenderReport)
    assert report.blocks == ()


def test_the_sender_report_of_another_source_is_not_answered_in_the_block() -> None:
    end = joined()
    end.receive(compound([SenderReport(0xDEAD, 1 << 40, 1, 1, 1)]), 0.1)
    talk(end, 0.0, 0.2)
    (report, _) = next_report(end)[1]
    assert isinstance(report, SenderReport)
    assert (report.blocks[0].last_sr, report.blocks[0].delay) == (0, 0)


def test_the_time_in_a_report_is_that_of_the_packets_whatever_key_is_pressed() -> None:
    end = joined()
    sender = end.sources.sender
    assert sender.timestamp(3.0) == 0
    sender.sent(0xFFFFFF00, 160, 1.0)
    for n in range(10):  # a key: all its packets bear the time of its start
        sender.sent(0xFFFFFFA0, 4, 1.02 + n * 0.02)
    assert sender.timestamp(1.22) == (0xFFFFFFA0 + 1600) & 0xFFFFFFFF


@pytest.mark.rfc(3550, "6.3.7")
def test_the_farewell_holds_the_last_figures_and_ends_all() -> None:
    end = joined()
    talk(end, 0.0, 1.0)
    report, names, farewell = parse(end.bye(1.0, WALL, "x" * 254 + "é"))
    ours = end.sources.sender.ssrc
    assert isinstance(report, SenderReport)
    assert (report.packets, report.blocks[0].highest) == (50, 49)
    assert isinstance(names, SourceDescription)
    assert farewell == Goodbye((ours,), "x" * 254)
    assert end.deadline() == math.inf
    assert (end.bye(1.1), end.tick(60.0, WALL)) == (b"", b"")
    end.sources.conflict(61.0)
    assert end.deadline() == math.inf


def test_the_farewells_time_is_reckoned_from_the_last_tick() -> None:
    end = joined()
    talk(end, 0.0, 1.0)
    now, (before, _) = next_report(end)
    after = parse(end.bye(now + 2.5))[0]
    assert isinstance(before, SenderReport) and isinstance(after, SenderReport)
    assert (after.ntp - before.ntp) / 2**32 == pytest.approx(2.5, abs=1e-5)


@pytest.mark.rfc(3550, "6.3.7")
def test_who_never_said_a_word_says_no_farewell() -> None:
    assert joined().bye(1.0) == b""


def test_without_a_wall_clock_the_farewell_is_a_receivers() -> None:
    end = joined()
    talk(end, 0.0, 0.1)
    assert isinstance(parse(end.bye(0.1))[0], ReceiverReport)


@pytest.mark.rfc(3556, "2")
def test_where_rtcp_is_turned_off_not_a_word_is_said_but_theirs_are_heard() -> None:
    end = Reports.join(random.Random(1), 0.0, rtcp_bandwidth=0)
    talk(end, 0.0, 0.1)
    end.sources.conflict(0.1)
    assert end.deadline() == math.inf
    assert (end.tick(10.0, WALL), end.bye(10.0, WALL)) == (b"", b"")
    end.receive(compound([ReceiverReport(THEIRS)]), 1.0)
    assert end.schedule.members == 2


@pytest.mark.rfc(3550, "6.6")
def test_their_farewell_is_noted_with_its_reason_until_they_speak_again() -> None:
    end = joined()
    talk(end, 0.0, 0.1)
    end.receive(compound([ReceiverReport(THEIRS)]), 0.1)
    assert end.schedule.members == 2
    end.receive(compound([ReceiverReport(0xDEAD), Goodbye((0xDEAD,), "not me")]), 0.1)
    assert end.farewell is None
    end.receive(compound([ReceiverReport(THEIRS), Goodbye((THEIRS,), "gone")]), 0.1)
    assert [end.farewell, end.schedule.members] == ["gone", 1]
    assert end.sources.receive(0xCAFE, 1, 0, 0.11)
    end.receive(compound([SenderReport(0xCAFE, 1, 1, 1, 1)]), 0.2)
    assert end.farewell is None


@pytest.mark.rfc(3550, "8.2")
def test_a_collision_retires_our_ssrc_with_a_farewell_at_once() -> None:
    end = joined()
    talk(end, 0.0, 1.0)
    for _ in range(2):
        next_report(end)
    old = end.sources.sender.ssrc
    end.sources.receive(old, 1, 0, 20.0)  # the other end changed to the one that we have
    assert end.deadline() == 0.0
    assert parse(end.tick(20.0, WALL)) == (
        ReceiverReport(old),
        SourceDescription((Chunk(old, ((CNAME, "party-1"),)),)),
        Goodbye((old,)),
    )
    new = end.sources.sender.ssrc
    end.sources.sender.sent(0, 160, 20.0)
    (report, _) = next_report(end)[1]
    assert isinstance(report, SenderReport)
    assert (report.ssrc, report.packets) == (new, 1)
    assert report.blocks[0].ssrc == old
    stats = StreamStats()
    end.count(stats)
    assert (stats.collisions, stats.changes) == (1, 1)


@pytest.mark.rfc(3550, "8.2")
def test_our_own_reports_that_come_back_are_not_taken_for_theirs() -> None:
    end = joined()
    ours = end.sources.sender.ssrc
    echo = compound(
        [
            SenderReport(ours, 1, 1, 1, 1, (ReportBlock(ours, 255),)),
            SourceDescription((Chunk(ours, ((CNAME, "party-1"),)),)),
            Goodbye((ours,)),
        ]
    )
    end.receive(echo, 1.0)
    new = end.sources.sender.ssrc
    assert new != ours
    assert (end.far.block, end.their_cname, end.farewell) == (None, None, None)
    end.receive(compound([ReceiverReport(new, (ReportBlock(new, 255),))]), 1.1)
    assert (end.sources.sender.ssrc, end.sources.loops) == (new, 1)
    assert end.far.reports == 0


def test_a_farewell_in_the_middle_of_a_collision_parts_with_both() -> None:
    end = joined()
    talk(end, 0.0, 0.1)
    old = end.sources.sender.ssrc
    end.sources.conflict(0.1)
    new = end.sources.sender.ssrc
    assert [p for p in parse(end.bye(0.2)) if isinstance(p, Goodbye)] == [
        Goodbye((old,)),
        Goodbye((new,)),
    ]


# what they tell of us


def told(end: Reports, now: float, *blocks: ReportBlock) -> None:
    end.receive(compound([ReceiverReport(THEIRS, blocks)]), now)


def test_their_losses_are_summed_over_restarts_reordering_and_missing_wraps() -> None:
    end = joined()
    ours, sender = end.sources.sender.ssrc, end.sources.sender
    sender.packets = 100
    told(end, 1.0, ReportBlock(ours, 0, 10, 65_500))
    assert (end.far.expected, end.far.lost) == (100, 10)
    told(end, 2.0, ReportBlock(ours, 0, 15, 100))  # 136 more; the wrap is not told
    assert (end.far.expected, end.far.lost) == (236, 15)
    told(end, 2.1, ReportBlock(ours, 0, 12, 65_530))  # an older one, overtaken
    assert (end.far.expected, end.far.lost) == (236, 15)
    told(end, 3.0, ReportBlock(ours, 64, 0, 300))  # they began afresh: a quarter of 200
    assert (end.far.expected, end.far.lost) == (436, 65)
    told(end, 4.0, ReportBlock(0xDEAD, 255, 9999, 400))  # of somebody else
    assert (end.far.expected, end.far.reports) == (436, 3)


def test_a_round_trip_that_cannot_be_is_not_believed() -> None:
    end = joined()
    talk(end, 0.0, 1.0)
    now, (report, _) = next_report(end)
    assert isinstance(report, SenderReport)
    middle = report.ntp >> 16 & 0xFFFFFFFF
    ours = report.ssrc
    told(end, now + 1.0, ReportBlock(ours, last_sr=middle, delay=0xFFFFFFFF))
    told(end, now + 1.0, ReportBlock(ours, last_sr=middle + 1, delay=0))
    told(end, now + 1.0, ReportBlock(ours, last_sr=0, delay=0))
    assert end.far.round_trip is None
    told(end, now + 1.0, ReportBlock(ours, last_sr=middle, delay=65_600))
    assert end.far.round_trip == 0.0
    told(end, now + 1.0, ReportBlock(ours, last_sr=middle, delay=32_768))
    assert end.far.round_trip == pytest.approx(0.5)


def test_other_packets_are_passed_over() -> None:
    end = joined()
    feedback = Other(206, 1, bytes(8))
    end.receive(compound([feedback, ReceiverReport(THEIRS), Other(204, 0, bytes(8))]), 1.0)
    assert (end.received, end.garbage, end.schedule.members) == (1, 0, 2)


# a hostile other end


def footprint(end: Reports) -> int:
    """Things that could grow."""
    schedule = end.schedule
    return len(schedule._members) + len(schedule._senders) + len(end._asked)


def test_a_hostile_stream_of_rtcp_grows_nothing_and_costs_a_counter() -> None:
    end, chance = joined(), random.Random(9)
    talk(end, 0.0, 1.0)
    for n in range(20_000):
        ssrcs = [chance.getrandbits(32) for _ in range(3)]
        chunks = tuple(Chunk(ssrc, ((CNAME, "x" * 99),)) for ssrc in ssrcs)
        blocks = tuple(ReportBlock(ssrc, 255, -1, 1, 1, 1, 1) for ssrc in ssrcs)
        packets: list[Packet] = [SenderReport(ssrcs[0], n, n, n, n, blocks)]
        packets += [SourceDescription(chunks), Goodbye(tuple(ssrcs[:1]))]
        now = 1.0 + n * 0.005
        end.receive(compound(packets), now)
        if end.deadline() <= now:
            end.tick(now, WALL + now)
    assert footprint(end) <= 2 * MOST_MEMBERS + MOST_REMEMBERED
    assert end.ignored == pytest.approx(20_000 - 100 * MOST_A_SECOND, rel=0.05)
    assert end.received + end.ignored == 20_000
    assert end.sent >= 2  # and we still report


@settings(deadline=None)
@given(st.lists(st.binary(max_size=100), max_size=40), st.integers(0, 2**32 - 1))
def test_random_datagrams_do_no_harm(noise: list[bytes], ssrc: int) -> None:
    end = joined()
    talk(end, 0.0, 0.1)
    ours = end.sources.sender.ssrc
    now = 0.0
    for n, data in enumerate(noise):
        now = n * 0.5
        end.receive(data, now)
        head = bytes([0x81, 200 + n % 8, 0, len(data) // 4]) + (ours ^ ssrc * (n % 2)).to_bytes(4)
        end.receive(head + data, now)
        if end.deadline() <= now:
            end.tick(now, WALL)
    assert end.received + end.garbage + end.ignored == 2 * len(noise)
    stats = StreamStats()
    end.count(stats)
    assert parse(end.bye(now, WALL))


@pytest.mark.rfc(7022, "4.2")
def test_a_name_is_drawn_for_each_call_and_tells_nothing() -> None:
    names = {Reports.join(random.Random(seed), 0.0).cname for seed in range(20)}
    assert len(names) == 20
    assert {len(name) for name in names} == {16}
    with pytest.raises(ValueError, match="more than an item holds"):
        Reports.join(random.Random(1), 0.0, cname="x" * 256)
