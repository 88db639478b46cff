"""Session descriptions (RFC 8866): parsed leniently, written exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

MOST_BYTES, MOST_LINES, MOST_MEDIA = 65_535, 1_000, 32
_LINE = re.compile(r"([a-z])=(.*)\Z", re.S)
_HOST = re.compile(r"[0-9A-Za-z.:\-%]{1,255}\Z")


class SdpError(ValueError):
    """Not a session description; the text says which line and why."""


@attrs.frozen
class Connection:
    """c=: where media goes."""

    host: str

    @classmethod
    def parse(cls, text: str) -> Connection:
        parts = text.split()
        if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
            raise SdpError(f"bad connection {text[:60]!r}")
        host = parts[2].partition("/")[0]
        if not _HOST.match(host):
            raise SdpError(f"bad address {host[:60]!r}")
        return cls(host)

    def __str__(self) -> str:
        return f"IN IP{6 if ':' in self.host else 4} {self.host}"


@attrs.define
class MediaSection:
    """One m= line and what belongs to it."""

    kind: str
    port: int
    protocol: str
    formats: list[str]
    connection: Connection | None = None
    attributes: list[tuple[str, str | None]] = attrs.field(factory=list)

    def get(self, name: str) -> str | None:
        """The value of the first attribute of that name."""
        return next((v for n, v in self.attributes if n == name), None)

    def all(self, name: str) -> Iterator[str]:
        return (v for n, v in self.attributes if n == name and v is not None)

    def has(self, name: str) -> bool:
        return any(n == name for n, _ in self.attributes)

    def map(self, name: str) -> dict[str, str]:
        """Of rtpmap and fmtp: format → the rest."""
        pairs = (value.partition(" ") for value in self.all(name))
        return {number: rest.strip() for number, _, rest in pairs}

    @property
    def ptime(self) -> int | None:
        text = self.get("ptime") or ""
        return int(text) if text.isdigit() and 0 < int(text) <= 500 else None


@attrs.define
class SessionDescription:
    origin: str
    """o= without its name: user, id, version, address."""
    connection: Connection | None = None
    media: list[MediaSection] = attrs.field(factory=list)
    attributes: list[tuple[str, str | None]] = attrs.field(factory=list)

    @classmethod
    def parse(cls, data: bytes) -> SessionDescription:
        """SdpError for what cannot be used; unknown lines are passed over (RFC 8866 §5)."""
        if len(data) > MOST_BYTES:
            raise SdpError(f"{len(data)} bytes are too many")
        lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
        if len(lines) > MOST_LINES:
            raise SdpError(f"{len(lines)} lines are too many")
        if not lines or lines[0].strip() != "v=0":
            raise SdpError("it does not begin with v=0")
        made = cls("- 0 0 IN IP4 0.0.0.0")
        for number, line in enumerate(lines[1:], 2):
            found = _LINE.match(line.strip())
            if found is None:
                raise SdpError(f"line {number} is no type=value: {line[:40]!r}")
            try:
                made._take(found[1], found[2])
            except SdpError as error:
                raise SdpError(f"line {number}: {error}") from None
        return made

    def _take(self, kind: str, value: str) -> None:
        section = self.media[-1] if self.media else None
        if kind == "o":
            self.origin = value
        elif kind == "m":
            if len(self.media) >= MOST_MEDIA:
                raise SdpError("too many media")
            self.media.append(_media(value))
        elif kind == "c":
            connection = Connection.parse(value)
            if section is None:
                self.connection = connection
            else:
                section.connection = connection
        elif kind == "a":
            name, colon, rest = value.partition(":")
            (section or self).attributes.append((name.strip(), rest.strip() if colon else None))

    def host_of(self, section: MediaSection) -> str:
        """Where a section's media goes: its own c=, else the session's."""
        connection = section.connection or self.connection
        if connection is None:
            raise SdpError("no connection address")
        return connection.host

    def direction_of(self, section: MediaSection) -> str:
        for attributes in (section.attributes, self.attributes):
            for name, _ in attributes:
                if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
                    return name
        return "sendrecv"

    def __bytes__(self) -> bytes:
        lines = ["v=0", f"o={self.origin}", "s=-"]
        if self.connection:
            lines.append(f"c={self.connection}")
        lines.append("t=0 0")
        lines += [_attribute(*pair) for pair in self.attributes]
        for m in self.media:
            lines.append(f"m={m.kind} {m.port} {m.protocol} {' '.join(m.formats)}")
            if m.connection:
                lines.append(f"c={m.connection}")
            lines += [_attribute(*pair) for pair in m.attributes]
        return "".join(line + "\r\n" for line in lines).encode()


def _media(text: str) -> MediaSection:
    parts = text.split()
    if len(parts) < 4:
        raise SdpError(f"bad media line {text[:60]!r}")
    port = parts[1].partition("/")[0]
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise SdpError(f"bad port {parts[1][:20]!r}")
    return MediaSection(parts[0], int(port), parts[2], parts[3:])


def _attribute(name: str, value: str | None) -> str:
    return f"a={name}" if value is None else f"a={name}:{value}"
