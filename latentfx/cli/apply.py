"""The verb `latentfx apply`."""

from __future__ import annotations

import os
from glob import has_magic
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Annotated, Final

import typer

from latentfx.cli.bar import Bar
from latentfx.cli.job import ApplyJob, ManyOptions
from latentfx.cli.many import apply_several, draw, say_made
from latentfx.cli.options import (
    BindOption,
    PluginOption,
    PresetOption,
    ReferenceOption,
    SideOption,
    SourcesArgument,
    TargetArgument,
    TrustOption,
    choose_plugin,
    takes_controls,
)
from latentfx.errors import MidiError
from latentfx.files import expanded
from latentfx.spec import Setting

if TYPE_CHECKING:
    from latentfx.automation import Automation

_MANY: Final = "Several files"


@takes_controls
def apply(
    sources: SourcesArgument,
    target: TargetArgument,
    plugin: PluginOption = None,
    preset: PresetOption = None,
    reference: ReferenceOption = None,
    side: SideOption = None,
    *,
    controls: dict[str, Setting],
    midi: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.mid", help="MIDI file that moves the controls, as it would live; see --bind."
        ),
    ] = None,
    bind: BindOption = None,
    automate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Table that moves the controls: time,control,value in its first line, then seconds, name "
            "and value. Controls go in straight lines; a fourth column, shape, may say step.",
        ),
    ] = None,
    on: Annotated[
        str,
        typer.Option(
            help="Where several files are worked on: local (processes), ray (a Ray cluster, which is started "
            "where none runs), ray://HOST:PORT.",
            rich_help_panel=_MANY,
        ),
    ] = "local",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Files worked on side by side.",
            show_default="1; all processors of a Ray cluster",
            rich_help_panel=_MANY,
        ),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Format of several results: wav, flac, mp3, ogg, aiff.",
            rich_help_panel=_MANY,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="N/COUNT",
            help="Do one part of several files, such as 3/16: for job arrays.",
            rich_help_panel=_MANY,
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Do the files too that are done.", rich_help_panel=_MANY)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object about several files.", rich_help_panel=_MANY),
    ] = False,
    normalize: Annotated[
        bool, typer.Option("--normalize", help="Scale each result, so that its peak is at -1 dBFS.")
    ] = False,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw the spectrograms before and after into a PNG.")
    ] = False,
    trust: TrustOption = False,
) -> None:
    """Run recordings through a plugin.

    The result is as long as the source and lies exactly over it. Rate, channels, bit depth and tags are kept.

    For example:

      latentfx apply violin.flac trumpet.wav --timbre trumpet

      latentfx apply violin.flac low.wav --timbre cello:0.8+oboe:0.2 --pitch-st -12 --mix 0.9

      latentfx apply violin.flac mine.wav --reference my-horn.wav --plot

      latentfx apply takes/ swapped/ --timbre flute --jobs 4 --format flac

      latentfx apply s3://studio/takes s3://studio/swapped --timbre flute --on ray

      latentfx apply song.wav no-drums.wav --plugin latent-mix --side drums.wav --set side_gain=-1

      latentfx apply violin.flac turned.wav --midi moves.mid --preset ring-keys

      latentfx apply tune.mid tune.wav         a MIDI file plays a tone into the plugin, as live --keys does

    Of several files, a journal in TARGET says what is done. The same command goes on where it stopped.

    `latentfx info PLUGIN` lists the controls of a plugin.
    """
    chosen = choose_plugin(plugin, preset, trust)
    automation = _read_automation(midi, bind, automate)
    many = ManyOptions(on, jobs, suffix, shard, again, as_json)
    run_job(ApplyJob(sources, target, chosen, controls, reference, side, plot, automation, many, normalize))


def _read_automation(midi: Path | None, bind: list[str] | None, automate: Path | None) -> Automation | None:
    """The moves of both files, if there are any.

    Raises:
        MidiError: `--bind` without `--midi`, or a file or a binding that cannot be read.
        ControlError: a table that cannot be read.
    """
    if bind and midi is None:
        raise MidiError(
            "--bind says what the messages of a MIDI file turn; give the file too: --midi FILE.mid"
        )
    if midi is None and automate is None:
        return None
    from latentfx.automation import Automation, load_automation

    read = Automation()
    if midi is not None:
        read += load_automation(midi, bind or ())
    return read if automate is None else read + load_automation(automate)


def run_job(job: ApplyJob) -> None:
    """Run one recording or many, and say what was written."""
    if not job.sources:  # one argument: it is the source, and reads as the target
        raise typer.BadParameter(
            f"Missing argument 'TARGET': {job.target} is the SOURCE; add the file to write"
        )
    if job.plot:
        from latentfx.sound.plot import require_matplotlib

        require_matplotlib()
    if len(job.sources) == 1 and not _means_many(job.sources[0]):
        _apply_one(job)
    else:
        apply_several(job)


def _means_many(source: str) -> bool:
    from latentfx.batch.stores import is_folder, scheme_of

    if scheme_of(source):
        return has_magic(source) or is_folder(source)
    path = expanded(source)
    there = os.path.lexists(path)  # Path.exists raises for a name that is too long
    return os.path.isdir(path) or (has_magic(source) and not there)  # noqa: PTH112  # as above


def _apply_one(job: ApplyJob) -> None:
    from latentfx.batch.one import apply_place
    from latentfx.prepare import prepare

    given = [
        option for option, value in (("--format", job.many.suffix), ("--shard", job.many.shard)) if value
    ]
    if given:
        raise typer.BadParameter(
            f"{given[0]} is for several files; of one, the name of TARGET says the format"
        )
    effect = prepare(job.plugin, job.reference, job.controls, job.side, job.automation)
    with Bar(PurePath(job.sources[0]).name) as bar:
        made = apply_place(job.sources[0], job.target, effect, bar.show, job.normalize)
    say_made(made)
    if job.plot:
        draw(made)
