"""The verb `latentfx apply`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from latentfx.cli.bar import Bar
from latentfx.cli.note import say_note
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
    refuse_own_names,
    takes_controls,
)
from latentfx.errors import MidiError
from latentfx.files import expanded
from latentfx.names import shown
from latentfx.spec import Setting

if TYPE_CHECKING:
    from latentfx.automation import Automation
    from latentfx.offline import Applied
    from latentfx.preset import Preset


@dataclass(frozen=True)
class ApplyJob:
    """What is to be run through what.

    Args:
        sources: files, folders or patterns.
        target: the sound file to write; a folder for several.
        plugin: name or file of a plugin, or a preset.
        controls: controls and blends by name.
        reference: a recording to learn a choice from.
        side: a recording for the side-chain.
        plot: whether a picture is drawn.
        jobs: processes that work side by side.
        suffix: format of several results.
        automation: moves of the controls.
    """

    sources: list[str]
    target: Path
    plugin: str | Preset
    controls: Mapping[str, Setting]
    reference: Path | None = None
    side: Path | None = None
    plot: bool = False
    jobs: int = 1
    suffix: str | None = None
    automation: Automation | None = None


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
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Files worked on side by side.")] = 1,
    suffix: Annotated[
        str | None, typer.Option("--format", help="Format of several results: wav, flac, mp3, ogg, aiff.")
    ] = None,
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

      latentfx apply song.wav no-drums.wav --plugin latent-mix --side drums.wav --set side_gain=-1

      latentfx apply violin.flac turned.wav --midi moves.mid --preset ring-keys

    `latentfx info PLUGIN` lists the controls of a plugin.
    """
    chosen = choose_plugin(plugin, preset, trust)
    automation = _read_automation(midi, bind, automate)
    run_job(ApplyJob(sources, target, chosen, controls, reference, side, plot, jobs, suffix, automation))


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
        _apply_many(job)


def _means_many(source: str) -> bool:
    path = expanded(source)
    there = os.path.lexists(path)  # Path.exists raises for a name that is too long
    return os.path.isdir(path) or (has_magic(source) and not there)  # noqa: PTH112  # as above


def _apply_one(job: ApplyJob) -> None:
    from latentfx.offline import apply_file
    from latentfx.prepare import prepare

    source = Path(job.sources[0])
    if job.suffix is not None:
        raise typer.BadParameter("--format is for several files; of one, the name of TARGET says the format")
    effect = prepare(job.plugin, job.reference, job.controls, job.side, job.automation)
    with Bar(source.name) as bar:
        applied = apply_file(source, job.target, effect, bar.show)
    _report(applied)
    if job.plot:
        _plot(applied)


def _apply_many(job: ApplyJob) -> None:
    from latentfx.batch import apply_many, passed_over, plan
    from latentfx.prepare import prepare

    refuse_own_names(apply_many, job.controls)
    prepare(
        job.plugin, job.reference, job.controls, job.side, job.automation
    )  # what is wrong with them is said once
    total = len(plan(job.sources, job.target, job.suffix))
    outcomes = apply_many(
        job.sources,
        job.target,
        job.plugin,
        jobs=job.jobs,
        suffix=job.suffix,
        reference=job.reference,
        side=job.side,
        automation=job.automation,
        **job.controls,
    )
    failed = 0
    with Bar(f"{total} files") as bar:
        for done, outcome in enumerate(outcomes, 1):
            bar.show(done, total)
            if outcome.applied is None:
                failed += 1
                typer.secho(f"latentfx: {shown(outcome.error)}", fg=typer.colors.RED, err=True)
                continue
            _report(outcome.applied)
            if job.plot:
                _plot(outcome.applied)
    passed = passed_over(job.sources, job.target)
    if passed:
        names = ", ".join(map(str, passed))
        say_note(f"{len(passed)} files passed over, which are no sound files: {names}")
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
