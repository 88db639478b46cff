"""Session descriptions (RFC 8866): parsed leniently, written exactly, nothing of them lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

import attrs

MOST_BYTES, MOST_LINES, MOST_MEDIA = 65_535, 1_000, 32
ORDER = {"i": 0, "u": 1, "e": 2, "p": 3, "b": 5, "t": 6, "r": 6, "z": 6, "k": 7}
"""Of the lines of one level (RFC 8866 §5); c= is the fourth, what nobody knows comes before a=."""
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
Attribute = tuple[str, str | None]
"""Name and value; None for one that is only there or not."""
KNOWN = {
    *("rtpmap", "fmtp", "ptime", "maxptime", "sendrecv", "sendonly", "recvonly", "inactive"),
    *("rtcp", "rtcp-mux", "rtcp-mux-only", "rtcp-rsize", "group", "mid", "bundle-only"),
    *("crypto", "fingerprint", "setup", "tls-id"),
}
"""Attributes that are looked for: they are read in any case, and written as they should be."""
_LINE = re.compile(r"\s*([A-Za-z])=(.*)\Z", re.S)
_ENDS = re.compile(r"\r\n|\n|\r")
_HOST = re.compile(r"[0-9A-Za-z.:\-_%]{1,255}\Z")


class SdpError(ValueError):
    """Not a session description, or none that we can use; the text says which line and why."""


def number(text: str | None, most: int) -> int | None:
    """A decimal of at most `most`; None for anything else."""
    text = (text or "").strip()
    if not (text.isdigit() and text.isascii() and len(text) < 16):
        return None
    value = int(text)
    return value if value <= most else None


@attrs.frozen
class Connection:
    """c=: where media goes."""

    host: str
    kind: str = ""
    """IP4 or IP6 as it was said; our own say what their host is."""
    rest: str = ""
    """/ttl/count of a multicast address."""
    net: str = "IN"

    @classmethod
    def parse(cls, text: str) -> Connection:
        parts = text.split()
        if len(parts) != 3:
            raise SdpError(f"bad connection {text[:60]!r}")
        net, kind = parts[0].upper(), parts[1].upper()
        host, slash, rest = parts[2].partition("/")
        if net != "IN" or kind not in ("IP4", "IP6"):
            return cls(host, parts[1], slash + rest, parts[0])  # of a network that is not ours
        if not _HOST.match(host):
            raise SdpError(f"bad address {host[:60]!r}")
        return cls(_address(host), kind, slash + rest)

    @property
    def _internet(self) -> bool:
        return self.net == "IN" and self.kind in ("", "IP4", "IP6")

    @property
    def family(self) -> int:
        """4, 6, or 0 of a name, which may be either."""
        if not self._internet:
            return 0
        if ":" in self.host:
            return 6
        return 4 if self.host.replace(".", "").isdigit() else 0

    @property
    def usable(self) -> bool:
        """An address that packets of one call can go to."""
        if self.family == 4:
            return not 224 <= int(self.host.partition(".")[0]) < 240  # multicast
        return self._internet and not (self.family and self.host.lower().startswith("ff"))

    @property
    def blank(self) -> bool:
        """No address yet, or the old way to hold (RFC 3264 §8.4, RFC 6157 §5)."""
        return self.host in ("0.0.0.0", "::") or self.host.lower().endswith(".invalid")

    def host_in(self, family: int) -> str | None:
        """The host as that family writes it; None where it is of the other."""
        if self.family in (family, 0) or self.blank:
            return self.host
        if self.family == 4:
            return None
        address = ip_address(self.host)
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return str(mapped) if mapped else None  # ::ffff:192.0.2.1

    def __str__(self) -> str:
        kind = self.kind or f"IP{6 if ':' in self.host else 4}"
        return f"{self.net} {kind} {self.host}{self.rest}"


class Attributed:
    """The a= lines of a level, by name."""

    __slots__ = ()
    attributes: list[Attribute]

    def get(self, name: str) -> str | None:
        """The value of the first attribute of that name."""
        for key, value in self.attributes:
            if key == name and value is not None:
                return value.strip()
        return None

    def all(self, name: str) -> Iterator[str]:
        return (v.strip() for n, v in self.attributes if n == name and v is not None)

    def has(self, name: str) -> bool:
        for key, _ in self.attributes:  # noqa: SIM110 - half the time of any()
            if key == name:
                return True
        return False

    def map(self, name: str) -> dict[str, str]:
        """Of rtpmap and fmtp: format → the rest; of several lines the first."""
        found: dict[str, str] = {}
        for value in self.all(name):
            key, _, rest = value.partition(" ")
            found.setdefault(key, rest.strip())
        return found

    def direction(self) -> str | None:
        return next((name for name, _ in self.attributes if name in DIRECTIONS), None)


@attrs.define
class MediaSection(Attributed):
    """One m= line and what belongs to it."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    attributes: list[Attribute] = attrs.field(factory=list)
    connections: list[Connection] = attrs.field(factory=list)
    lines: list[tuple[str, str]] = attrs.field(factory=list)
    """i=, b=, k= and whatever else, in the order they came."""
    ports: int = 1
    """How many pairs of ports, for layered coding."""

    @property
    def ptime(self) -> int | None:
        return _length(self.get("ptime"))

    @property
    def maxptime(self) -> int | None:
        return _length(self.get("maxptime"))

    def written(self) -> Iterator[str]:
        several = f"/{self.ports}" if self.ports > 1 else ""
        yield f"m={self.kind} {self.port}{several} {self.protocol} {' '.join(self.formats)}"
        yield from _written(self.lines, self.connections, self.attributes)


