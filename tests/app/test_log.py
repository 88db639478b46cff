"""Nothing secret, no whole number in the log (SE-2)."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from telethon import errors

from siptg.app import log


@pytest.fixture
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.product("SE-2")
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("calling +4930123456 now", "calling …56 now"),
        ("< INVITE sip:4930123456@pbx", "< INVITE sip:…56@pbx"),
        (
            'Digest username="a", response="deadbeef", nonce="n0"',
            'Digest username="a", response=…, nonce=…',
        ),
        ("token 123456789:AAabcdefghij", "token …"),
        ("extension 100 answered 200 OK", "extension 100 answered 200 OK"),
        ("at 127.0.0.1:50601", "at 127.0.0.1:50601"),
        ("pwd: hunter2", "pwd: …"),
    ],
)
def test_numbers_and_secrets_are_masked(text: str, shown: str) -> None:
    assert log.mask(text) == shown


@pytest.mark.parametrize("as_json", [True, False])
def test_every_logger_is_rendered_and_masked(restored: None, as_json: bool) -> None:
    stream = io.StringIO()
    log.set_up("info", json=as_json, stream=stream)
    logging.getLogger("siptg.somewhere").info("< call from %s", "+4930123456")
    said = stream.getvalue()
    assert "…56" in said and "4930123456" not in said
    if as_json:
        assert json.loads(said)["level"] == "info"


def test_what_the_store_writes_is_in_no_log(restored: None) -> None:
    stream = io.StringIO()
    log.set_up("debug", stream=stream)
    logging.getLogger("aiosqlite").debug("executing INSERT INTO people %s", ("Ann",))
    logging.getLogger("siptg.somewhere").debug("this is")
    assert "this is" in stream.getvalue() and "Ann" not in stream.getvalue()


def test_the_end_of_a_session_is_no_bug_of_telethon(restored: None) -> None:
    stream = io.StringIO()
    log.set_up("info", stream=stream)
    telethon = logging.getLogger("telethon.client.updates")
    for error in (errors.AuthKeyNotFound(), ValueError("broken")):
        try:
            raise error
        except (errors.AuthKeyNotFound, ValueError):
            telethon.exception("Fatal error handling updates")
    telethon.warning("Error executing a request: %s", errors.AuthKeyNotFound)
    assert stream.getvalue().count("Fatal error") == 1
    assert "broken" in stream.getvalue() and "AuthKeyNotFound" not in stream.getvalue()
