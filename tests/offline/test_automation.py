"""Files move controls: as live, hop for hop, in straight lines or steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from mido import Message, MetaMessage
from numpy.typing import NDArray
from typer.testing import CliRunner

import latentfx
from latentfx.automation import Move, Turn
from latentfx.automation.midi_file import read_midi, write_midi
from latentfx.automation.moves import Rebind, Recall
from latentfx.batch import apply_many
from latentfx.binding import Binding
from latentfx.cli import app
from latentfx.errors import ControlError, MidiError, PresetError
from latentfx.preset import Preset
from latentfx.realtime import LiveHost

RATE, HOP = 48_000, 64
Write = Callable[..., Path]
Audio = NDArray[np.float32]
ONES = np.ones(100 * HOP, np.float32)


@pytest.fixture
def gain(plugin_file: Write) -> latentfx.LatentPlugin:
    """Its output is its input times the control `gain`, 0 to 4."""
    return latentfx.load(plugin_file("gain"))


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    """Write a table of moves."""

    def write(text: str) -> Path:
        path = tmp_path / "moves.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def cc(value: int, number: int = 1) -> Message:
    return Message("control_change", control=number, value=value)


def at(hop: float, what: object) -> Move:
    return Move(hop * HOP / RATE, what)  # type: ignore[arg-type]


def by_hop(audio: Audio) -> list[float]:
    """The value of each hop, which must be one."""
    hops = audio.reshape(-1, HOP)
    assert (hops == hops[:, :1]).all()
    return [float(value) for value in hops[:, 0]]


def run(
    plugin: latentfx.LatentPlugin,
    *moves: Move,
    bindings: Iterable[str] = (),
    size: float = 1.0,
    **more: object,
) -> Audio:
    automation = latentfx.Automation(moves, tuple(map(Binding.parse, bindings)), **more)  # type: ignore[arg-type]
    return latentfx.apply(size * ONES, plugin=plugin, sample_rate=RATE, automation=automation)


def test_a_message_is_heard_from_the_hop_on_in_which_its_time_lies(gain: latentfx.LatentPlugin) -> None:
    heard = by_hop(run(gain, at(10.5, cc(127)), at(20, cc(0)), bindings=["cc:1=gain"]))
    assert heard == [1.0] * 10 + [4.0] * 10 + [0.0] * 80
    assert gain.gain == 1.0


def test_lines_go_straight_and_steps_at_once(
    gain: latentfx.LatentPlugin, table: Callable[[str], Path]
) -> None:
    second = HOP / RATE
    path = table(
        "time,control,value,shape\n"
        f"{10 * second},gain,0,step\n{20 * second},gain,4,line\n{30 * second},gain,2,step\n"
    )
    heard = by_hop(latentfx.apply(ONES, plugin=gain, sample_rate=RATE, automation=path))
    assert heard[:10] == [1.0] * 10
    np.testing.assert_allclose(heard[10:21], 0.4 * np.arange(11), atol=1e-6)
    assert heard[21:30] == [4.0] * 9
    assert heard[30:] == [2.0] * 70


def test_a_line_of_a_blend_goes_from_one_mixture_to_another(plugin_file: Write) -> None:
    plugin = latentfx.load(plugin_file("blend"))
    moves = [at(0, Turn("tone", "half")), at(50, Turn("tone", "full", line=True))]
    factor = np.arctanh(by_hop(run(plugin, *moves, size=0.1)))  # its output is tanh(factor * input)
    np.testing.assert_allclose(factor[:51], 0.1 * np.linspace(2, 4, 51), rtol=1e-4)
    np.testing.assert_allclose(factor[51:], 0.4, rtol=1e-4)


@pytest.mark.parametrize("block", [HOP, 48, 256, 1000])
@pytest.mark.parametrize("kind", ["gain", "delay"])
def test_an_automation_gives_what_a_live_session_gave_with_the_same_messages(
    plugin_file: Write, tmp_path: Path, kind: str, block: int
) -> None:
    """Controls that glide, a preset, a controller by halves, keys let go: all at random times."""
    plugin = latentfx.load(plugin_file(kind))
    presets = [Preset("loud", plugin.name, {"gain": 3.0}, bindings=(Binding.parse("cc:9=gain:1..2"),))]
    bindings = ["cc:1=gain:0..2,smoothing_ms=20", "cc14:2=gain", "bend=gain:1..3", "note=gain"]
    rng = np.random.default_rng(block)
    audio = rng.uniform(-0.2, 0.2, 40_000).astype(np.float32)
    messages = {
        int(when): message
        for when, message in zip(
            rng.integers(0, 30, 12),
            [cc(100), cc(3, 2), cc(70, 34), Message("pitchwheel", pitch=900), Message("note_on", note=60),
             Message("program_change", program=0), cc(90, 9), Message("note_off", note=60), Message("reset"),
             cc(0), cc(127), cc(64)],
            strict=True,
        )
    }  # fmt: skip
    heard, take = [], tmp_path / "take.wav"
    with (
        LiveHost(plugin, place="callback", bindings=bindings, presets=presets, source=plugin.name) as host,
        latentfx.realtime.Recorder(take, host),
    ):
        host.output.limiter = None
        for number, start in enumerate(range(0, len(audio), block)):
            if number in messages:
                host.send(messages[number])
            if number == 20:
                host.controls["gain"] = 0.7  # by hand
            heard.append(host.process(audio[start : start + block]))
        latency = host.latency
    live = np.concatenate(heard)[latency:]
    automation = latentfx.load_automation(tmp_path / "take.mid")
    automation = latentfx.Automation(automation.moves, presets=tuple(presets))
    again = latentfx.apply(audio, plugin=plugin, sample_rate=RATE, automation=automation)
    assert len(set(live.tolist())) > 100
    np.testing.assert_array_equal(again[: len(live)], live)


def test_a_program_change_chooses_a_preset_whose_values_glide_in(gain: latentfx.LatentPlugin) -> None:
    presets = (Preset("loud", "gain", {"gain": 3.0}, bindings=(Binding.parse("cc:5=gain:0..1"),)),)
    moves = [at(5, Message("program_change", program=0)), at(90, cc(127, 5))]
    heard = by_hop(run(gain, *moves, presets=presets))
    assert heard[:5] == [1.0] * 5
    assert all(np.diff(heard[4:40]) > 0)
    assert (heard[60], heard[95]) == (3.0, 1.0)


def test_a_midi_file_of_a_sequencer_is_read_in_its_tempo_and_on_every_track(tmp_path: Path) -> None:
    tempo = mido.MidiTrack([MetaMessage("set_tempo", tempo=250_000)])
    first = mido.MidiTrack([cc(1).copy(time=480), MetaMessage("text", text="hello"), cc(2).copy(time=480)])
    second = mido.MidiTrack([cc(3, 7).copy(time=720), Message("sysex", data=[1, 2])])
    mido.MidiFile(type=1, ticks_per_beat=480, tracks=[tempo, first, second]).save(tmp_path / "a.mid")
    moves = read_midi(tmp_path / "a.mid")
    assert [(move.time_s, move.what) for move in moves] == [(0.25, cc(1)), (0.375, cc(3, 7)), (0.5, cc(2))]


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000, 22_050, 191_999])
def test_a_written_move_is_read_in_the_same_hop_after_an_hour(tmp_path: Path, rate: int) -> None:
    hop_s = 64 / rate
    hops = [0, 1, 7, 10_000_000, 10_000_001]
    written = [Move((hop + 0.5) * hop_s, cc(n)) for n, hop in enumerate(hops)]
    write_midi(tmp_path / "a.mid", written, rate)
    assert [int(move.time_s / hop_s) for move in read_midi(tmp_path / "a.mid")] == hops


def test_what_midi_has_no_message_for_is_kept_beside_the_messages(tmp_path: Path) -> None:
    knob = (Binding.parse("cc:1=gain:0..2,smoothing_ms=20"),)
    said = [Rebind(knob, ()), Turn("gain", 0.1), Recall("Größe"), Message("reset")]
    write_midi(tmp_path / "a.mid", [Move(0.0, what) for what in said], RATE)
    assert [move.what for move in read_midi(tmp_path / "a.mid")] == said


@pytest.mark.parametrize(
    ("moves", "bindings", "error", "said"),
    [
        ([at(1, cc(3))], [], MidiError, "nothing listens.*--bind"),
        ([at(1, Turn("gian", 1.0))], [], ControlError, "gian"),
        ([at(1, Turn("gain", 9.0))], [], ControlError, "allowed 0 to 4"),
        ([at(1, Recall(Preset("x", "ring")))], [], PresetError, "one plugin"),
        ([at(1, Recall("nobody"))], [], PresetError, "no preset 'nobody'"),
    ],
)
def test_moves_that_cannot_be_made_are_refused_before_anything_runs(
    gain: latentfx.LatentPlugin, moves: list[Move], bindings: list[str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        run(gain, *moves, bindings=bindings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has the columns none"),
        ("time,knob,value\n", "time,control,value"),
        ("time,control,value\nsoon,gain,1\n", "line 2: time is 'soon'"),
        ("time,control,value\n-1,gain,1\n", "line 2: time is '-1'"),
        ("time,control,value\n1,gain\n", "line 2: .* cannot be read"),
        ("time,control,value,shape\n1,gain,1,curve\n", "line or step"),
        ("time,control,value\n1,gain,1,line,2\n", "cannot be read"),
        ("time,control,value\n1,gain,loud\n", "'gain' is 'loud'; allowed 0 to 4"),
        ("time,control,value\n1,gain,nan\n", "allowed 0 to 4"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_its_line(
    gain: latentfx.LatentPlugin, table: Callable[[str], Path], text: str, said: str
) -> None:
    with pytest.raises(ControlError, match=said):
        latentfx.apply(ONES, plugin=gain, sample_rate=RATE, automation=table(text))


@pytest.mark.parametrize("damage", ["cut", "noise", "text", "empty", "bad text"])
def test_a_damaged_midi_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.mid"
    write_midi(path, [Move(0.1 * n, cc(n)) for n in range(20)], RATE)
    whole = path.read_bytes()
    bad = mido.MidiFile(tracks=[mido.MidiTrack([MetaMessage("text", text='latentfx {"bindings": ["x"]}')])])
    bad.save(tmp_path / "bad.mid")
    noise = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    path.write_bytes(
        {
            "cut": whole[:-30],
            "noise": noise,
            "text": b"time,control,value",
            "empty": b"",
            "bad text": (tmp_path / "bad.mid").read_bytes(),
        }[damage]
    )
    with pytest.raises(MidiError, match=r"a\.mid"):
        latentfx.load_automation(path)


def test_a_board_and_a_side_chain_take_a_plugin_that_is_moved(plugin_file: Write) -> None:
    gain, side = latentfx.load(plugin_file("gain")), latentfx.load(plugin_file("side"))
    automation = latentfx.Automation((at(50, Turn("gain", 3.0)),))
    board = latentfx.Board([latentfx.Automated(gain, automation), latentfx.load(plugin_file("delay"))])
    heard = by_hop(latentfx.apply(ONES, plugin=board, sample_rate=RATE))
    assert heard == [1.0] * 50 + [3.0] * 50
    with pytest.raises(ControlError, match="Automated"):
        latentfx.apply(ONES, plugin=board, sample_rate=RATE, automation=automation)
    level = np.full(len(ONES), 0.1, np.float32)
    mixed = latentfx.apply(ONES, plugin=side, sample_rate=RATE, side=(level, RATE), automation=automation)
    np.testing.assert_allclose(mixed[: 50 * HOP], 1 - 0.1 * side.gain, atol=1e-6)
    np.testing.assert_allclose(mixed[50 * HOP :], 0.7, atol=1e-6)


def test_every_file_of_a_batch_is_moved_from_its_start(plugin_file: Write, tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        soundfile.write(tmp_path / name, 0.1 * ONES, RATE, subtype="FLOAT")
    moves = tmp_path / "moves.mid"
    write_midi(moves, [at(10.5, cc(127))], RATE)
    automation = latentfx.load_automation(moves, ["cc:1=gain"])
    plugin = plugin_file("gain")
    outcomes = apply_many(tmp_path / "*.wav", tmp_path / "out", plugin, jobs=2, automation=automation)
    assert [outcome.error for outcome in outcomes] == ["", ""]
    for name in ("a.wav", "b.wav"):
        heard, _ = soundfile.read(tmp_path / "out" / name, dtype="float32")
        np.testing.assert_allclose(by_hop(heard), [0.1] * 10 + [0.4] * 90, rtol=1e-6)


def test_the_verb_moves_controls_by_both_kinds_of_files(
    plugin_file: Write, tmp_path: Path, table: Callable[[str], Path]
) -> None:
    source, target, moves = tmp_path / "in.wav", tmp_path / "out.wav", tmp_path / "moves.mid"
    soundfile.write(source, 0.1 * ONES, RATE, subtype="FLOAT")
    write_midi(moves, [at(10.5, cc(127))], RATE)
    options = ["apply", str(source), str(target), "-p", str(plugin_file("gain")), "--midi", str(moves)]
    refused = CliRunner().invoke(app, options)
    assert refused.exit_code == 1
    assert "--bind cc:1=mix" in refused.output
    late = table(f"time,control,value\n{50 * HOP / RATE},gain,2\n")
    ran = CliRunner().invoke(app, [*options, "--bind", "cc:1=gain", "--automate", str(late)])
    assert ran.exit_code == 0, ran.output
    heard, _ = soundfile.read(target, dtype="float32")
    np.testing.assert_allclose(by_hop(heard), [0.1] * 10 + [0.4] * 40 + [0.2] * 50, rtol=1e-6)
    lone = CliRunner().invoke(app, ["apply", str(source), str(target), "--bind", "cc:1=mix"])
    assert "--midi FILE.mid" in lone.output
