"""The configuration: what is right is read, what is wrong names file, key and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from siptg.app.config import ConfigError, load
from siptg.app.lines import phone_of
from siptg.app.telegram_login import settings_of
from siptg.rtp.clock import MediaClock
from siptg.rtp.digits.ways import Way
from siptg.rtp.offer import Policy
from siptg.telegram.account.pace import Rates

GOOD = """
[telegram]
api_id = 12345
api_hash = "env:SIPTG_TEST_HASH"
bot_token = "file:token"

[[lines]]
name = "Office"
address = "sip:1001@pbx.example.com"
password = "hunter2"
person = "@ann"
ring_seconds = 30
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIPTG_TEST_HASH", "0123")
    (tmp_path / "token").write_text("777:abc\n")
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "siptg.toml"
    path.write_text(text)
    return path


def test_a_good_file_is_read_with_its_secrets_from_elsewhere(folder: Path) -> None:
    config = load(written(folder, GOOD))
    assert (config.telegram.api_id, config.telegram.api_hash) == (12345, "0123")
    assert config.telegram.bot_token == "777:abc"
    (line,) = config.lines
    assert (line.name, line.ring_seconds, line.callback_seconds) == ("Office", 30.0, 45.0)
    assert config.store.path == folder / "siptg.db"


def test_what_a_line_sounds_like_is_read_without_regard_to_case(folder: Path) -> None:
    said = 'codecs = ["G722", "l16/16000", "PCMA"]\nencryption = "SDES"\ndtmf = ["INFO"]'
    (line,) = load(written(folder, GOOD.replace("ring_seconds = 30", said))).lines
    phone = phone_of(line, MediaClock())
    assert [codec.key for codec in phone.terms.codecs] == ["g722", "l16/16000", "pcma"]
    assert phone.terms.security is Policy.SDES
    assert phone.ways == (Way.INFO,)


def test_a_line_that_says_nothing_is_not_encrypted(folder: Path) -> None:
    phone = phone_of(load(written(folder, GOOD)).lines[0], MediaClock())
    assert phone.terms.security is Policy.PLAIN
    assert phone.ways == (Way.RFC4733, Way.INFO)


def test_rates_are_read_and_come_to_the_accounts_settings(folder: Path) -> None:
    said = "[telegram.rates]\nchat = 2\nmost_in_chat = 9\n[[lines]]"
    config = load(written(folder, GOOD.replace("[[lines]]", said)))
    assert settings_of(config.telegram).rates == Rates(chat=2.0, most_in_chat=9)
    assert settings_of(load(written(folder, GOOD)).telegram).rates == Rates()


def test_there_is_no_page_of_metrics_unless_its_address_is_named(folder: Path) -> None:
    assert load(written(folder, GOOD)).metrics.listen is None


