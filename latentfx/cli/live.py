"""The verb `latentfx live`."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from latentfx.cli.live_page import PORT, OpenOption, PageOption, PortOption, show_page, split_bind
from latentfx.cli.note import say_note
from latentfx.cli.options import (
    BindOption,
    LimitOption,
    PluginOption,
    PresetOption,
    ReferenceOption,
    TrustOption,
    choose_plugin,
    parse_duration,
    refuse_own_names,
    takes_controls,
)
from latentfx.errors import ControlError
from latentfx.names import counted

if TYPE_CHECKING:
    from latentfx.realtime import LiveStream, Recorder, Stats
    from latentfx.realtime.surface import Surface

_ROUND_S = 0.1
_PLACES = {"auto": None, "callback": "callback", "worker": "worker"}


@takes_controls
def live(
    plugin: PluginOption = None,
    preset: PresetOption = None,
    reference: ReferenceOption = None,
    *,
    controls: dict[str, Any],
    source: Annotated[
        str | None, typer.Option("--input", help="Input device: number, name or a part of it.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--output", help="Output device: number, name or a part of it.")
    ] = None,
    midi: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PORT",
            help="MIDI input: a port's name or a part of it; virtual or virtual:NAME, a port that others "
            "connect to; socket:PORT or socket:HOST:PORT, to listen on the network. May be repeated.",
        ),
    ] = None,
    keys: Annotated[
        bool,
        typer.Option(
            "--keys",
            help="MIDI keys play a tone into the plugin, in place of a microphone; from every MIDI input, "
            "unless --midi names some.",
        ),
    ] = False,
    bind: BindOption = None,
    ui: PageOption = False,
    ui_port: PortOption = PORT,
    open_browser: OpenOption = False,
    osc: Annotated[
        str | None,
        typer.Option(
            metavar="PORT",
            help="Listen for OSC on this UDP port, on this machine alone; HOST:PORT lets others in, such as "
            "0.0.0.0:9000. The same TCP port lists all addresses (OSCQuery).",
        ),
    ] = None,
    rate: Annotated[float | None, typer.Option(help="Rate of the devices, in Hz.")] = None,
    block: Annotated[
        int | None,
        typer.Option(min=0, max=4096, help="Samples at once, from 16; 0 lets the system choose."),
    ] = None,
    input_channels: Annotated[
        str | None, typer.Option(metavar="1,2", help="Channels of the input device.")
    ] = None,
    output_channels: Annotated[
        str | None, typer.Option(metavar="1,2", help="Channels of the output device.")
    ] = None,
    place: Annotated[
        str, typer.Option(help="Where the plugin runs: auto (measured), callback or worker.")
    ] = "auto",
    reserve: Annotated[
        float | None,
        typer.Option(
            metavar="MS",
            help="Sound that a worker keeps in hand, in ms. Stalls of the machine up to so long are not "
            "heard; the latency is as much longer.",
            show_default="measured; more after a late block",
        ),
    ] = None,
    allow_feedback: Annotated[
        bool, typer.Option("--allow-feedback", help="Play a microphone to the loudspeaker beside it.")
    ] = False,
    record: Annotated[
        Path | None, typer.Option(help="Record what is heard here, and what came in beside it (NAME-dry).")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Record over a take of this name, which is gone then.")
    ] = False,
    limit: LimitOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the statistics as JSON at the end.")] = False,
    trust: TrustOption = False,
) -> None:
    """Play a plugin: microphone in, another instrument out, MIDI at the knobs.

    For example:

      latentfx live --timbre cello

      latentfx live --preset bowed-double --input "USB Mic" --output Headphones --midi "Launch Control"

      latentfx live --midi virtual --bind cc:1=timbre:violin..trumpet --record take.flac

      latentfx live --keys --timbre cello --bind cc:1=mix

      latentfx live --timbre cello --ui

    Keys while it plays: arrows choose and turn a control, b bypass, p panic, [ and ] presets, l MIDI learn
    and Escape to leave it, s save as a preset, q quit. Use headphones: a microphone that hears its own
    loudspeaker howls.
    """
    from latentfx.realtime import live as start
    from latentfx.realtime.rescue import rescue

    limit_s = None if limit is None else parse_duration(limit)
    bindings, address = split_bind(bind or (), ui)
    if ui:
        from latentfx.realtime.ui import check_extra

        check_extra()  # before any device is opened
    if place not in _PLACES:
        raise ControlError(f"--place {place!r}; allowed {', '.join(_PLACES)}")
    refuse_own_names(start, controls)
    if bind and not midi and not keys:
        say_note("--bind says what MIDI turns, and no MIDI port is open; add --midi PORT, or --midi virtual")
    rescue()
    stream = start(
        choose_plugin(plugin, preset, trust),
        input=source,
        output=target,
        midi=midi or (),
        bindings=bindings,
        reference=reference,
        sample_rate=rate,
        block=block,
        input_channels=_channels(input_channels),
        output_channels=_channels(output_channels),
        place=_PLACES[place],  # type: ignore[arg-type]
        reserve_s=None if reserve is None else reserve / 1000,
        record=record,
        overwrite=overwrite,
        allow_feedback=allow_feedback,
        keys=keys,
        **controls,
    )
    try:
        stats = _run(stream, limit_s, _Doors(osc, address, ui_port, open_browser))
    except Exception:
        if (stats := stream.host.stats()).blocks:  # what there is is told, and then what went wrong
            _tell(stats, stream.recorder, as_json)
        raise
    _tell(stats, stream.recorder, as_json)


def _channels(text: str | None) -> list[int] | None:
    """Read numbers of channels such as `1,2`."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ControlError(f"channels {text!r} cannot be read; write 1 or 1,2") from None


