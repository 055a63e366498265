"""The verb `latentfx devices`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.note import say_note
from latentfx.errors import MidiError

if TYPE_CHECKING:
    from rich.table import Table

    from latentfx.realtime import Device


def devices(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the sound devices and MIDI inputs that `latentfx live` can use."""
    from rich.console import Console

    from latentfx.realtime import accepted_rates, list_devices, list_midi_inputs

    found = list_devices()
    rates = accepted_rates(found)
    remedy = "none; --midi virtual makes one"
    try:
        ports = list_midi_inputs()
    except MidiError as error:  # sound works without
        ports, remedy = [], f"none: {error}"
        if as_json:
            say_note(str(error))
    console = Console(soft_wrap=as_json, markup=False, emoji=False)  # names are shown as they are
    if as_json:
        listed = [asdict(device) | {"rates": its} for device, its in zip(found, rates, strict=True)]
        console.print_json(data={"devices": listed, "midi": ports})
        return
    if found:
        console.print(_table(found, rates))
        console.print("\n> is taken where no --input is given, < where no --output is.", highlight=False)
    else:
        console.print("no sound devices; start the sound server, or plug one in")
    console.print(f"\nMIDI inputs: {', '.join(ports) or remedy}", highlight=False)


def _table(found: list[Device], rates: list[list[int] | None]) -> Table:
    from rich.table import Table

    columns = ("", "", "device", "host API", "in", "out", "rate", "accepts", "lowest latency in, out")
    table = Table(*columns, box=None, pad_edge=False)
    for device, its in zip(found, rates, strict=True):
        table.add_row(
            f"{'>' if device.default_input else ''}{'<' if device.default_output else ''}",
            str(device.index),
            device.name,
            device.host_api,
            str(device.inputs or ""),
            str(device.outputs or ""),
            f"{device.sample_rate:g} Hz",
            _accepted(its),
            ", ".join(_latencies(device)),
        )
    return table


def _accepted(rates: list[int] | None) -> str:
    if rates is None:
        return "unknown"
    return ", ".join(f"{rate / 1000:g}" for rate in rates) + " kHz" if rates else "other rates"


def _latencies(device: Device) -> list[str]:
    pairs = ((device.inputs, device.input_latency_ms), (device.outputs, device.output_latency_ms))
    return [f"{latency:.1f} ms" if 0 <= latency < 10_000 else "unknown" for there, latency in pairs if there]
