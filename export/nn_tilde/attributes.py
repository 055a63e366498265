"""Attributes of nn~ as TorchScript: controls, blends and `reset`, which players set; facts, which they read.

nn~ finds an attribute by its methods `set_NAME` and `get_NAME` and a tensor `NAME_params` of type codes.
Names differ from plugin to plugin, so the source is written here and compiled by torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from latentfx.control import Control
from latentfx.errors import ExportError
from latentfx.host.nn_tilde.facts import attribute_name
from latentfx.spec import Blend, PluginSpec

_INT, _FLOAT, _STR = 1, 2, 3
FACTS = ("sample_rate", "latency")
"""What players read and cannot set."""
_FORBIDDEN = {"sr", "none", "reset", *FACTS}


@dataclass(frozen=True)
class Attribute:
    """One name that nn~ can set and get.

    Args:
        name: as players type it.
        type_code: 1 int, 2 float, 3 str.
        source: its setter and getter in TorchScript. A setter returns 0, or 1 if it refuses the value.
    """

    name: str
    type_code: int
    source: str


def named_apart(controls: tuple[Control, ...], methods: Collection[str]) -> tuple[Control, ...]:
    """Controls under their names in nn~. One with the name of a method is renamed: `mix` to `mix_amount`."""
    return tuple(replace(control, name=attribute_name(control.name, methods)) for control in controls)


def attributes(spec: PluginSpec, methods: Collection[str] = ()) -> tuple[Attribute, ...]:
    """Every attribute of a plugin.

    Args:
        spec: of the plugin.
        methods: names that are taken already.
    Raises:
        ExportError: a control or blend with a name that nn~ uses itself, or two with the same name.
    """
    found = list(_attributes(spec, methods))
    names = [attribute.name for attribute in found]
    twice = sorted({name for name in names if names.count(name) > 1} | ({"sr", "none"} & set(names)))
    if twice:
        raise ExportError(
            f"{', '.join(twice)} of {spec.name!r} cannot be an attribute of nn~: the name is taken. "
            f"Rename it; nn~ itself takes {', '.join(sorted(_FORBIDDEN))}"
        )
    return tuple(found)


def _attributes(spec: PluginSpec, methods: Collection[str]) -> Iterator[Attribute]:
    for index, control in enumerate(named_apart(spec.controls, methods)):
        yield _control(index, control)
    for blend in spec.blends:
        yield _blend(spec, blend)
        if blend.reference is not None:
            yield _learn(spec, blend)
    yield _trigger("reset", "self.restart()")
    for name, source in zip(FACTS, ("self.rate_hz", "self.latency_samples"), strict=True):
        yield _fact(name, source)


def _control(index: int, control: Control) -> Attribute:
    integer = control.curve == "integer"
    kind, value = ("int", "float(value)") if integer else ("float", "value")
    got = f"self.turned({index})"
    source = (
        f"def set_{control.name}(self, value: {kind}) -> int:\n"
        f"    return self.set_number({index}, {_text(control.name)}, {value}, "
        f"{control.minimum!r}, {control.maximum!r})\n"
        f"def get_{control.name}(self) -> Tuple[{kind}]:\n"
        f"    return ({f'int({got})' if integer else got},)\n"
    )
    return Attribute(control.name, _INT if integer else _FLOAT, source)


def _blend(spec: PluginSpec, blend: Blend) -> Attribute:
    labels, indices = _members(spec, blend)
    source = (
        f"def set_{blend.name}(self, value: str) -> int:\n"
        f"    return self.blend({_text(blend.name)}, value, {labels}, {indices})\n"
        f"def get_{blend.name}(self) -> Tuple[str]:\n"
        f"    return (self.blended({labels}, {indices}),)\n"
    )
    return Attribute(blend.name, _STR, source)


def _learn(spec: PluginSpec, blend: Blend) -> Attribute:
    assert blend.reference is not None
    labels, indices = _members(spec, blend)
    learn = f"self.memory.learn({_text(blend.reference.source)}, {_text(blend.reference.target)})"
    choose = f'self.blend({_text(blend.name)}, "reference", {labels}, {indices})'
    return _trigger(f"learn_{blend.name}", f"{learn}\n        return {choose}")


def _members(spec: PluginSpec, blend: Blend) -> tuple[str, str]:
    labels = f"[{', '.join(map(_text, blend.labels))}]"
    return labels, str([spec.index(control) for control in blend.labels.values()])


def _trigger(name: str, action: str) -> Attribute:
    source = (
        f"def set_{name}(self, value: int) -> int:\n"
        "    if value != 0:\n"
        f"        {action}\n"
        "    return 0\n"
        f"def get_{name}(self) -> Tuple[int]:\n"
        "    return (0,)\n"
    )
    return Attribute(name, _INT, source)


def _fact(name: str, value: str) -> Attribute:
    source = (
        f"def set_{name}(self, value: int) -> int:\n"
        f"    return self.fixed({_text(name)})\n"
        f"def get_{name}(self) -> Tuple[int]:\n"
        f"    return ({value},)\n"
    )
    return Attribute(name, _INT, source)


def _text(value: str) -> str:
    """A string literal of TorchScript.

    Raises:
        ExportError: a label that would end the literal.
    """
    if not value.isprintable() or '"' in value or "\\" in value:
        raise ExportError(f"the label {value!r} cannot be written in nn~; use letters, digits and _")
    return f'"{value}"'
