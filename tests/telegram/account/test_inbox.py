"""What waits for the product: nobody fills it alone."""

from __future__ import annotations

from siptg.telegram.account.inbox import MOST, MOST_OF_ONE, Inbox


def filled(people: int) -> Inbox[int]:
    """By so many who send as long as there is room."""
    inbox: Inbox[int] = Inbox()
    for person in range(people):
        while inbox.has_room(person):
            inbox.put(person, person)
    return inbox


async def test_who_floods_us_leaves_room_for_others() -> None:
    inbox = filled(1)
    assert len(inbox) == MOST_OF_ONE and not inbox.has_room(0) and inbox.has_room(1)
    assert await inbox.get() == 0
    assert inbox.has_room(0)


async def test_all_together_are_bounded_and_nobody_is_remembered_in_vain() -> None:
    inbox = filled(2 * MOST // MOST_OF_ONE)
    assert len(inbox) == MOST and not inbox.has_room(99)
    for _ in range(MOST):
        await inbox.get()
    assert inbox.has_room(0) and not len(inbox) and not inbox._of


async def test_who_comes_first_is_served_first() -> None:
    inbox: Inbox[str] = Inbox()
    for person, what in ((1, "a"), (2, "b"), (1, "c")):
        inbox.put(person, what)
    assert [await inbox.get() for _ in range(3)] == ["a", "b", "c"]
