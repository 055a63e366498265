"""A plugin's speed against RAVE v1 and v2, by turns in one process, on one thread.

    python examples/benchmarks/against_rave.py timbre-swap --python RAVE-ENVIRONMENT/bin/python

The package of RAVE builds its models v1 and v2 with causal convolutions and random weights. They run in
TorchScript, as in nn~. The weights do not change what a model costs. How the models sound is not compared.

RAVE is not a dependency of latentfx. It needs scipy 1.10.0 and pytorch-lightning 1.9.0, so it needs an
environment of its own: `python -m venv RAVE-ENVIRONMENT`, and there `pip install acids-rave`. Its licence,
and those of the packages that it brings, allow no commercial use.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

from table import print_table, write_json

from latentfx.export.checks.bench import Duel, duel
from latentfx.export.checks.timing import open_runner

BUFFERS = (2048, 4096)
COLUMNS = ("", "buffer", "ms, plugin", "ms, RAVE", "times real time, plugin", "RAVE", "ratio")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plugin", help="name, .onnx file, or .ts file of your own")
    parser.add_argument("--python", default=sys.executable, help="Python that has RAVE installed")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds for each model and buffer")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    ours = open_runner(_file(arguments.plugin), trust=True)
    found: dict[str, tuple[Duel, ...]] = {}
    with tempfile.TemporaryDirectory() as folder:
        build(arguments.python, folder)
        for file in sorted(Path(folder).glob("*.ts")):
            found[file.stem] = duel(ours, open_runner(file, trust=True), BUFFERS, arguments.seconds)
    print(f"{arguments.plugin} against RAVE, one thread, by turns; ratio: how many times faster it is\n")
    print_table(COLUMNS, [_row(name, one) for name, duels in found.items() for one in duels])
    ratios = {name: {str(one.buffer): one.ratio for one in duels} for name, duels in found.items()}
    write_json(arguments.json, {"plugin": arguments.plugin, "ratio": ratios})


def _file(plugin: str) -> Path:
    if plugin.endswith((".onnx", ".ts")):
        return Path(plugin)
    return Path(str(resources.files("latentfx.presets") / "plugins" / f"{plugin}.onnx"))


def build(python: str, folder: str) -> None:
    """Let a Python that has RAVE write the models."""
    program = Path(__file__).with_name("rave_files.py")
    done = subprocess.run([python, str(program), folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(
            f"{python} cannot build RAVE: {done.stderr.strip().splitlines()[-1]}\n"
            "Name a Python where `pip install acids-rave` was run with --python"
        )


def _row(name: str, one: Duel) -> tuple[object, ...]:
    times = (one.first.p50_ms, one.second.p50_ms)
    speeds = (timing.deadline_ms / timing.p50_ms for timing in (one.first, one.second))
    return (name, one.buffer, *times, *speeds, one.ratio)


if __name__ == "__main__":
    main()
