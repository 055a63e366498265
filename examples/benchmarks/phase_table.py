"""How well four methods turn magnitudes into audio: whether the audio has those magnitudes again.

    python examples/benchmarks/phase_table.py [FOLDER] [--include GLOB ...] [--seconds 10] [--json OUT]

The table shows the spectral convergence in dB: the norm of the error of the magnitudes, over the norm of
the magnitudes. Lower is better. It is the mean over the recordings in FOLDER at 48 kHz, or over synthetic
bowed tones if there is no FOLDER. Windows are Hann.

    random      phases drawn at random
    RTISI       Griffin-Lim without look-ahead, 8 iterations a frame (Beauregard, Zhu & Wyse 2005)
    ours        latentfx.dsp.phase, one pass
    offline     librosa's Griffin-Lim over the whole recording, 32 iterations, momentum 0.99

The first three make each frame from the past alone, at a latency of n_fft - hop samples. The last columns
are the milliseconds that one frame of ours takes in onnxruntime on one thread (median, 99th percentile).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from table import print_table, write_json
from torch import Tensor

from latentfx.dsp.phase import PhaseGradientPropagation, propagate_phase
from latentfx.dsp.stft import StftAnalysis, StftSynthesis
from latentfx.dsp.windows import dual_window, hann
from latentfx.training.data.folder import find_recordings
from latentfx.training.data.recording import read_audio

SAMPLE_RATE = 48_000
RESOLUTIONS = [(512, 128), (1024, 256), (1024, 128), (2048, 512), (2048, 256)]
COLUMNS = ["n_fft", "hop", "random", "RTISI", "ours", "offline", "p50 ms", "p99 ms"]
RTISI_ITERATIONS = 8

Float32 = NDArray[np.float32]
Complex = NDArray[np.complex128]
Method = Callable[[Float32, int, int], Complex]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", help="folder of recordings; by default synthetic tones"
    )
    parser.add_argument("--include", nargs="+", default=["*"], help="globs over the paths in the folder")
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each recording")
    parser.add_argument("--json", type=Path, help="write the figures of every recording here too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recordings = _recordings(arguments.folder, arguments.include, arguments.seconds)
    rows, single = [], {}
    for n_fft, hop in RESOLUTIONS:
        scores = {name: _scores(audio, n_fft, hop) for name, audio in recordings.items()}
        single[f"{n_fft}/{hop}"] = scores
        means = [float(np.mean([score[method] for score in scores.values()])) for method in METHODS]
        rows.append([n_fft, hop, *(f"{mean:.1f}" for mean in means), *_cost_ms(n_fft, hop)])
    print(f"{len(recordings)} recordings of up to {arguments.seconds:g} s; dB, and ms a frame\n")
    print_table(COLUMNS, rows)
    write_json(arguments.json, {"columns": COLUMNS, "rows": rows, "recordings": single})


def _recordings(folder: Path | None, include: list[str], seconds: float) -> dict[str, Float32]:
    if folder is None:
        return {f"tone {f0:g} Hz": _bowed_tone(f0, min(seconds, 3.0)) for f0 in (196.0, 440.0, 880.0)}
    length = round(seconds * SAMPLE_RATE)
    found = find_recordings(folder, include)
    return {item.name: read_audio(item.file, SAMPLE_RATE)[:length] for item in found}


def _bowed_tone(f0_hz: float, seconds: float) -> Float32:
    """Thirty harmonics with a vibrato of half a semitone at 5.5 Hz and a slow attack."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    depth = 2.0 ** (0.5 / 12.0) - 1.0
    cycles = f0_hz * (at - depth / (2 * np.pi * 5.5) * np.cos(2 * np.pi * 5.5 * at))
    harmonics = [k for k in range(1, 31) if k * f0_hz < 0.45 * SAMPLE_RATE]
    tone = sum(np.sin(2 * np.pi * k * cycles + k * k) / k for k in harmonics)
    return np.asarray(tone * 0.2 * np.minimum(at / 0.1, 1.0), np.float32)


