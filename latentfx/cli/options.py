"""Options that several verbs share, and what their values mean."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer

from latentfx.cli.complete import complete_plugin, complete_preset, complete_timbre
from latentfx.errors import ControlError, PresetError, RecipeError
from latentfx.spec import Setting

if TYPE_CHECKING:
    from latentfx.preset import Preset

PluginOption = Annotated[
    str | None,
    typer.Option(
        "--plugin",
        "-p",
        help="A shipped plugin, or the path of an .onnx file.",
        show_default="timbre-swap",
        autocompletion=complete_plugin,
    ),
]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="Begin with the settings of a preset.", autocompletion=complete_preset),
]
PresetArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A preset, or the path of a .toml file.", autocompletion=complete_preset
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Open a .ts for nn~, which is a program, or a plugin file that breaks the rules for files from "
        "strangers: know its author.",
    ),
]
ReferenceOption = Annotated[Path | None, typer.Option(help="Learn the sound from this recording instead.")]
SideOption = Annotated[
    Path | None, typer.Option(help="Recording for the side-chain, for a plugin that has one.")
]
SourcesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help="Sound files, folders, a pattern in quotes, or URLs such as s3://BUCKET/FOLDER.",
        default_factory=list,
        show_default=False,
    ),
]
TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="The sound file to write; a folder or a URL for several.")
]
LimitOption = Annotated[str | None, typer.Option("--for", help="Stop after this time: 90s, 40m, 1h30m.")]
BindOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SOURCE=CONTROL",
        help="What MIDI turns: cc:21=mix, bend=pitch_st:-2..2, steps:C4=steps. Options follow, each after a "
        "comma: curve=square (finer at the lower end) or curve=root, smoothing_ms=50, and for steps "
        "release=latch (they stay when the key is let go): cc:1=mix,curve=square. May be repeated.",
    ),
]


def read_octave(text: str) -> float:
    """Value of the control `octave_auto`.

    Raises:
        ControlError: neither auto nor off.

    >>> read_octave("auto"), read_octave("off")
    (1.0, 0.0)
    """
    values = {"auto": 1.0, "off": 0.0}
    if text not in values:
        raise ControlError(f"--octave is {text!r}; allowed auto and off. --pitch-st 12 moves by an octave")
    return values[text]


_PANEL: Final = "Controls"
# Options that set controls, by the name of the control; `--set` sets any other.
_CONTROLS: Final[Mapping[str, Any]] = {
    "timbre": Annotated[
        str | None,
        typer.Option(
            help="Whose sound: trumpet, or a blend: trumpet:0.7+flute:0.3.",
            rich_help_panel=_PANEL,
            autocompletion=complete_timbre,
        ),
    ],
    "pitch_st": Annotated[float | None, typer.Option(help="Transpose by semitones.", rich_help_panel=_PANEL)],
    "octave_auto": Annotated[
        str | None,
        typer.Option(
            "--octave",
            metavar="auto|off",
            help="auto moves the line by whole octaves into the range of the timbre.",
            rich_help_panel=_PANEL,
            parser=read_octave,
        ),
    ],
    "mix": Annotated[
        float | None,
        typer.Option(help="0 is the source alone, 1 the effect alone.", rich_help_panel=_PANEL),
    ],
    "input_db": Annotated[
        float | None, typer.Option(help="Gain before the plugin, in dB.", rich_help_panel=_PANEL)
    ],
    "output_db": Annotated[
        float | None, typer.Option(help="Gain after the plugin, in dB.", rich_help_panel=_PANEL)
    ],
}
_SETTINGS: Final = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other control; latentfx info PLUGIN lists them. May be repeated.",
        rich_help_panel=_PANEL,
    ),
]


def takes_controls(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the options that set controls.

    Args:
        verb: has the keyword-only parameter `controls`, a dict, in whose place the options come.
    """
    hints = get_type_hints(verb, include_extras=True)
    options = {**_CONTROLS, "settings": _SETTINGS}

    @wraps(verb)
    def run(**given: Any) -> None:
        named = {name: given.pop(name) for name in _CONTROLS}
        settings = given.pop("settings") or ()
        verb(**given, controls=gather_controls(named, settings))

    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(verb).parameters.items():
        if name == "controls":
            parameters += [
                parameter.replace(name=option, default=None, annotation=annotation)
                for option, annotation in options.items()
            ]
        else:
            parameters.append(parameter.replace(annotation=hints[name]))
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def gather_controls(named: Mapping[str, Setting | None], settings: Iterable[str]) -> dict[str, Setting]:
    """The controls that a command line sets.

    Args:
        named: value of each option that has a name of its own; None where it is not given.
        settings: the values of `--set`.

    Raises:
        ControlError: a setting that is not NAME=VALUE, or a control that is set twice.
    """
    controls = {name: value for name, value in named.items() if value is not None}
    for name, value in map(parse_setting, settings):
        if name in controls:
            raise ControlError(f"control {name!r} is set twice: to {controls[name]} and {value}; give one")
        controls[name] = value
    return controls


def refuse_own_names(function: Callable[..., Any], controls: Mapping[str, Setting]) -> None:
    """Refuse controls that are called as an argument of a function, which would take them for it.

    Raises:
        ControlError: there is one.
    """
    for name in controls:
        if name in inspect.signature(function).parameters:
            raise ControlError(f"control {name!r} does not exist; latentfx info PLUGIN lists those that do")


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


def parse_duration(text: str) -> float:
    """Turn `90s`, `40m`, `1h30m` into seconds.

    Raises:
        RecipeError: anything else.

    >>> parse_duration("1h30m")
    5400.0
    """
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip())
    if not text.strip() or match is None:
        raise RecipeError(f"--for {text!r} is not a time; give for example 90s, 40m or 1h30m")
    hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return float(3600 * hours + 60 * minutes + seconds)


def choose_plugin(plugin: str | None, preset: str | None, trust: bool = False) -> str | Preset:
    """The preset where one is named, else the plugin, else the default.

    Args:
        plugin: name or file.
        preset: name or file.
        trust: whether the plugin's file is trusted from here on.

    Raises:
        PresetError: no such preset, or one of another plugin than the one named.
    """
    from latentfx.library import DEFAULT_PLUGIN, trust_plugin
    from latentfx.preset import load_preset, same_plugin

    if preset is None:
        chosen = DEFAULT_PLUGIN if plugin is None else plugin
        if trust:
            trust_plugin(chosen)
        return chosen
    loaded = load_preset(preset)
    if plugin is not None and not same_plugin(plugin, loaded.plugin):
        raise PresetError(
            f"preset {preset!r} belongs to {loaded.plugin}, not to {plugin}: leave --plugin out"
        )
    if trust:
        trust_plugin(loaded.plugin)
    return loaded
