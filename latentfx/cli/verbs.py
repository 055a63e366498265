"""Every verb of the command `latentfx`.

The modules of the verbs are light, so that `--help` and completion are quick. What is slow to import, such as
rich and numpy, is imported inside the verbs.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import wraps
from typing import Annotated, ParamSpec

import typer

import latentfx
from latentfx.cli import preset
from latentfx.cli.apply import apply
from latentfx.cli.bench import bench
from latentfx.cli.devices import devices
from latentfx.cli.evaluate import evaluate
from latentfx.cli.export import export
from latentfx.cli.live import live
from latentfx.cli.live_page import with_page
from latentfx.cli.show import info, plugins
from latentfx.cli.stops import STOPPED, hear_stops
from latentfx.cli.train import train
from latentfx.cli.validate import validate
from latentfx.errors import LatentFXError
from latentfx.names import shown

P = ParamSpec("P")

ui = with_page(live)
VERBS = (apply, live, ui, devices, plugins, info, train, evaluate, export, validate, bench)
PRESET_VERBS: dict[str, Callable[..., None]] = {
    "list": preset.list_presets,
    "show": preset.show,
    "save": preset.save,
    "rename": preset.rename,
    "delete": preset.delete,
    "morph": preset.morph,
    "apply": preset.apply,
}

app = typer.Typer(
    name="latentfx",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start here: latentfx apply violin.flac trumpet.wav --timbre trumpet",
)


def guarded(verb: Callable[P, None]) -> Callable[P, None]:
    """Turn our errors into one red line and exit code 1, and Ctrl-C into exit code 130."""

    @wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            hear_stops()
            verb(*args, **kwargs)
        except LatentFXError as error:
            typer.secho(f"latentfx: {shown(error)}", fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has gone: `latentfx plugins | head`
                raise
            typer.secho(f"latentfx: {_of_the_system(error)}", fg=typer.colors.RED, err=True)
            raise typer.Exit(1) from None
        except (KeyboardInterrupt, ImportError) as error:
            if not _is_stop(error):
                raise
            typer.secho(STOPPED, err=True)
            raise typer.Exit(130) from None

    return run


def _of_the_system(error: OSError) -> str:
    """What the operating system refused, in its words."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"no space is left{where}, on the disk or where the output goes; free some"
    return f"the system refuses{where}: {error.strerror or error}; check the name, and who may use it"


def _is_stop(error: BaseException | None) -> bool:
    """Whether an error is Ctrl-C, or comes from a Ctrl-C while a library was loaded."""
    return error is not None and (
        isinstance(error, KeyboardInterrupt) or _is_stop(error.__cause__ or error.__context__)
    )


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        typer.echo(f"latentfx {latentfx.__version__}")
        raise typer.Exit


@app.callback()
def options(
    wanted: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Play latent-space models from papers as audio plugins."""


for _verb in VERBS:
    app.command()(guarded(_verb))
_presets = typer.Typer(no_args_is_help=True, help=f"Settings under a name: {', '.join(PRESET_VERBS)}.")
for _name, _preset_verb in PRESET_VERBS.items():
    _strange = {"ignore_unknown_options": _name == "morph"}  # a T of -0.5 is told what is allowed
    _presets.command(_name, context_settings=_strange)(guarded(_preset_verb))
app.add_typer(_presets, name="preset")
