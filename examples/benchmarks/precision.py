"""Whether int8 or float16 weights pay: a plugin file in both, against the file as it is.

    python examples/benchmarks/precision.py presets/plugins/timbre-swap.onnx [--json precision.json]

int8 is onnxruntime's dynamic quantisation of the weights of every MatMul, with one scale a channel. float16
stores every large constant in half precision and computes in float32, because onnxruntime has hardly any
kernels for float16 on a CPU.

A violin goes through each file block by block. The table shows the speed against float32 (by turns, median
step), the size, and the difference from float32 over its peak. Rounding adds up in the phases, so the
magnitudes are compared too (2048-point spectra). A format pays if it is faster, and within -60 dB in both.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from signals import violin
from table import print_table, write_json

import latentfx

Float32 = NDArray[np.float32]
LIMIT_DB = -60.0
SMALLEST = 256  # values in a tensor that is worth storing in half precision
COLUMNS = ("weights", "MB", "ms a step", "times float32's speed", "samples, dB", "magnitudes, dB", "pays")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="the .onnx file of a plugin")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the audio")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = {"float32": arguments.file}
        for label, write in FORMS.items():
            files[label] = Path(name) / f"{label}.onnx"
            write(arguments.file, files[label])
        plugins = {label: _open(path) for label, path in files.items()}
        sizes = {label: path.stat().st_size / 1e6 for label, path in files.items()}
    audio = violin(plugins["float32"].sample_rate, arguments.seconds)
    outputs = {label: plugin(audio, plugin.sample_rate) for label, plugin in plugins.items()}
    steps = _step_ms(plugins, audio, arguments.rounds)
    rows = []
    for label, output in outputs.items():
        gaps = _gaps_db(output, outputs["float32"])
        speed = steps["float32"] / steps[label]
        pays = "yes" if speed > 1.0 and max(gaps) <= LIMIT_DB else "no"
        rows.append((label, sizes[label], steps[label], speed, *gaps, pays))
    print(f"{arguments.file}: one thread, steps of one block\n")
    print_table(COLUMNS, rows)
    figures = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    write_json(arguments.json, {"file": str(arguments.file), "rows": figures})


def _int8(source: Path, target: Path) -> None:
    logging.getLogger().setLevel(logging.ERROR)  # it would print a line for every MatMul of two signals
    quantize_dynamic(
        source, target, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8
    )


def _float16(source: Path, target: Path) -> None:
    model = onnx.load(source)
    casts = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALLEST:
            continue
        half = f"{tensor.name}_half"
        casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), half))
    for cast in casts:
        model.graph.node.insert(0, cast)
    onnx.save(model, target)


FORMS: dict[str, Callable[[Path, Path], None]] = {"int8": _int8, "float16": _float16}


def _open(path: Path) -> latentfx.LatentPlugin:
    return latentfx.load(path, threads=1)


def _step_ms(plugins: dict[str, latentfx.LatentPlugin], audio: Float32, rounds: int) -> dict[str, float]:
    """Median time of a step of one block; the plugins take turns."""
    times: dict[str, list[float]] = {label: [] for label in plugins}
    streams = {label: plugin.blocks() for label, plugin in plugins.items()}
    size = next(iter(plugins.values())).spec.block_size
    for start in range(0, rounds * 200 * size, size):
        at = start % (len(audio) - size)
        block = audio[at : at + size].reshape(1, 1, size)
        for label, stream in streams.items():
            begin = time.perf_counter()
            stream.step(block)
            times[label].append(1000 * (time.perf_counter() - begin))
    return {label: float(np.median(values[200:])) for label, values in times.items()}


def _gaps_db(output: Float32, reference: Float32) -> tuple[float, float]:
    """Differences in dB: largest of a sample over the peak, rms of the magnitudes over their own rms."""
    peak = float(np.abs(reference).max())
    sample = float(np.abs(output - reference).max()) / peak
    first, second = (_magnitudes(sound) for sound in (output, reference))
    magnitude = float(np.sqrt(np.mean((first - second) ** 2) / np.mean(second**2)))
    return _db(sample), _db(magnitude)


def _magnitudes(audio: Float32) -> Float32:
    frames = np.lib.stride_tricks.sliding_window_view(audio.ravel(), 2048)[::512]
    return np.abs(np.fft.rfft(frames * np.hanning(2048), axis=-1)).astype(np.float32)


def _db(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-10)))


if __name__ == "__main__":
    main()
