"""The verb `latentfx apply`."""

from __future__ import annotations

from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.bar import Bar
from latentfx.cli.note import say_note
from latentfx.errors import ControlError, PresetError

if TYPE_CHECKING:
    from latentfx.offline import Applied
    from latentfx.preset import Preset
    from latentfx.spec import Setting


def apply(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="Sound files, folders, or a pattern in quotes.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="The sound file to write; a folder for several.")
    ],
    plugin: Annotated[
        str | None,
        typer.Option(
            "--plugin",
            "-p",
            help="A shipped plugin, or the path of an .onnx file.",
            show_default="timbre-swap",
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Begin with the settings of a preset.")] = None,
    timbre: Annotated[
        str | None, typer.Option(help="Whose sound: trumpet, or a blend: trumpet:0.7+flute:0.3.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="Learn the sound from this recording instead.")
    ] = None,
    side: Annotated[
        Path | None, typer.Option(help="What goes to the side-chain, for a plugin that has one.")
    ] = None,
    pitch_st: Annotated[float | None, typer.Option(help="Transpose by semitones.")] = None,
    mix: Annotated[float | None, typer.Option(help="0 is the source alone, 1 the effect alone.")] = None,
    input_db: Annotated[float | None, typer.Option(help="Gain before the plugin, in dB.")] = None,
    output_db: Annotated[float | None, typer.Option(help="Gain after the plugin, in dB.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other control. May be repeated."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Files worked on side by side.")] = 1,
    suffix: Annotated[
        str | None, typer.Option("--format", help="Format of several results: wav, flac, mp3, ogg, aiff.")
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw the spectrograms before and after into a PNG.")
    ] = False,
) -> None:
    """Run recordings through a plugin.

    The result is as long as the source and lies exactly over it. Rate, channels, bit depth and tags are kept.

    For example:

      latentfx apply violin.flac trumpet.wav --timbre trumpet

      latentfx apply violin.flac low.wav --timbre cello:0.8+oboe:0.2 --pitch-st -12 --mix 0.9

      latentfx apply violin.flac mine.wav --reference my-horn.wav --plot

      latentfx apply takes/ swapped/ --timbre flute --jobs 4 --format flac

      latentfx apply song.wav no-drums.wav --plugin latent-mix --side drums.wav --set side_gain=-1

    `latentfx info PLUGIN` lists the controls of a plugin.
    """
    if plot:
        from latentfx.sound.plot import require_matplotlib

        require_matplotlib()
    named: dict[str, Setting | None] = {
        "timbre": timbre,
        "pitch_st": pitch_st,
        "mix": mix,
        "input_db": input_db,
        "output_db": output_db,
    }
    controls = {name: value for name, value in named.items() if value is not None}
    controls |= dict(map(parse_setting, settings or []))
    chosen = choose_plugin(plugin, preset)
    if len(sources) == 1 and not _means_many(sources[0]):
        _apply_one(Path(sources[0]), target, chosen, reference, side, controls, plot)
    else:
        _apply_many(sources, target, chosen, reference, side, controls, plot, jobs, suffix)


def choose_plugin(plugin: str | None, preset: str | None) -> str | Preset:
    """The preset where one is named, else the plugin, else the default.

    Raises:
        PresetError: no such preset, or one of another plugin than the one named.
    """
    from latentfx.offline import DEFAULT_PLUGIN
    from latentfx.preset import load_preset, same_plugin

    if preset is None:
        return DEFAULT_PLUGIN if plugin is None else plugin
    loaded = load_preset(preset)
    if plugin is not None and not same_plugin(plugin, loaded.plugin):
        raise PresetError(
            f"preset {preset!r} belongs to {loaded.plugin}, not to {plugin}: leave --plugin out"
        )
    return loaded


def parse_setting(text: str) -> tuple[str, Setting]:
    """Read `NAME=VALUE`; a value that is no number stays text, for blends.

    Raises:
        ControlError: there is no `=`.

    >>> parse_setting("mix=0.5"), parse_setting("timbre=oboe")
    (('mix', 0.5), ('timbre', 'oboe'))
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ControlError(f"--set {text!r} is not NAME=VALUE; for example --set mix=0.5")
    try:
        return name.strip(), float(value)
    except ValueError:
        return name.strip(), value.strip()


def _means_many(source: str) -> bool:
    path = Path(source).expanduser()
    return path.is_dir() or (has_magic(source) and not path.exists())


def _apply_one(
    source: Path,
    target: Path,
    plugin: str | Preset,
    reference: Path | None,
    side: Path | None,
    controls: dict[str, Setting],
    plot: bool,
) -> None:
    from latentfx.offline import apply_file, prepare

    effect = prepare(plugin, reference, controls, side)
    with Bar(source.name) as bar:
        applied = apply_file(source, target, effect, bar.show)
    _report(applied)
    if plot:
        _plot(applied)


def _apply_many(
    sources: list[str],
    target: Path,
    plugin: str | Preset,
    reference: Path | None,
    side: Path | None,
    controls: dict[str, Setting],
    plot: bool,
    jobs: int,
    suffix: str | None,
) -> None:
    from latentfx.batch import apply_many, plan
    from latentfx.offline import prepare

    prepare(plugin, reference, controls, side)
    total = len(plan(sources, target, suffix))
    outcomes = apply_many(
        sources, target, plugin, jobs=jobs, suffix=suffix, reference=reference, side=side, **controls
    )
    failed = 0
    with Bar(f"{total} files") as bar:
        for done, outcome in enumerate(outcomes, 1):
            bar.show(done, total)
            if outcome.applied is None:
                failed += 1
                typer.secho(f"latentfx: {outcome.error}", fg=typer.colors.RED, err=True)
                continue
            _report(outcome.applied)
            if plot:
                _plot(outcome.applied)
    if failed:
        typer.secho(f"latentfx: {failed} of {total} files failed", fg=typer.colors.RED, err=True)
        raise typer.Exit(1)


def _report(applied: Applied) -> None:
    seconds = applied.frames / applied.sample_rate
    channels = f"{applied.channels} channel{'s' if applied.channels > 1 else ''}"
    typer.echo(f"{applied.target}: {seconds:.2f} s, {applied.sample_rate} Hz, {channels}, {applied.subtype}")
    for note in applied.notes:
        say_note(f"{applied.target.name}: {note}")


def _plot(applied: Applied) -> None:
    from latentfx.sound.plot import plot

    if applied.source is not None:
        typer.echo(plot(applied.source, applied.target, applied.target.with_suffix(".png")))
