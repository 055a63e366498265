"""The tone that keys play: its pitch, its band, its attack, and what MIDI makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mido import Message
from numpy.typing import NDArray

import latentfx
from latentfx.arrays import Float32
from latentfx.binding import Binding
from latentfx.errors import MidiError
from latentfx.keys import Keyboard
from latentfx.keys.response import measure_response
from latentfx.keys.tone import KeyTone
from latentfx.training.metrics.pitch import track_pitch

RATE = 48_000
Messages = Callable[..., Keyboard]


@pytest.fixture
def delay(plugin_file: Callable[[str], Path]) -> latentfx.LatentPlugin:
    """A plugin whose sound comes and goes as its input does."""
    return latentfx.load(plugin_file("delay"))


@pytest.fixture
def play(delay: latentfx.LatentPlugin) -> Messages:
    """A keyboard that heard these messages."""

    def start(*messages: Message) -> Keyboard:
        keyboard = Keyboard(delay, RATE)
        for message in messages:
            keyboard.hear(message)
        return keyboard

    return start


def on(note: int, velocity: int = 100, channel: int = 0) -> Message:
    return Message("note_on", note=note, velocity=velocity, channel=channel)


def off(note: int, channel: int = 0) -> Message:
    return Message("note_off", note=note, channel=channel)


def control(number: int, value: int, channel: int = 0) -> Message:
    return Message("control_change", control=number, value=value, channel=channel)


def listen(keyboard: Keyboard, seconds: float = 1.0) -> Float32:
    return keyboard.render(1, round(seconds * RATE))[0]


def spectrum(audio: Float32) -> NDArray[np.float64]:
    """Magnitudes in dB below the largest."""
    magnitudes = np.abs(np.fft.rfft(audio.astype(np.float64) * np.blackman(len(audio))))
    return 20 * np.log10(magnitudes / magnitudes.max() + 1e-12)


def pitch_hz(audio: Float32) -> float:
    """By the phase that the first harmonic gains from one half to the other."""
    half = len(audio) // 2
    window = np.blackman(half)
    spectra = [np.fft.rfft(audio[at : at + half].astype(np.float64) * window) for at in (0, half)]
    magnitudes = np.abs(spectra[0])
    begins = int(np.flatnonzero(magnitudes > 0.3 * magnitudes.max())[0])
    first = begins + int(magnitudes[begins : begins + 4].argmax())
    gained = float(np.angle(spectra[1][first] / spectra[0][first])) / (2 * np.pi)
    return (first + gained) * RATE / half


def nearest_hz(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


@pytest.mark.parametrize("note", [28, 45, 60, 69, 84, 100])
def test_a_key_sounds_at_its_exact_pitch(play: Messages, note: int) -> None:
    keyboard = play(on(note))
    listen(keyboard, 0.5)
    cents = 1200 * np.log2(pitch_hz(listen(keyboard, 2.0)) / nearest_hz(note))
    assert abs(cents) < 0.01


@pytest.mark.parametrize("note", [45, 69, 93, 108])
def test_only_harmonics_below_the_limit_sound(play: Messages, note: int) -> None:
    keyboard = play(on(note))
    listen(keyboard, 0.5)
    levels = spectrum(listen(keyboard, 1.0))
    hz = np.arange(len(levels))
    pitch = nearest_hz(note)
    number = np.round(hz / pitch)
    between = np.abs(hz - number * pitch) > 8
    above = hz > 0.45 * RATE + 8
    assert levels[between | above | (number == 0)].max() < -80


def test_a_slower_plugin_hears_no_harmonic_beyond_its_own_band() -> None:
    tone = KeyTone(RATE, 7000)
    tone.sound(440.0, 0.1, 8000)
    audio = np.zeros(RATE, np.float32)
    tone.render(audio)
    assert spectrum(audio[RATE // 4 :])[int(7010 * 0.75) :].max() < -90


def test_a_slide_through_the_limit_makes_no_click() -> None:
    """Harmonics leave and enter the band while the pitch moves: none may jump."""
    tone = KeyTone(RATE, 6000)
    tone.sound(880.0, 0.1, 20_000)
    tone.render(np.zeros(RATE // 4, np.float32))
    parts = []
    for step in range(400):
        tone.sound(880.0 * 2 ** (step / 400), 0.1, 20_000)
        part = np.zeros(120, np.float32)
        tone.render(part)
        parts.append(part)
    audio = np.concatenate(parts)
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::256] * np.blackman(1024)
    above = np.abs(np.fft.rfft(frames, axis=1))[:, int(8000 / RATE * 1024) :]
    assert 20 * np.log10(above.max() / np.abs(np.fft.rfft(frames, axis=1)).max()) < -70


def test_the_tone_is_the_same_in_blocks_of_any_size(play: Messages) -> None:
    whole = listen(play(on(57)), 0.5)
    keyboard = play(on(57))
    sizes = [1, 7, 64, 128, 500, 4096, 5000, len(whole) - 9796]
    np.testing.assert_allclose(
        np.concatenate([keyboard.render(1, size)[0] for size in sizes]), whole, atol=1e-6
    )


def test_the_level_is_that_of_the_training_data_and_follows_velocity(play: Messages) -> None:
    def level(velocity: int) -> float:
        keyboard = play(on(57, velocity))
        listen(keyboard, 0.5)
        return float(20 * np.log10(np.std(listen(keyboard))))

    assert level(100) == pytest.approx(-20, abs=0.05)
    assert level(10) == pytest.approx(-50, abs=0.05)


def brightness(audio: Float32) -> float:
    """Share of the power above 2 kHz."""
    power = np.abs(np.fft.rfft(audio)) ** 2
    return float(power[2000 * len(audio) // RATE :].sum() / power.sum())


@pytest.mark.parametrize("touch", [Message("aftertouch", value=127), control(74, 127), "velocity"])
def test_harder_is_brighter(play: Messages, touch: Message | str) -> None:
    soft = play(on(57, 60))
    hard = play(on(57, 127)) if isinstance(touch, str) else play(on(57, 60), touch)
    for keyboard in (soft, hard):
        listen(keyboard, 0.3)
    assert brightness(listen(hard)) > 1.5 * brightness(listen(soft))


def test_pressure_swells(play: Messages) -> None:
    keyboard = play(on(57))
    before = np.std(listen(keyboard)[RATE // 2 :])
    keyboard.hear(Message("polytouch", note=57, value=127))
    after = np.std(listen(keyboard)[RATE // 2 :])
    assert 20 * np.log10(after / before) == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize(
    ("messages", "note"),
    [
        pytest.param([on(60), Message("pitchwheel", pitch=8191)], 62, id="2 semitones at first"),
        pytest.param([on(60), Message("pitchwheel", pitch=-8192)], 58, id="and down"),
        pytest.param(
            [
                *(control(101, 0), control(100, 0), control(6, 12)),
                *(Message("pitchwheel", pitch=8191), on(60)),
            ],
            72,
            id="as far as the keyboard says",
        ),
        pytest.param(
            [on(60, channel=1), Message("pitchwheel", pitch=8191, channel=0)], 60, id="not of another channel"
        ),
        pytest.param([on(60), on(67)], 67, id="the last key"),
        pytest.param([on(60), on(67), off(67)], 60, id="and then the one that is held"),
        pytest.param([on(60), control(64, 127), on(67), off(67)], 67, id="unless a pedal holds the last"),
        pytest.param(
            [on(60), control(64, 127), on(67), off(67), control(64, 0)], 60, id="until the pedal is up"
        ),
    ],
)
def test_what_sounds(play: Messages, messages: list[Message], note: int) -> None:
    keyboard = play(*messages)
    listen(keyboard, 0.5)
    assert pitch_hz(listen(keyboard, 2.0)) == pytest.approx(nearest_hz(note), rel=1e-5)


MPE = (control(101, 0), control(100, 6), control(6, 15))


@pytest.mark.parametrize(
    ("messages", "note"),
    [
        pytest.param([Message("pitchwheel", pitch=-2048, channel=3)], 48, id="a member bends by 48"),
        pytest.param([Message("pitchwheel", pitch=8191, channel=0)], 62, id="the master by 2"),
        pytest.param(
            [Message("pitchwheel", pitch=-2048, channel=3), Message("pitchwheel", pitch=-8192, channel=0)],
            46,
            id="both together",
        ),
        pytest.param([Message("pitchwheel", pitch=2048, channel=4)], 60, id="another key's bend is its own"),
        pytest.param(
            [
                *(control(101, 0, 5), control(100, 0, 5), control(6, 24, 5)),
                Message("pitchwheel", pitch=-4096, channel=3),
            ],
            48,
            id="members share a range",
        ),
    ],
)
def test_mpe_bends_the_key_of_a_channel(play: Messages, messages: list[Message], note: int) -> None:
    keyboard = play(*MPE, on(60, channel=3), *messages)
    listen(keyboard, 0.5)
    assert pitch_hz(listen(keyboard, 2.0)) == pytest.approx(nearest_hz(note), rel=2e-5)


@pytest.mark.parametrize(
    "message",
    [off(57), on(57, 0), Message("reset"), control(123, 0), control(120, 0)],
    ids=["note off", "velocity 0", "panic", "all notes off", "all sound off"],
)
def test_a_tone_ends(play: Messages, message: Message) -> None:
    keyboard = play(on(57))
    listen(keyboard, 0.3)
    keyboard.hear(message)
    listen(keyboard, 0.3)
    assert not listen(keyboard).any()
    assert keyboard.silent


def test_what_a_binding_listens_to_is_not_played(delay: latentfx.LatentPlugin) -> None:
    bound = [Binding.parse("steps:C4@2=gain"), Binding.parse("bend=gain:0..1")]
    keyboard = Keyboard(delay, RATE, lambda: bound)
    keyboard.check()
    keyboard.hear(on(67, channel=1))
    assert keyboard.silent
    keyboard.hear(on(60))
    keyboard.hear(Message("pitchwheel", pitch=8191))
    listen(keyboard, 0.5)
    assert pitch_hz(listen(keyboard, 2.0)) == pytest.approx(nearest_hz(60), rel=1e-5)


def test_bindings_that_leave_no_key_are_refused_with_a_cure(delay: latentfx.LatentPlugin) -> None:
    keyboard = Keyboard(delay, RATE, lambda: [Binding.parse("note=gain:0..1")])
    with pytest.raises(MidiError, match=r"none is left .* --bind note@16=gain"):
        keyboard.check()


def test_attack_and_release_are_measured_at_the_plugin(delay: latentfx.LatentPlugin) -> None:
    quick, slow = measure_response(delay), measure_response(latentfx.load("timbre-swap"))
    assert quick.attack_s < 0.005 < slow.attack_s < 0.05
    assert quick.release_s == pytest.approx(0.01)  # the shortest
    keyboard = Keyboard(latentfx.load("timbre-swap"), RATE)
    keyboard.hear(on(69))
    audio = listen(keyboard, 0.5)
    level = np.sqrt(np.convolve(audio**2, np.full(109, 1 / 109), "same"))
    risen = np.flatnonzero(level > 0.9 * np.median(level))[0] / RATE
    assert risen == pytest.approx(slow.attack_s, abs=0.002)


@pytest.mark.parametrize(("name", "settings"), [("timbre-swap", {"timbre": "trumpet"}), ("ring", {})])
def test_a_plugin_plays_the_notes_of_the_keys(name: str, settings: dict[str, str]) -> None:
    with latentfx.LiveHost(latentfx.load(name, **settings), block=256, place="callback", keys=True) as host:
        pitches = []
        for note in (57, 62, 66):
            host.send(on(note))
            heard = [host.process(np.zeros((1, 256), np.float32)) for _ in range(94)]
            host.send(off(note))
            audio = np.concatenate(heard[24:], axis=1)[0]
            pitches.append(float(np.median(track_pitch(audio, RATE, "full").f0_hz)))
    cents = [
        1200 * np.log2(found / nearest_hz(note)) for found, note in zip(pitches, (57, 62, 66), strict=True)
    ]
    assert np.abs(cents).max() < 25


def test_panic_ends_the_tone(delay: latentfx.LatentPlugin) -> None:
    with latentfx.LiveHost(delay, block=64, place="callback", keys=True) as host:
        silence = np.zeros((1, RATE), np.float32)
        host.send(on(57))
        assert host.process(silence)[0, -RATE // 2 :].any()
        host.panic()
        host.process(silence)
        assert not host.process(silence).any()


def test_a_flood_of_messages_is_heard_a_part_at_a_time_and_its_last_key_sounds(play: Messages) -> None:
    keyboard = play()
    for turn in range(1000):
        keyboard.send(on(40 + turn % 30))
        keyboard.send(Message("pitchwheel", pitch=turn))
    keyboard.send(Message("pitchwheel", pitch=0))
    keyboard.send(on(69))
    keyboard.render(1, 64)
    assert not keyboard.silent
    for _ in range(40):
        keyboard.render(1, 64)
    listen(keyboard, 0.5)
    assert pitch_hz(listen(keyboard, 2.0)) == pytest.approx(440.0, rel=1e-5)