def test_secrets_are_not_in_the_repr(folder: Path) -> None:
    shown = repr(load(written(folder, GOOD)))
    assert "0123" not in shown and "777" not in shown and "hunter2" not in shown


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("api_id = 12345\n", "", "telegram.api_id: is missing"),
        ("api_id = 12345", 'api_id = "x"', "telegram.api_id: a whole number expected, not 'x'"),
        ("api_id", "api_idd", "unknown key api_idd"),
        ("ring_seconds = 30", "ring_seconds = true", "ring_seconds: a number expected, not True"),
        ("ring_seconds = 30", "ring_seconds = 0", "lines[0].ring_seconds: more than 0"),
        ('"sip:1001@pbx.example.com"', '"1001"', "lines[0].address: "),
        (
            "env:SIPTG_TEST_HASH",
            "env:NOT_THERE",
            "api_hash: the environment has no variable NOT_THERE",
        ),
        ("file:token", "file:nowhere", "bot_token: the file nowhere cannot be read: No such file"),
        ("[[lines]]", "[lines]", "lines"),
        ("ring_seconds = 30", 'codecs = ["G729"]', "lines[0].codecs: pcmu, pcma, g722, opus, "),
        ("ring_seconds = 30", 'codecs = ["G729"]', "l16/48000 expected, not 'G729'"),
        ("ring_seconds = 30", "codecs = []", "lines[0].codecs: at least one of pcmu, "),
        (
            "ring_seconds = 30",
            'encryption = "tls"',
            "lines[0].encryption: plain, sdes-optional, sdes, dtls-optional or dtls expected, "
            "not 'tls'",
        ),
        ("ring_seconds = 30", "encryption = true", "encryption: text expected, not True"),
        (
            "ring_seconds = 30",
            'dtmf = ["info", "2833"]',
            "lines[0].dtmf: rfc4733, info or inband expected, not '2833'",
        ),
        ("ring_seconds = 30", "dtmf = []", "dtmf: at least one of rfc4733, info or inband"),
        ("ring_seconds = 30", "expires = 0", "lines[0].expires: 1 or more seconds expected, not 0"),
        ("ring_seconds = 30", 'country = "uk"', "ua or us expected, not 'uk'"),
        ("ring_seconds = 30", "[store]\npath = 5", "store.path: text expected, not 5"),
        (
            "[telegram]",
            "[[telegram]]",
            "telegram: one table expected, not a list or a single value",
        ),
        ("ring_seconds = 30", 'listen = "5060"', "listen: HOST:PORT expected, not '5060'"),
        ("[[lines]]", "[metrics]\nlisten = 9464\n[[lines]]", "metrics.listen: "),
        (
            "[[lines]]",
            '[metrics]\nlisten = "9464"\n[[lines]]',
            "metrics.listen: HOST:PORT expected, not '9464'",
        ),
        ("[[lines]]", "[metrics]\nport = 1\n[[lines]]", "metrics: unknown key port"),
        *(
            ("[[lines]]", f"[telegram.rates]\n{said}\n[[lines]]", f"telegram.rates.{complaint}")
            for said, complaint in (
                ("chat = 0", "chat: 0.01 to 1000 messages a second expected, not 0.0"),
                ("overall = -3", "overall: 0.01 to 1000 messages a second expected, not -3.0"),
                ("overall = nan", "overall: 0.01 to 1000 messages a second expected, not nan"),
                ("chat = inf", "chat: 0.01 to 1000 messages a second expected, not inf"),
                ('chat = "1"', "chat: a number expected, not '1'"),
                ("chat_burst = 0", "chat_burst: 1 or more expected, not 0"),
                ("overall_burst = 1.5", "overall_burst: a whole number expected, not 1.5"),
                ("most_waiting = -1", "most_waiting: 1 or more expected, not -1"),
                ("most_in_chat = true", "most_in_chat: a whole number expected, not True"),
            )
        ),
        ("[[lines]]", "[telegram.rates]\nchats = 1\n[[lines]]", "rates: unknown key chats"),
        ("[telegram]", "[telegram", "is not TOML"),
    ],
)
def test_a_mistake_is_said_with_file_key_and_expectation(
    folder: Path, old: str, new: str, complaint: str
) -> None:
    path = written(folder, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert complaint in str(caught.value)
    assert all(line.startswith(str(path)) for line in str(caught.value).splitlines())


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_versions_of_calls_that_are_not_spoken_are_named_with_those_that_are(folder: Path) -> None:
    given = GOOD.replace("[[lines]]", 'versions = ["13.0.0", "3.0.0"]\n\n[[lines]]')
    with pytest.raises(ConfigError, match=r"telegram\.versions: '3\.0\.0' is not spoken.*13\.0\.0"):
        load(written(folder, given))
    good = given.replace(', "3.0.0"', ', "9.0.0"')
    assert load(written(folder, good)).telegram.versions == ("13.0.0", "9.0.0")


def with_relay(text: str) -> str:
    return GOOD.replace("[[lines]]", f"[[telegram.relays]]\n{text}\n\n[[lines]]")


def test_turn_servers_of_our_own_and_the_ban_of_direct_paths_reach_the_account(
    folder: Path,
) -> None:
    relay = 'uri = "turns:turn.example.com"\nusername = "u"\npassword = "env:SIPTG_TEST_HASH"'
    text = with_relay(relay).replace("api_id", "p2p = false\napi_id")
    settings = settings_of(load(written(folder, text)).telegram)
    (server,) = settings.relays
    assert (server.host, server.port, server.transport) == ("turn.example.com", 5349, "tls")
    assert (server.password, server.verify, settings.p2p) == ("0123", True, False)


@pytest.mark.parametrize(
    ("relay", "says"),
    [
        ('uri = "turn.example.com"', "telegram.relays[0]: stun:HOST, turn:HOST:PORT"),
        ('uri = "turn:turn.example.com"', "telegram.relays[0]: a TURN server wants username"),
        (
            'uri = "turns:a.example.com"\nusername = "u"\npassword = "p"\nca_file = "none.pem"',
            "telegram.relays[0].ca_file: there is no file none.pem",
        ),
    ],
)
def test_a_relay_that_cannot_be_used_is_named(folder: Path, relay: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, with_relay(relay)))
    assert says in str(caught.value)