@attrs.define
class SessionDescription(Attributed):
    origin: str
    """o= whole: name, session, version, address."""
    connections: list[Connection] = attrs.field(factory=list)
    media: list[MediaSection] = attrs.field(factory=list)
    attributes: list[Attribute] = attrs.field(factory=list)
    lines: list[tuple[str, str]] = attrs.field(factory=lambda: [("t", "0 0")])
    """i=, u=, e=, p=, b=, t=, r=, z=, k= and whatever else, in the order they came."""
    name: str = "-"
    """s="""

    @classmethod
    def parse(cls, data: bytes) -> SessionDescription:
        """SdpError for what cannot be read. Lines of unknown types are kept and mean nothing."""
        if len(data) > MOST_BYTES:
            raise SdpError(f"{len(data)} bytes are too many")
        # what is no UTF-8 (a=charset) comes through as it is
        text = data.decode("utf-8", "surrogateescape").lstrip("\ufeff")
        lines = [
            (count, line.rstrip("\0"))
            for count, line in enumerate(_ENDS.split(text), 1)
            if line.strip(" \t\0")
        ]
        if len(lines) > MOST_LINES:
            raise SdpError(f"{len(lines)} lines are too many")
        if not lines or "".join(lines[0][1].split()) != "v=0":
            raise SdpError("it does not begin with v=0")
        made = cls("", lines=[])
        for count, line in lines[1:]:
            found = _LINE.match(line)
            if found is None:
                raise SdpError(f"line {count} is no type=value: {line[:40]!r}")
            try:
                made._take(found[1], found[2])
            except SdpError as error:
                raise SdpError(f"line {count}: {error}") from None
        made.origin = made.origin or "- 0 0 IN IP4 0.0.0.0"
        if not any(kind == "t" for kind, _ in made.lines):
            made.lines.append(("t", "0 0"))
        return made

    def _take(self, kind: str, value: str) -> None:
        level = self.media[-1] if self.media else self
        if kind == "m":
            if len(self.media) >= MOST_MEDIA:
                raise SdpError(f"more than {MOST_MEDIA} media")
            self.media.append(_media(value))
        elif kind == "c":
            level.connections.append(Connection.parse(value))
        elif kind == "a":
            name, colon, rest = value.partition(":")
            name = name.strip()
            if name.lower() in KNOWN:
                name = name.lower()
            level.attributes.append((name, rest if colon else None))
        elif kind == "o" and not self.origin:
            self.origin = value.strip()
        elif kind == "s" and level is self:
            self.name = value
        else:
            level.lines.append((kind, value))

    def connections_of(self, section: MediaSection) -> list[Connection]:
        """A section's own c= lines, else the session's."""
        return section.connections or self.connections

    def host_of(self, section: MediaSection) -> str:
        """Where a section's media goes, whatever the family; the first that is not multicast."""
        for connection in self.connections_of(section):
            if connection.usable:
                return connection.host
        raise SdpError("no connection address")

    def direction_of(self, section: MediaSection) -> str:
        return section.direction() or self.direction() or "sendrecv"

    def groups(self, semantics: str) -> list[list[str]]:
        """The mids of each a=group of that kind (RFC 5888 §5)."""
        words = (value.split() for value in self.all("group"))
        return [group[1:] for group in words if group and group[0].upper() == semantics]

    def __bytes__(self) -> bytes:
        lines = ["v=0", f"o={self.origin}", f"s={self.name}"]
        lines += _written(self.lines, self.connections, self.attributes)
        for section in self.media:
            lines += section.written()
        return "".join(line + "\r\n" for line in lines).encode("utf-8", "surrogateescape")


def _address(host: str) -> str:
    """A literal that is one; numbers with leading zeros are read as people mean them."""
    plain, _, zone = host.partition("%")
    if plain.replace(".", "").isdigit():
        parts = [number(part, 255) for part in plain.split(".")]
        if len(parts) != 4 or None in parts or zone:
            raise SdpError(f"bad address {host[:60]!r}")
        return ".".join(str(part) for part in parts)
    if ":" in plain:
        try:
            ip_address(host)
        except ValueError:
            raise SdpError(f"bad address {host[:60]!r}") from None
    return host


def _media(text: str) -> MediaSection:
    parts = text.split()
    if len(parts) < 3:  # without a format it may still be a section that is declined
        raise SdpError(f"bad media line {text[:60]!r}")
    port, _, several = parts[1].partition("/")
    value = number(port, 65_535)
    if value is None:
        raise SdpError(f"bad port {parts[1][:20]!r}")
    count = number(several, 65_535) or 1
    return MediaSection(parts[0], value, parts[2], parts[3:], ports=count)


def _length(text: str | None) -> int | None:
    """Milliseconds, whole or not ("20.0"); None for what no packet is."""
    value = number((text or "").partition(".")[0], 500)
    return value or None


def _written(
    lines: list[tuple[str, str]],
    connections: list[Connection],
    attributes: list[Attribute],
) -> Iterator[str]:
    """One level in the order of RFC 8866 §5."""
    ranked = [(ORDER.get(kind, 8), f"{kind}={value}") for kind, value in lines]
    ranked += [(4, f"c={connection}") for connection in connections]
    yield from (line for _, line in sorted(ranked, key=lambda pair: pair[0]))
    for name, value in attributes:
        yield f"a={name}" if value is None else f"a={name}:{value}"
