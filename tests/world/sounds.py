"""What foreign programs say and hear, in our own reading of G.711 and RFC 4733 (not siptg's)."""

from __future__ import annotations

import asyncio
import struct
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

EVENTS = "0123456789*#ABCD"
PEAK = 11_600
"""-9 dBFS."""


def sine(hz: float, rate: int, seconds: float) -> NDArray[np.int16]:
    return (np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate) * PEAK).astype(np.int16)


def loudest(samples: NDArray[np.int16], rate: int) -> float:
    """Loudest frequency in Hz; 0.0 for silence or less than a quarter of a second."""
    if len(samples) < rate // 4 or np.abs(samples.astype(int)).max() < 50:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def strength(samples: NDArray[np.int16]) -> float:
    """dBFS of a sine that is as strong; -100.0 for silence."""
    power = float(np.mean(np.square(samples / 32_768.0))) if len(samples) else 0.0
    return 10 * np.log10(2 * power) if power > 5e-11 else -100.0


def ulaw(sample: int) -> int:
    """One 16-bit sample in G.711 µ-law."""
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, 32_635) + 132
    exponent = size.bit_length() - 8
    return ~(sign | exponent << 4 | size >> (exponent + 3) & 15) & 0xFF


def alaw(sample: int) -> int:
    """One 16-bit sample in G.711 A-law."""
    sign, size = (0, ~sample) if sample < 0 else (0x80, sample)
    exponent = max(0, size.bit_length() - 8)
    return (sign | exponent << 4 | size >> max(exponent + 3, 4) & 15) ^ 0x55


def _linear(code: int) -> int:
    code = ~code & 0xFF
    size = ((code & 15) * 8 + 132 << (code >> 4 & 7)) - 132
    return -size if code & 0x80 else size


LINEAR = np.array([_linear(code) for code in range(256)], np.int16)


def write_wave(path: Path, samples: NDArray[np.int16], rate: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def write_ulaw(path: Path, samples: NDArray[np.int16]) -> None:
    """Raw PCMU, for SIPp's rtp_stream."""
    path.write_bytes(bytes(ulaw(int(sample)) for sample in samples))


def write_digits(path: Path, digits: str, held: int = 8, gap: int = 8, clock: int = 8000) -> None:
    """A capture of RFC 4733 for SIPp's play_pcap_audio, which puts in addresses of its own.

    Each digit is `held` packets of 20 ms with one timestamp, the last of them sent three times.
    """
    packets, sequence, slot, ticks = [], 0, 0, clock // 50
    for digit in digits:
        begun = slot * ticks
        for n in range(held + 2):
            ends = (n >= held - 1) << 7
            event = struct.pack(">BBH", EVENTS.index(digit), ends | 10, min(n + 1, held) * ticks)
            head = struct.pack(">BBHII", 0x80, (n == 0) << 7 | 101, sequence, begun, 0x51507)
            packets.append((slot * 0.02, head + event))
            sequence, slot = sequence + 1, slot + 1
        slot += gap
    write_capture(path, packets)


def write_voice(path: Path, coded: bytes, number: int, size: int) -> None:
    """A capture of what one byte a sample codes, `size` of them in a packet."""
    packets = []
    for n in range(len(coded) // size):
        head = struct.pack(">BBHII", 0x80, (n == 0) << 7 | number, n, n * size, 0x51507)
        packets.append((n * size / 8000, head + coded[n * size : (n + 1) * size]))
    write_capture(path, packets)


def write_capture(path: Path, packets: Iterable[tuple[float, bytes]]) -> None:
    """Seconds and RTP, as UDP from nowhere to nowhere."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for at, data in packets:
            udp = struct.pack(">HHHH", 6000, 6000, 8 + len(data), 0) + data
            address = b"\x7f\0\0\1"
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address * 2
            frame = bytes(12) + b"\x08\0" + ip + udp
            stamp = int(at), round(at % 1 * 1_000_000)
            file.write(struct.pack("<IIII", *stamp, len(frame), len(frame)) + frame)


class RtpEar(asyncio.DatagramProtocol):
    """`async with RtpEar() as ear`: listens on its own port for PCMU and digits, never answers."""

    def __init__(self) -> None:
        self.port, self.digits, self.packets = 0, "", 0
        self.held: list[int] = []
        """How long each digit sounded, in ticks of its clock."""
        self._pressed: set[int] = set()
        self._heard: list[NDArray[np.int16]] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if len(data) <= 12 or data[0] >> 6 != 2:
            return
        self.packets += 1
        kind, (_, timestamp) = data[1] & 0x7F, struct.unpack_from(">HI", data, 2)
        if kind == 0:
            self._heard.append(LINEAR[np.frombuffer(data[12:], np.uint8)])
        elif kind >= 96 and len(data) == 16:
            if timestamp not in self._pressed:
                self._pressed.add(timestamp)
                self.digits += EVENTS[data[12] & 15]
                self.held.append(0)
            self.held[-1] = struct.unpack_from(">H", data, 14)[0]

    def hz(self) -> float:
        """Loudest frequency of the last second."""
        return loudest(np.concatenate([*self._heard, np.zeros(0, np.int16)])[-8000:], 8000)
