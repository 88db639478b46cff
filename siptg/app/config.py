"""Configuration: one TOML file, read into frozen values; a mistake names file, key and what was
expected.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import ClassValidationError

from siptg.sip.errors import SipError
from siptg.sip.uri import Uri
from siptg.telegram.account.pace import Rates
from siptg.telegram.media.opus import PTIMES
from siptg.telegram.media.servers import RelayServer, relay_server
from siptg.telegram.signalling import versions

DEFAULT_PATH = Path("siptg.toml")
LEAST_RATE, MOST_RATE = 0.01, 1000


class ConfigError(Exception):
    """The configuration cannot be used; the text says which file, which key, and what is wanted."""


@attrs.frozen
class ServerConfig:
    """Another Telegram than the real one: a lab, or a test data centre."""

    host: str
    port: int
    public_key: str = attrs.field(repr=False)
    """PEM (PKCS#1) of the server's RSA key."""
    dc_id: int = 2


@attrs.frozen
class RelayConfig:
    """A STUN or TURN server of our own, beside Telegram's."""

    uri: str
    """`stun:HOST`, `turn:HOST:PORT`, `turn:HOST:PORT?transport=tcp` or `turns:HOST:PORT` (TLS)."""
    username: str = ""
    password: str = attrs.field(default="", repr=False)
    verify: bool = True
    """Whether the certificate of a `turns` server must be good for its host."""
    ca_file: str = ""
    """Authorities for that, PEM; left out, those of the system."""

    def server(self) -> RelayServer:
        """ValueError in words for whoever wrote it."""
        ca_file = self.ca_file
        return relay_server(
            self.uri, self.username, self.password, verify=self.verify, ca_file=ca_file
        )


@attrs.frozen
class TelegramConfig:
    """The phone account's and the bot's way into Telegram (https://my.telegram.org)."""

    api_id: int
    api_hash: str = attrs.field(repr=False)
    bot_token: str = attrs.field(default="", repr=False)
    """Of the bot that shows cards; without one, cards come as plain text."""
    versions: tuple[str, ...] = versions.OFFERED
    """Call protocol versions we offer, newest first."""
    ice_addresses: tuple[str, ...] | None = None
    """Local addresses for calls' media; left out, all but loopback."""
    server: ServerConfig | None = None
    account: str = "phone account"
    """Name of the session that makes the calls (`siptg login --name`)."""
    bot: str = "bot"
    """Name of the session that shows cards."""
    opus_ptime: int = 20
    """Milliseconds of sound in a packet to Telegram: 20, 40, or 60 for thin lines."""
    opus_fec: bool = True
    """Sound is mended by error correction while loss is reported."""
    opus_dtx: bool = False
    """While nothing is said next to nothing is sent."""
    p2p: bool = True
    """Whether sound may go straight to the other end where Telegram allows it; otherwise relays
    only, and no address of this machine is told.
    """
    relays: tuple[RelayConfig, ...] = ()
    rates: Rates = attrs.field(factory=Rates)
    """Of messages, for each account's queue: seconds to wait that Telegram asks for come on top."""


@attrs.frozen
class LineConfig:
    """A SIP account and the person it is for."""

    name: str
    address: str
    """`sip:1001@pbx.example.com`."""
    password: str = attrs.field(repr=False)
    person: str
    """Telegram user name or numeric id of who calls and is called on this line."""
    username: str | None = None
    """Authentication user where it is not the address's."""
    proxy: str | None = None
    codecs: tuple[str, ...] = ("PCMA", "PCMU", "opus")
    """Best first, by their names: `g722`, `l16/16000`."""
    encryption: str = "plain"
    """Of the sound: `sdes` or `dtls` and nothing else, or these where the PBX can
    (`sdes-optional`, `dtls-optional`).
    """
    dtmf: tuple[str, ...] = ("rfc4733", "info")
    """How keys go, the most wanted first; with `inband` they are also heard in the sound."""
    expires: int = 300
    ring_seconds: float = 60.0
    """How long an incoming call rings in Telegram before the PBX gets 480."""
    callback_seconds: float = 45.0
    """How long we ring the person who sent a number."""
    country: str = "de"
    """Whose ringback she hears."""
    listen: str | None = None
    """Our own `host:port` for SIP; left out, the address from which the PBX is reached."""


@attrs.frozen
class StoreConfig:
    path: Path = Path("siptg.db")
    key_file: Path = Path("siptg.key")
    """Key that seals the Telegram sessions in the store; made on first use, readable by us alone.
    """


@attrs.frozen
class LogConfig:
    level: str = "info"
    json: bool = False


@attrs.frozen
class MetricsConfig:
    listen: str | None = None
    """`host:port` of the page for Prometheus; left out, there is none."""


@attrs.frozen
class Config:
    telegram: TelegramConfig
    lines: tuple[LineConfig, ...]
    store: StoreConfig = attrs.field(factory=StoreConfig)
    log: LogConfig = attrs.field(factory=LogConfig)
    metrics: MetricsConfig = attrs.field(factory=MetricsConfig)


def load(path: Path) -> Config:
    """Read and check a file; ConfigError for the person who can mend it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        advice = "; --config names another" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError(f"{path}: cannot be read: {error.strerror}{advice}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from None
    return read(table, str(path), base=path.parent)


def read(table: Mapping[str, Any], source: str, base: Path = Path()) -> Config:
    """A configuration from a table, as `load` gives it; `source` stands in front of each error."""
    try:
        config = _converter(base).structure(table, Config)
    except (ClassValidationError, ValueError, TypeError, KeyError, AttributeError) as error:
        complaints = [
            _plain(line) for line in transform_error(error, path="", format_exception=_say)
        ]
        raise ConfigError("\n".join(f"{source}: {line}" for line in complaints)) from None
    for complaint in _check(config):
        raise ConfigError(f"{source}: {complaint}")
    store = attrs.evolve(
        config.store,
        path=base / config.store.path,
        key_file=base / config.store.key_file,
    )
    return attrs.evolve(config, store=store)


def _check(config: Config) -> list[str]:
    """What is wrong between the keys."""
    found: list[str] = []
    if not config.lines:
        found.append("lines: at least one [[lines]] table expected")
    if config.telegram.opus_ptime not in PTIMES:
        found.append(f"telegram.opus_ptime: one of {', '.join(map(str, PTIMES))}")
    if strange := versions.unknown(config.telegram.versions):
        found.append(f"telegram.versions: {strange}")
    found += [f"telegram.rates.{complaint}" for complaint in _check_rates(config.telegram.rates)]
    for n, relay in enumerate(config.telegram.relays):
        try:
            relay.server()
        except ValueError as error:
            found.append(f"telegram.relays[{n}]: {error}")
        if relay.ca_file and not Path(relay.ca_file).is_file():
            found.append(f"telegram.relays[{n}].ca_file: there is no file {relay.ca_file}")
    names = [line.name for line in config.lines]
    found += [f"lines: two lines are named {n!r}" for n in {n for n in names if names.count(n) > 1}]
    for n, line in enumerate(config.lines):
        for key in ("address", "proxy"):
            text = getattr(line, key)
            try:
                if text is not None and not Uri.parse(text).host:
                    found.append(f"lines[{n}].{key}: an address with a host expected, not {text!r}")
            except SipError as error:
                found.append(
                    f"lines[{n}].{key}: a SIP address expected (sip:…), not {text!r}: {error}"
                )
        found += [f"lines[{n}].{complaint}" for complaint in _check_sound(line)]
        if line.listen is not None and not _is_host_port(line.listen):
            found.append(f"lines[{n}].listen: HOST:PORT expected, not {line.listen!r}")
        if line.expires < 1:
            found.append(f"lines[{n}].expires: 1 or more seconds expected, not {line.expires}")
        for key in ("ring_seconds", "callback_seconds"):
            if not 0 < getattr(line, key) <= 120:
                found.append(f"lines[{n}].{key}: more than 0 and at most 120 seconds expected")
    if config.log.level.lower() not in {"debug", "info", "warning", "error"}:
        found.append(f"log.level: debug, info, warning or error expected, not {config.log.level!r}")
    listen = config.metrics.listen
    if listen is not None and not _is_host_port(listen):
        found.append(f"metrics.listen: HOST:PORT expected, not {listen!r}")
    return found


def _check_rates(rates: Rates) -> Iterator[str]:
    for key, value in attrs.asdict(rates).items():
        if key in ("chat", "overall"):
            if not LEAST_RATE <= value <= MOST_RATE:
                yield (
                    f"{key}: {LEAST_RATE} to {MOST_RATE} messages a second expected, not {value!r}"
                )
        elif value < 1:
            yield f"{key}: 1 or more expected, not {value!r}"


def _check_sound(line: LineConfig) -> Iterator[str]:
    # the libraries behind the codecs are slow to load: not for who only asks for help
    from siptg.rtp.codecs import CODECS
    from siptg.rtp.digits.ways import Way
    from siptg.rtp.offer import Policy
    from siptg.rtp.sounds.countries import COUNTRIES

    policies = [policy.value for policy in Policy]
    for key, names, known in (
        ("codecs", line.codecs, list(CODECS)),
        ("encryption", (line.encryption,), policies),
        ("dtmf", line.dtmf, [way.value for way in Way]),
        ("country", (line.country,), list(COUNTRIES)),
    ):
        choice = f"{', '.join(known[:-1])} or {known[-1]} expected"
        if not names:
            yield f"{key}: at least one of {choice}"
        yield from (f"{key}: {choice}, not {name!r}" for name in names if name.lower() not in known)


def _is_host_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and port.isdigit() and 0 <= int(port) <= 65_535


def _converter(base: Path) -> Converter:
    """Strict: unknown keys and wrong types are errors; `env:NAME` and `file:PATH` stand for
    secrets.
    """
    converter = Converter(forbid_extra_keys=True)
    secrets = _secret(base)

    def text(value: Any, _: type) -> str:
        if not isinstance(value, str):
            raise TypeError(f"text expected, not {value!r}")
        return secrets(value)

    def path(value: Any, _: type) -> Path:
        if not isinstance(value, str):
            raise TypeError(f"text expected, not {value!r}")
        return Path(value)

    def whole(value: Any, _: type) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"a whole number expected, not {value!r}")
        return value

    def number(value: Any, _: type) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"a number expected, not {value!r}")
        return float(value)

    def truth(value: Any, _: type) -> bool:
        if not isinstance(value, bool):
            raise TypeError(f"true or false expected, not {value!r}")
        return value

    def texts(value: Any, _: type) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TypeError(f"a list of texts expected, not {value!r}")
        return tuple(value)

    converter.register_structure_hook(str, text)
    converter.register_structure_hook(Path, path)
    converter.register_structure_hook(int, whole)
    converter.register_structure_hook(float, number)
    converter.register_structure_hook(bool, truth)
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], texts)
    return converter


def _secret(base: Path) -> Callable[[str], str]:
    def look_up(value: str) -> str:
        kind, _, name = value.partition(":")
        if kind == "env":
            if name not in os.environ:
                raise ValueError(f"the environment has no variable {name}")
            return os.environ[name]
        if kind == "file":
            try:
                return (base / name).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise ValueError(f"the file {name} cannot be read: {error.strerror}") from None
        return value

    return look_up


def _say(error: BaseException, type: type | None) -> str:
    """An error of cattrs in words for the person who wrote the file."""
    if isinstance(error, KeyError):
        return "is missing"
    fields = getattr(error, "extra_fields", None)
    if fields:
        return f"unknown key {', '.join(sorted(fields))}"
    if isinstance(error, AttributeError):  # of what is no mapping
        return "one table expected, not a list or a single value"
    return str(error)


def _plain(complaint: str) -> str:
    """`what @ .path` as `path: what`."""
    what, _, path = complaint.rpartition(" @ ")
    return f"{path.lstrip('.') or 'file'}: {what}" if what else complaint