def _scores(audio: Float32, n_fft: int, hop: int) -> dict[str, float]:
    """Spectral convergence by method, in dB."""
    magnitude = _magnitude(audio, n_fft, hop)
    whole = magnitude.shape[1] - n_fft // hop
    if whole < 1 or not magnitude.any():
        raise SystemExit(f"a recording is silent or shorter than {2 * n_fft} samples; leave it out")
    scores = {}
    for name, method in METHODS.items():
        found = _magnitude(_audio(method(magnitude, n_fft, hop), n_fft, hop), n_fft, hop)
        error = np.linalg.norm((found - magnitude)[:, :whole]) / np.linalg.norm(magnitude[:, :whole])
        scores[name] = float(20 * np.log10(error))
    return scores


def _magnitude(audio: Float32, n_fft: int, hop: int) -> Float32:
    analysis = StftAnalysis.hann(n_fft, hop)
    whole = torch.from_numpy(audio[: len(audio) // hop * hop])[None, None]
    re, im, _ = analysis(whole, analysis.initial_state())
    magnitude: Float32 = torch.hypot(re, im)[0, 0].numpy()
    return magnitude


def _audio(spectrum: Complex, n_fft: int, hop: int) -> Float32:
    """Overlap-add, aligned with the audio that was analysed."""
    synthesis = StftSynthesis.hann(n_fft, hop)
    re, im = (
        torch.from_numpy(part.astype(np.float32))[None, None] for part in (spectrum.real, spectrum.imag)
    )
    audio, state = synthesis(re, im, synthesis.initial_state())
    late: Float32 = torch.cat([audio, state["synthesis_tail"]], -1)[0, 0, synthesis.latency :].numpy()
    return late


def _random(magnitude: Float32, n_fft: int, hop: int) -> Complex:
    turns = np.random.default_rng(0).random(magnitude.shape)
    return np.asarray(magnitude * np.exp(2j * np.pi * turns), np.complex128)


def _rtisi(magnitude: Float32, n_fft: int, hop: int) -> Complex:
    window = hann(n_fft).numpy()
    weight = dual_window(hann(n_fft), hann(n_fft).square(), hop).numpy()
    past = np.zeros(n_fft)
    spectrum = np.zeros(magnitude.shape, np.complex128)
    for n in range(magnitude.shape[1]):
        frame = np.zeros(n_fft)
        for _ in range(RTISI_ITERATIONS):
            angle = np.angle(np.fft.rfft(window * (past + weight * frame)))
            spectrum[:, n] = magnitude[:, n] * np.exp(1j * angle)
            frame = np.fft.irfft(spectrum[:, n])
        past = np.append((past + weight * frame)[hop:], np.zeros(hop))
    return spectrum


def _ours(magnitude: Float32, n_fft: int, hop: int) -> Complex:
    re, im = propagate_phase(torch.from_numpy(magnitude)[None], hop)
    return np.asarray((re + 1j * im)[0].numpy(), np.complex128)


def _offline(magnitude: Float32, n_fft: int, hop: int) -> Complex:
    audio = librosa.griffinlim(
        magnitude, n_iter=32, hop_length=hop, n_fft=n_fft, center=False, momentum=0.99, random_state=0
    )
    spectrum = librosa.stft(audio, n_fft=n_fft, hop_length=hop, center=False)
    return np.asarray(magnitude * np.exp(1j * np.angle(spectrum)), np.complex128)


def _cost_ms(n_fft: int, hop: int, frames: int = 3000) -> tuple[float, float]:
    """Milliseconds of one frame in onnxruntime on one thread: median and 99th percentile."""
    module = PhaseGradientPropagation(n_fft, hop).eval()
    generator = torch.Generator().manual_seed(0)
    magnitude = torch.rand(1, n_fft // 2 + 1, 1, generator=generator)
    state = module.initial_state()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phase.onnx"
        torch.onnx.export(
            module, (magnitude,), path, kwargs={"state": state}, dynamo=True, opset_version=20, verbose=False
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = _named(session, [magnitude, *state.values()])
    spent = []
    for _ in range(frames):
        begin = time.perf_counter()
        session.run(None, inputs)
        spent.append((time.perf_counter() - begin) * 1e3)
    return float(np.percentile(spent, 50)), float(np.percentile(spent, 99))


def _named(session: onnxruntime.InferenceSession, values: list[Tensor]) -> dict[str, Float32]:
    names = [item.name for item in session.get_inputs()]
    return {name: value.numpy() for name, value in zip(names, values, strict=True)}


METHODS: dict[str, Method] = {"random": _random, "RTISI": _rtisi, "ours": _ours, "offline": _offline}

if __name__ == "__main__":
    main()
