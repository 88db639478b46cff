"""Conferences: who hears whom, how loud, at which rate; and beeps over speech."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siptg.rtp.audio import AudioPort, Frame, Samples, Tunable, join_rates
from siptg.rtp.sounds.goertzel import level
from siptg.rtp.sounds.mixer import Mixer, MixerPort
from siptg.rtp.sounds.overlay import Overlay
from siptg.rtp.sounds.tones import Sound, sound

PITCHES = [300, 500, 700, 1100, 1300]


def talk(
    ports: list[MixerPort], frames: int = 30, pitches: list[int] | None = None, loud: float = -24
) -> list[Samples]:
    """All speak, each with its pitch, as bridges do it: hear first, then speak."""
    voices = [
        sound(f"tone:{hz}@{loud}", port.rate)
        for port, hz in zip(ports, pitches or PITCHES, strict=False)
    ]
    heard: list[list[Frame]] = [[] for _ in ports]
    for _ in range(frames):
        for port, voice, ear in zip(ports, voices, heard, strict=True):
            ear.append(port.read())
            port.write(next(voice))
    return [np.concatenate(ear[frames // 3 :]) for ear in heard]


@pytest.mark.parametrize("parties", [2, 3, 5])
def test_each_hears_all_but_itself(parties: int) -> None:
    mixer = Mixer(16_000)
    ports = [mixer.port() for _ in range(parties)]
    for own, ear in enumerate(talk(ports)):
        for other in range(parties):
            heard = level(ear, PITCHES[other], 16_000)
            assert heard < -80 if own == other else heard == pytest.approx(-24, abs=0.1)


def test_parties_of_other_rates_are_resampled() -> None:
    mixer = Mixer(16_000)
    ports = [mixer.port(rate=8000), mixer.port(rate=48_000), mixer.port()]
    for own, (port, ear) in enumerate(zip(ports, talk(ports), strict=True)):
        for other in range(3):
            heard = level(ear, PITCHES[other], port.rate)
            assert heard < -60 if own == other else heard == pytest.approx(-24, abs=0.2)


def test_loud_voices_together_saturate_and_do_not_wrap_round() -> None:
    mixer = Mixer(8000)
    ports = [mixer.port() for _ in range(5)]
    heard = talk(ports, pitches=[400] * 5, loud=-1)[0].astype(int)
    assert heard.max() == 32_767 and heard.min() == -32_768
    assert np.abs(np.diff(heard)).max() < 50_000  # four sines; a wrap would be 65,536


@given(
    st.lists(
        st.lists(st.integers(-32_768, 32_767), min_size=160, max_size=160), min_size=3, max_size=6
    )
)
def test_the_mix_is_the_sum_of_the_others_to_the_bit(said: list[list[int]]) -> None:
    mixer = Mixer(8000)
    ports = [mixer.port() for _ in said]
    for port, voice in zip(ports, said, strict=True):
        port.write(np.array(voice, np.int16))
    mixer.turn()
    total = np.sum(said, axis=0)
    for port, voice in zip(ports, said, strict=True):
        want = np.clip(total - np.array(voice), -32_768, 32_767)
        assert np.array_equal(port.read(), want)
    assert np.array_equal(mixer.all, np.clip(total, -32_768, 32_767))


def ramp(value: int) -> Frame:
    return np.full(160, value, np.int16)


def test_a_frame_is_heard_one_beat_later_whatever_the_order_of_the_bridges() -> None:
    mixer = Mixer(8000)
    a, b, c = (mixer.port() for _ in range(3))
    orders = [(a, b, c), (c, a, b), (b, c, a), (a, c, b), (c, b, a)]
    weight = {a: 1, b: 50, c: 2500}
    for beat, order in enumerate(orders):
        for port in order:
            heard = int(port.read()[0])
            assert heard == beat * sum(w for other, w in weight.items() if other is not port)
            port.write(ramp(weight[port] * (beat + 1)))
    assert mixer.round == len(orders) - 1  # nothing was there to hear in the first


def test_nothing_is_delayed_where_the_round_is_closed_by_hand() -> None:
    mixer = Mixer(8000)
    ports = [mixer.port() for _ in range(3)]
    for beat in range(1, 5):
        for port in ports:
            port.write(ramp(beat))
        mixer.turn()
        assert [int(port.read()[0]) for port in ports] == [2 * beat] * 3
    assert mixer.round == 4


def test_who_says_nothing_in_a_beat_is_silent_and_hears_all() -> None:
    mixer = Mixer(8000)
    a, b = mixer.port(), mixer.port()
    a.write(ramp(7))
    mixer.turn()
    assert b.read()[0] == 7 and a.read()[0] == 0
    assert b.read()[0] == 0  # the next round: nobody wrote


def test_a_frame_of_a_wrong_length_silences_its_own_party_only() -> None:
    mixer = Mixer(8000)
    a, b, c = (mixer.port() for _ in range(3))
    a.write(np.ones(961, np.int16))
    b.write(ramp(5))
    mixer.turn()
    assert c.read()[0] == 5 and a.read()[0] == 5


def test_gain_is_one_partys_and_for_the_others() -> None:
    mixer = Mixer(8000)
    ports = [mixer.port(gain=-6), mixer.port(), mixer.port()]
    heard = talk(ports)
    assert level(heard[1], PITCHES[0], 8000) == pytest.approx(-30, abs=0.1)
    assert level(heard[0], PITCHES[0], 8000) < -80  # its own voice is gone all the same
    assert level(heard[0], PITCHES[1], 8000) == pytest.approx(-24, abs=0.1)
    ports[0].gain = 12
    assert ports[0].gain == pytest.approx(12)
    assert level(talk(ports)[1], PITCHES[0], 8000) == pytest.approx(-12, abs=0.1)
    with pytest.raises(ValueError, match="a gain from -60 to 40 dB expected, not 60"):
        ports[0].gain = 60


def test_who_leaves_is_not_heard_any_more_and_hears_silence() -> None:
    mixer = Mixer(8000)
    ports = [mixer.port() for _ in range(3)]
    talk(ports, 3)
    gone = ports.pop(0)
    gone.close()
    gone.close()
    assert len(mixer) == 2
    heard = talk(ports, pitches=PITCHES[1:])
    assert level(heard[0], PITCHES[0], 8000) < -80
    gone.write(ramp(99))
    assert not gone.read().any() and not mixer.all.max() >= 32_767


def test_who_comes_in_the_middle_of_a_beat_takes_nobody_s_words() -> None:
    mixer = Mixer(8000)
    a, b = mixer.port(), mixer.port()
    for beat in range(1, 6):
        heard_by_a = int(a.read()[0])
        a.write(ramp(beat))
        if beat == 3:
            late = mixer.port()
            assert late.read()[0] == 2 * (beat - 1)  # the round that is being heard
        heard_by_b = int(b.read()[0])
        b.write(ramp(beat))
        assert (heard_by_a, heard_by_b) == (beat - 1, beat - 1)


def test_a_port_is_an_audio_port_that_follows_its_bridge() -> None:
    port = Mixer(48_000).port()
    audio: AudioPort = port
    assert isinstance(port, Tunable)

    class Pcmu:
        rate = 8000

        def read(self) -> Frame:
            return ramp(0)

        def write(self, frame: Frame) -> None:
            return

    assert join_rates(Pcmu(), audio) == 8000 and len(port.read()) == 160
    with pytest.raises(ValueError, match="expected, not 11025"):
        port.tune(11_025)
    with pytest.raises(ValueError, match="expected, not 44100"):
        Mixer(44_100)


def test_a_beep_is_heard_by_one_party_over_what_the_others_say() -> None:
    mixer = Mixer(8000)
    ports = [mixer.port() for _ in range(3)]
    ports[0].play(sound("tone:2000@-20", 8000))
    heard = talk(ports)
    assert level(heard[0], 2000, 8000) == pytest.approx(-20, abs=0.2)
    assert level(heard[0], PITCHES[1], 8000) == pytest.approx(-36, abs=0.2)  # ducked by 12 dB
    for other in heard[1:]:
        assert level(other, 2000, 8000) < -80
    assert level(heard[1], PITCHES[2], 8000) == pytest.approx(-24, abs=0.1)
    ports[0].hush()
    heard = talk(ports)
    assert level(heard[0], 2000, 8000) < -80 and not ports[0].playing
    assert level(heard[0], PITCHES[1], 8000) == pytest.approx(-24, abs=0.1)


def over(overlay: Overlay, speech: Sound, frames: int) -> Samples:
    return np.concatenate([overlay.over(next(speech)) for _ in range(frames)])


def test_speech_is_ducked_under_the_beep_and_not_in_its_pauses_without_a_click() -> None:
    overlay, speech = Overlay(), sound("tone:300@-14", 8000)
    overlay.play(sound("tone:1000@-20/200,silence:400,tone:1000@-20/200", 8000))
    heard = over(overlay, speech, 60)
    beep, pause, after = heard[400:1600], heard[2000:4800], heard[7000:]
    assert level(beep, 300, 8000) == pytest.approx(-26, abs=0.5)
    assert level(pause, 300, 8000) == pytest.approx(-14, abs=0.1)
    assert level(after, 300, 8000) == pytest.approx(-14, abs=0.1)
    steepest = 32_768 * 2 * np.pi / 8000 * (300 * 0.2 + 1000 * 0.1)
    assert np.abs(np.diff(heard.astype(int))).max() < steepest * 1.1


def test_where_nothing_is_played_the_frame_goes_through_as_it_is() -> None:
    overlay, frame = Overlay(), ramp(3)
    assert not overlay.playing and overlay.over(frame) is frame
    overlay.play(sound("limit", 8000))
    over(overlay, sound("silence:2000", 8000), 40)
    assert not overlay.playing and overlay.over(frame) is frame


def test_a_beep_goes_on_when_the_call_changes_its_rate() -> None:
    overlay = Overlay()
    overlay.play(sound("tone:1000@-20", 8000))
    over(overlay, sound("tone:300@-14", 8000), 10)
    heard = over(overlay, sound("tone:300@-14", 48_000), 20)[4800:]
    assert level(heard, 1000, 48_000) == pytest.approx(-20, abs=0.3)
