"""When messages go: rates, priorities, flood waits; time is a number."""

from __future__ import annotations

import pytest

from siptg.telegram.account.pace import Full, Job, Pace, Priority, Rates

NOTE, CARD, CALL = Priority.NOTE, Priority.CARD, Priority.CALL


def run(pace: Pace, until: float, now: float = 0.0) -> list[tuple[float, object]]:
    """What goes when; each is done at once."""
    gone = []
    while True:
        while (job := pace.due(now)) is not None:
            gone.append((round(now, 6), job.what))
            pace.done(job, now)
        wake = pace.wake_at(now)
        if wake is None or wake > until:
            return gone
        now = max(now, wake)


def test_a_chat_has_its_burst_and_then_one_a_second() -> None:
    pace = Pace(Rates(chat_burst=3))
    for n in range(5):
        pace.add(Job(1, NOTE, n), 0.0)
    assert run(pace, 10) == [(0, 0), (0, 1), (0, 2), (1, 3), (2, 4)]


def test_all_chats_together_keep_the_overall_rate() -> None:
    pace = Pace(Rates(overall=10, overall_burst=5))
    for chat in range(20):
        pace.add(Job(chat, NOTE, chat), 0.0)
    gone = run(pace, 10)
    assert [w for _, w in gone] == list(range(20))
    assert sum(t == 0 for t, _ in gone) == 5 and gone[-1][0] == pytest.approx(1.5)


def test_calls_go_before_cards_and_cards_before_notes() -> None:
    pace = Pace(Rates(chat_burst=1))
    for priority in (NOTE, CARD, CALL):
        pace.add(Job(1, priority, priority), 0.0)
        pace.add(Job(2, priority, priority), 0.0)
    assert [w for _, w in run(pace, 9)] == [CALL, CALL, CARD, CARD, NOTE, NOTE]


def test_edits_of_one_message_coalesce_and_the_last_wins() -> None:
    pace = Pace(Rates(chat_burst=1))
    pace.add(Job(1, CARD, "first"), 0.0)
    for n in range(5):
        replaced = pace.add(Job(1, CARD, n, key="k"), 0.0)
        assert (replaced.what if replaced else None) == (n - 1 if n else None)
    assert run(pace, 9) == [(0, "first"), (1, 4)]


def test_a_flood_wait_holds_its_method_exactly_and_no_other() -> None:
    pace = Pace()
    pace.add(Job(1, NOTE, "send", "Send"), 0.0)
    pace.add(Job(2, NOTE, "edit", "Edit"), 0.0)
    job = pace.due(0.0)
    assert job is not None and job.what == "send"
    assert pace.again(job, 0.0, 17.0) is None
    assert pace.blocked("Send", 5.0) == 12.0
    assert run(pace, 100) == [(0, "edit"), (17, "send")]


def test_slow_mode_holds_its_chat_and_no_other() -> None:
    pace = Pace()
    pace.add(Job(1, NOTE, "a", "Send"), 0.0)
    pace.add(Job(2, NOTE, "b", "Send"), 0.0)
    job = pace.due(0.0)
    assert job is not None
    pace.again(job, 0.0, 9.0, chat_only=True)
    assert run(pace, 100) == [(0, "b"), (9, "a")]


def test_a_newer_edit_takes_the_place_of_one_that_has_to_wait() -> None:
    pace = Pace()
    pace.add(Job(1, CARD, "old", "Edit", "k"), 0.0)
    job = pace.due(0.0)
    assert job is not None
    pace.add(Job(1, CARD, "new", "Edit", "k"), 0.0)
    assert pace.again(job, 0.0, 3.0) is job
    assert run(pace, 9) == [(3, "new")]


def test_a_chat_sends_one_thing_at_a_time() -> None:
    pace = Pace()
    pace.add(Job(1, NOTE, "message"), 0.0)
    pace.add(Job(1, NOTE, "its edit"), 0.0)
    job = pace.due(0.0)
    assert job is not None and pace.due(0.0) is None
    pace.done(job, 0.5)
    assert run(pace, 9, 0.5) == [(0.5, "its edit")]


def test_what_is_too_much_is_refused_notes_first() -> None:
    pace = Pace(Rates(most_waiting=4, most_in_chat=2))
    for chat in range(4):
        pace.add(Job(chat, NOTE, chat), 0.0)
    with pytest.raises(Full):
        pace.add(Job(9, NOTE, 9), 0.0)
    pace.add(Job(9, CARD, 9), 0.0)
    with pytest.raises(Full):
        pace.add(Job(10, CALL, 10), 0.0)
    assert pace.depth == 5 and pace.oldest(3.0) == 3.0


def test_a_chat_that_is_full_of_notes_has_room_for_cards_and_calls() -> None:
    pace = Pace(Rates(most_in_chat=4))
    for n in range(4):
        pace.add(Job(1, NOTE, n), 0.0)
    with pytest.raises(Full):
        pace.add(Job(1, NOTE, 9), 0.0)
    pace.add(Job(1, CALL, 9), 0.0)
    with pytest.raises(Full):
        pace.add(Job(1, CARD, 9), 0.0)
    assert pace.depth == 5


def test_idle_chats_are_forgotten() -> None:
    pace, now = Pace(Rates(overall=1000)), 0.0
    for chat in range(5000):
        pace.add(Job(chat, NOTE, chat), now)
        job = pace.due(now)
        assert job is not None
        pace.done(job, now)
        now += 0.1
    assert pace.chats < 200
