"""From a file for nn~ to what hosts must know of it: a `Metadata`, as a plugin file of ours carries it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

import torch

from latentfx.control import Control
from latentfx.errors import LatentFXError, PluginFileError
from latentfx.host.plugin_file import MAX_METADATA_BYTES, Metadata, load_metadata
from latentfx.spec import PluginSpec

from .blocks import running
from .memory import twin_of
from .ports import MethodPort, NumberAttribute, Ports, Value
from .row import OFFSET, SCALE, ModelRow, Setter, Wiring

METADATA_FILE: Final = "latentfx.json"
ASSUMED: Final = "assumed"
KEY: Final = "nn~"  # in the provenance: what is measured of a file
FURTHEST_OFFSET: Final = 4.0
WIDEST_SCALE: Final = 4.0
_SIZES: Final = (1, 2, 5, 10, 12, 24, 48, 60, 100, 127, 1000)
_TRIED: Final = (*(-size for size in reversed(_SIZES)), 0, *_SIZES)
_SAME: Final = 1e-3
_BLOCKS: Final = 8

Limits = dict[str, tuple[float, float]]


def read_own_metadata(data: bytes) -> Metadata | None:
    """What a file of ours for nn~ says of itself, read without running it; None for a file of others.

    Raises:
        PluginFileError: no TorchScript file, or our metadata, damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [e for e in archive.infolist() if e.filename.endswith(f"/extra/{METADATA_FILE}")]
            if len(entries) != 1:
                return None
            if entries[0].file_size > MAX_METADATA_BYTES:
                raise PluginFileError(f"the metadata takes {entries[0].file_size} bytes; a damaged file")
            return load_metadata(archive.read(entries[0]).decode())
    except (zipfile.BadZipFile, UnicodeDecodeError, ValueError, OSError) as error:
        if isinstance(error, LatentFXError):
            raise
        raise PluginFileError(f"no TorchScript file: {error}") from None


def base_spec(ports: Ports, own: Metadata | None, limits: Limits, name: str) -> PluginSpec:
    """The spec before anything is measured: its latency is 0, unless the file is ours.

    Args:
        ports: of the file.
        own: what a file of ours says.
        limits: lowest and highest value of a control that was tried.
        name: of a file that says none.
    """
    if own is not None:
        unlearnt = tuple(replace(blend, reference=None) for blend in own.spec.blends)
        return replace(own.spec, blends=unlearnt)
    inputs, outputs = ports.sound()
    knobs = [
        _control(knob, value, *limits[knob])
        for attribute in ports.attributes
        for knob, value in zip(attribute.knobs, attribute.values, strict=True)
        if knob in limits
    ]
    return PluginSpec(name, ports.sample_rate, ports.block_size, 0, inputs, outputs, tuple(knobs))


def with_code(spec: PluginSpec, size: int) -> PluginSpec:
    """The spec with an offset and a scale for each dimension of the code."""
    taken = {control.name for control in spec.controls}
    both = [
        *(
            Control(
                f"latent_{at}_{OFFSET}",
                -FURTHEST_OFFSET,
                FURTHEST_OFFSET,
                0.0,
                "",
                "linear",
                f"added to dimension {at} of the code",
            )
            for at in range(size)
        ),
        *(
            Control(
                f"latent_{at}_{SCALE}",
                0.0,
                WIDEST_SCALE,
                1.0,
                "",
                "linear",
                f"multiplies dimension {at} of the code",
            )
            for at in range(size)
        ),
    ]
    if not both or taken & {control.name for control in both}:
        return spec
    return replace(spec, controls=(*spec.controls, *both))


def wire(ports: Ports, spec: PluginSpec, own: Metadata | None, found: dict[str, Any]) -> Wiring:
    """How the model is called.

    Args:
        ports: of the file.
        spec: of the plugin.
        own: what a file of ours says.
        found: what was measured of the code: `chain`, and whether it plays `always`.
    """
    names = [control.name for control in spec.controls]
    setters = (
        own_setters(own.spec, ports.methods)
        if own is not None
        else tuple(
            Setter(one.name, names.index(one.knobs[0]), one.values)
            for one in ports.attributes
            if set(one.knobs) <= set(names)
        )
    )
    first = f"latent_0_{OFFSET}"
    chain = tuple(found.get("chain", ())) if first in names else ()
    return Wiring(
        ports,
        setters,
        chain,
        names.index(first) if chain else 0,
        bool(found.get("always", False)),
        spec.latency // spec.block_size + 1,
    )


