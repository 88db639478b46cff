"""Actions in a button's bytes, stamps, typed replies, ways, pages and links: the pure part."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.telegram.chat import links, typed
from siptg.telegram.chat.actions import Action, Actions
from siptg.telegram.chat.cards import Button, Card
from siptg.telegram.chat.links import StartLink, read_link, started
from siptg.telegram.chat.pages import page
from siptg.telegram.chat.stamp import Stamp
from siptg.telegram.chat.ways import Ways
from siptg.telegram.people import TelegramCause, TelegramRefused


@attrs.frozen
class Choose(Action):
    code, word = "c", "line"
    line: str
    page: int


@attrs.frozen
class Digit(Action):
    code = "d"
    symbol: str

    @property
    def typed(self) -> str:
        return self.symbol


ACTIONS = Actions(Choose, Digit)
STAMP, TOKEN = Stamp(b"key"), b"token1"


@given(st.text("abcЖ|:", max_size=12), st.integers())
def test_an_action_comes_back_as_it_went(line: str, number: int) -> None:
    action = Choose(line, number)
    try:
        data = ACTIONS.encode(action)
    except ValueError:
        assert len(line.encode()) + len(str(number)) > 40
    else:
        assert ACTIONS.decode(data) == action
        assert len(STAMP.data(1 << 40, TOKEN, data)) <= 64


@given(st.binary(max_size=80))
def test_bytes_of_strangers_are_no_action_and_no_stamp(data: bytes) -> None:
    ACTIONS.decode(data)
    assert STAMP.read(1, data) is None


def test_what_does_not_fit_or_is_not_known_is_refused_when_it_is_made() -> None:
    for action in (Choose("x" * 60, 1), Choose("a\x1fb", 1), Action()):
        with pytest.raises(ValueError, match=r"button|known"):
            ACTIONS.encode(action)
    with pytest.raises(ValueError, match="same code"):
        Actions(Digit, Digit)
    assert ACTIONS.decode(b"c\x1fx\x1fno number") is None


@pytest.mark.product("BT-20")
def test_a_stamp_is_for_one_person_one_card_one_action() -> None:
    data = STAMP.data(5, TOKEN, b"d\x1f1")
    assert STAMP.read(5, data) == (TOKEN, b"d\x1f1")
    assert STAMP.read(6, data) is None
    assert Stamp(b"other").read(5, data) is None
    for n in range(len(data)):
        broken = bytearray(data)
        broken[n] ^= 1
        assert STAMP.read(5, bytes(broken)) is None


CARD = Card(
    "Which line?",
    (
        (Button("1", Digit("1")), Button("#", Digit("#"))),
        (Button("Office", Choose("Office", 0)), Button("Home", Choose("Home", 0))),
    ),
)


def test_alike_commands_are_numbered_and_keys_share_a_line() -> None:
    assert str(typed.as_text(CARD)) == ("Which line?\n\n/1#\n/line_1 — Office\n/line_2 — Home")
    assert typed.read(CARD, "/line_2") == (Choose("Home", 0),)


@pytest.mark.parametrize(
    "reply, keys",
    [("/1 1 #", "11#"), ("1#", "1#"), ("#", "#"), ("1", ""), ("/12", ""), ("", ""), ("/x", "")],
)
@pytest.mark.product("SP-15")
def test_typed_keys_are_those_of_the_card_and_plain_digits_are_a_number(
    reply: str, keys: str
) -> None:
    assert typed.read(CARD, reply) == tuple(map(Digit, keys))


def test_a_card_without_buttons_is_its_text_alone() -> None:
    assert str(typed.as_text(Card("over"))) == "over"


def test_a_failed_way_rests_longer_each_time_and_only_where_it_failed() -> None:
    ways, no = Ways(), TelegramRefused(TelegramCause.BLOCKED, "USER_IS_BLOCKED")
    ways.failed(7, no, 0.0)
    assert (ways.usable(7, 29), ways.usable(7, 30), ways.usable(8, 0)) == (False, True, True)
    ways.failed(7, no, 30.0)
    assert (ways.usable(7, 89), ways.usable(7, 90)) == (False, True)
    ways.worked(7)
    ways.failed(7, no, 100.0)
    assert ways.usable(7, 130)
    ways.failed(9, TelegramRefused(TelegramCause.INTERNAL, "BOT_INLINE_DISABLED"), 200.0)
    assert not ways.usable(8, 229)
    ways.failed(8, TelegramRefused(TelegramCause.FLOOD, "FLOOD_WAIT_500", 500.0), 300.0)
    assert not ways.usable(8, 799) and ways.usable(8, 800)


def test_pages_go_round_and_follow_a_list_that_shrinks() -> None:
    shown = page(range(42), 1)
    assert (shown.items, shown.count) == (tuple(range(10, 20)), 5)
    assert [b.label for b in shown.buttons(lambda n: Choose("", n))] == ["◀", "2/5", "▶"]
    turns = [b.action for b in page(range(42), 4).buttons(lambda n: Choose("", n))]
    assert turns == [Choose("", 3), Choose("", 4), Choose("", 0)]
    assert page(range(5), 9).items == tuple(range(5)) and page([], 3).count == 1
    assert page(range(5), 0).buttons(lambda n: Choose("", n)) == ()


def test_links_are_made_and_read_in_both_forms() -> None:
    made = StartLink("siptg_bot", "abc-_1")
    assert made.url == "https://t.me/siptg_bot?start=abc-_1"
    assert read_link(made.url) == read_link(made.app_url) == made
    assert made.app_url == "tg://resolve?domain=siptg_bot&start=abc-_1"
    for other in (
        "https://e.org/siptg_bot",
        "https://t.me/a/b",
        "x",
        "tg://resolve",
        "http://[",
        "https://t.me/siptg_bot?start=" + "x" * 65,
    ):
        assert read_link(other) is None
    with pytest.raises(ValueError, match="payload"):
        StartLink("siptg_bot", "a b")
    assert [started(t) for t in ("/start", "/start x", "/start@b x", "/start ü", "start x")] == [
        "",
        "x",
        "x",
        "",
        None,
    ]


@given(st.binary(max_size=36), st.integers(0, 2**32 - 1))
def test_a_signed_payload_is_good_until_its_time_and_never_forged(body: bytes, until: int) -> None:
    payload = links.signed(b"key", body, until)
    assert StartLink("siptg_bot", payload).payload == payload
    assert links.opened(b"key", payload, until) == body
    assert links.opened(b"key", payload, until + 1) is None
    assert links.opened(b"other", payload, 0) is None
    assert links.opened(b"key", payload[:-2], 0) is None


def test_what_does_not_fit_a_link_is_refused() -> None:
    with pytest.raises(ValueError, match="37 bytes"):
        links.signed(b"key", bytes(37), 0)
    assert links.opened(b"key", "ä", 0) is None and links.opened(b"key", "", 0) is None