@dataclass(frozen=True)
class _Doors:
    """Where others come in.

    Args:
        osc: address for OSC; None for none.
        page: address of the page; None for none.
        port: of the page.
        browser: open the page.
    """

    osc: str | None
    page: str | None
    port: int
    browser: bool


def _run(stream: LiveStream, limit_s: float | None, doors: _Doors) -> Stats:
    """Play until the time is over or Ctrl-C comes; a second Ctrl-C changes nothing.

    A kill and a closed terminal do what Ctrl-C does.
    """
    hangup = _hangup()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, *hangup)}
    stop = threading.Event()
    try:
        for number in hangup:  # from the start: nothing else would clean up after it
            signal.signal(number, lambda number, frame: stop.set())
        with stream as host:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda number, frame: stop.set())
            try:
                _play(stream, limit_s, stop, doors)
            finally:
                stats = host.stats()
        return stats
    finally:
        # Ignored, not put back: Python takes its own handlers away before it has ended.
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if stop.is_set() else handler or signal.SIG_DFL)


def _hangup() -> list[signal.Signals]:
    """The signal of a closed terminal, if the system has one and `nohup` does not hold it back."""
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        return []
    return [signal.SIGHUP]


def _play(stream: LiveStream, limit_s: float | None, stop: threading.Event, doors: _Doors) -> None:
    """Show the stream and obey keys, until the time is over or the stream ends."""
    from latentfx.cli.live_keys import Keys
    from latentfx.cli.live_screen import Screen
    from latentfx.realtime.surface import Surface

    end = None if limit_s is None else time.monotonic() + limit_s
    surface = Surface(stream)
    screen = Screen(surface, hears_midi=bool(stream.midi))
    page = show_page(surface, doors.page, doors.port, doors.browser)
    with _listen(surface, doors.osc), page, Keys() as keys, screen:
        while stream.running and not stop.is_set() and (end is None or time.monotonic() < end):
            for key in keys.read(_ROUND_S):
                if key == "q":
                    return
                screen.obey(key)
            screen.show()


@contextmanager
def _listen(surface: Surface, address: str | None) -> Iterator[None]:
    """Listen for OSC, where an address is given; say at the end what could not be obeyed."""
    if address is None:
        yield
        return
    from latentfx.realtime.osc import Osc

    with Osc(surface, address) as osc:
        yield
    if osc.bad:
        say_note(f"{osc.bad} of {osc.received} OSC packets could not be obeyed; the last one: {osc.trouble}")


@contextmanager
def _to_nobody() -> Iterator[None]:
    """Let printing fail in silence when the terminal is gone."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        with Path(os.devnull).open("w") as nowhere:  # for what stands in the buffer yet
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


@_to_nobody()
def _tell(stats: Stats, recorder: Recorder | None, as_json: bool) -> None:
    if as_json:
        from rich.console import Console

        Console(soft_wrap=True).print_json(data=_jsonable(asdict(stats) | {"total_ms": stats.latency.total}))
        return
    typer.echo(
        f"{stats.seconds:.1f} s in {stats.blocks} blocks; late {stats.late}, xruns {stats.xruns}; "
        f"latency {stats.latency.total:.1f} ms"
    )
    if stats.midi.dropped:
        say_note(f"{stats.midi.dropped} MIDI messages were dropped: more came than can be heard")
    if recorder is not None and recorder.frames:
        typer.echo(f"recorded {recorder.wet} and {recorder.dry}")
        if stats.dropped:
            say_note(f"not recorded, because the disk was too slow: {counted(stats.dropped, 'block')}")


def _jsonable(value: Any) -> Any:
    """The same value, with null for each number that is not known."""
    if isinstance(value, dict):
        return {name: _jsonable(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and value != value else value