def own_setters(spec: PluginSpec, methods: Collection[str]) -> tuple[Setter, ...]:
    """The attributes of a file of ours: one for every control, in order."""
    return tuple(
        Setter(attribute_name(control.name, methods), index, (_start(control),))
        for index, control in enumerate(spec.controls)
    )


def attribute_name(control: str, methods: Collection[str]) -> str:
    """A control of ours as an attribute of nn~: one with the name of a method is renamed."""
    return f"{control}_amount" if control in methods else control


def _start(control: Control) -> Value:
    return int(control.default) if control.curve == "integer" else float(control.default)


def find_limits(module: torch.jit.ScriptModule, ports: Ports) -> Limits:
    """The lowest and the highest value of every attribute, as far as its setter tells; else a guess.

    A setter says no by a return value other than 0, by an error, or by keeping another value. One that keeps
    every value shows no limit: the range is from 0 to twice the value at the start then, and to 1 at least.
    """
    found: Limits = {}
    for attribute in ports.attributes:
        for at, knob in enumerate(attribute.knobs):
            value = attribute.values[at]
            if isinstance(value, bool):
                found[knob] = (0.0, 1.0)
                continue
            kept = [one for one in _TRIED if _keeps(module, attribute, at, one)]
            low, high = (min(kept, default=0), max(kept, default=0))
            start = float(value)
            lowest = min(0.0, 2 * start) if low == -_SIZES[-1] else min(float(low), start)
            highest = max(1.0, 2 * start) if high == _SIZES[-1] else max(float(high), start)
            if lowest < highest:
                found[knob] = (lowest, highest)
    return found


def _keeps(module: torch.jit.ScriptModule, attribute: NumberAttribute, at: int, value: float) -> bool:
    """Whether a setter takes a value, and keeps it."""
    kind = type(attribute.values[at])
    values = [kind(value) if index == at else one for index, one in enumerate(attribute.values)]
    twin = twin_of(module)
    try:
        if getattr(twin, f"set_{attribute.name}")(*values) not in (0, None):
            return False
        got = getattr(twin, f"get_{attribute.name}")()
    except (RuntimeError, torch.jit.Error):
        return False
    kept = got[at] if isinstance(got, tuple | list) else got
    return abs(float(kept) - value) <= _SAME * max(abs(value), 1.0)


def _control(name: str, value: Value, low: float, high: float) -> Control:
    curve: Any = "linear" if isinstance(value, float) else "integer"
    return Control(name, low, high, float(value), "", curve, "attribute of the file")


def find_chain(
    module: torch.jit.ScriptModule, ports: Ports, spec: PluginSpec, own: Metadata | None
) -> dict[str, Any]:
    """Which methods lead from audio to audio by way of the code, and whether `forward` is no more than them.

    Returns:
        `chain`, and `always` where the chain plays as `forward` does, or where `forward` draws at random.
    """
    if ports.latent is None:
        return {"chain": [], "always": False}
    size, ratio = ports.latent
    between = [
        name
        for name, port in ports.methods.items()
        if own is not None and port == MethodPort(size, ratio, size, ratio)
    ]
    chain = ["encode", *between, "decode"]
    if "forward" not in ports.methods:
        return {"chain": chain, "always": True}
    shape = (_BLOCKS, 1, spec.in_channels, spec.block_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.tensor([*spec.defaults, *[0.0] * size, *[1.0] * size]).numpy()
    plain = Wiring(ports)
    turned = Wiring(ports, (), tuple(chain), len(spec.controls), True)
    heard = []
    with running(1):
        for wiring in (plain, plain, turned):
            row = ModelRow(module, wiring)
            heard.append(torch.cat([row.play(0.1 * block, values) for block in noise], -1))
    loudest = max(float(heard[0].abs().max()), 1e-9)
    random = float((heard[0] - heard[1]).abs().max()) > _SAME * loudest
    alike = float((heard[0] - heard[2]).abs().max()) <= _SAME * loudest
    return {"chain": chain, "always": random or alike}
