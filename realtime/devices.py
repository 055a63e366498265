"""Sound devices: which there are, which one a name means, and which pairs make sense."""

from __future__ import annotations

import atexit
import re
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Final, Literal

from latentfx.errors import LiveError

JACK: Final = "JACK Audio Connection Kit"
# A server gives all of its devices one clock.
_SERVERS: Final = (JACK, "ASIO")
_SERVER_NAMES: Final = re.compile(r"\b(default|pulse|pipewire|jack|sysdefault)\b", re.IGNORECASE)
_CARD: Final = re.compile(r"\(hw:(\d+),\d+\)")

Kind = Literal["input", "output"]


@dataclass(frozen=True)
class Device:
    """A sound device, as the system lists it.

    Args:
        index: its number in the list.
        name: what the system calls it.
        host_api: the system's way to it (`ALSA`, `Core Audio`, `Windows WASAPI`, `JACK ...`).
        inputs: channels in.
        outputs: channels out.
        sample_rate: the rate that it likes, in Hz.
        input_latency_ms: lowest latency in, as the system says.
        output_latency_ms: lowest latency out, as the system says.
        default_input: whether it is taken where no input is named.
        default_output: whether it is taken where no output is named.
    """

    index: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    sample_rate: float
    input_latency_ms: float
    output_latency_ms: float
    default_input: bool
    default_output: bool

    def channels(self, kind: Kind) -> int:
        """Channels in or out."""
        return self.inputs if kind == "input" else self.outputs


def sound() -> ModuleType:
    """The module `sounddevice`.

    Raises:
        LiveError: PortAudio, which it needs, is not there; says how to get it.
    """
    try:
        import sounddevice
    except OSError as error:
        raise LiveError(f"live sound needs PortAudio ({error}); {_remedy()}") from None
    module: ModuleType = sounddevice
    return module


def list_devices() -> list[Device]:
    """Every sound device of this machine.

    Raises:
        LiveError: PortAudio is not there.
    """
    sd = sound()
    apis = sd.query_hostapis()
    default_in, default_out = _defaults(sd)
    return [
        Device(
            index=index,
            name=found["name"],
            host_api=apis[found["hostapi"]]["name"],
            inputs=found["max_input_channels"],
            outputs=found["max_output_channels"],
            sample_rate=found["default_samplerate"],
            input_latency_ms=1000 * found["default_low_input_latency"],
            output_latency_ms=1000 * found["default_low_output_latency"],
            default_input=index == default_in,
            default_output=index == default_out,
        )
        for index, found in enumerate(sd.query_devices())
    ]


def find_device(wanted: str | int | None, kind: Kind, devices: list[Device] | None = None) -> Device:
    """The device that a name, a part of one, or a number means; the system's default for None.

    Where several fit, one whose whole name it is goes first, then one on the host API of the default.

    Raises:
        LiveError: none fits, or several do.
    """
    known = list_devices() if devices is None else devices
    able = [device for device in known if device.channels(kind)]
    if not able:
        raise LiveError(
            f"this machine has no sound {kind}; plug one in, allow access to it in the system's settings, or "
            "start the sound server, and look with: latentfx devices"
        )
    if wanted is None:
        defaults = [d for d in able if (d.default_input if kind == "input" else d.default_output)]
        return (defaults or able)[0]
    number = int(wanted) if str(wanted).isdigit() else None
    if number is not None:
        fitting = [device for device in able if device.index == number]
    else:
        text = str(wanted).casefold()
        fitting = [d for d in able if text in d.name.casefold()]
        whole = [device for device in fitting if device.name.casefold() == text]
        fitting = whole or fitting
    home = {device.host_api for device in known if device.default_input or device.default_output}
    favoured = [device for device in fitting if device.host_api in home]
    if len(fitting) > 1 and favoured:
        fitting = favoured[:1] if len({device.name for device in favoured}) == 1 else favoured
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"{d.index} {d.name!r} ({d.host_api})" for d in fitting or able)
    problem = f"{len(fitting)} sound {kind}s fit" if fitting else f"no sound {kind} fits"
    raise LiveError(f"{problem} {wanted!r}: {names}. Give one of these numbers, or more of the name")


def share_a_clock(source: Device, target: Device) -> bool:
    """Whether two devices count the same seconds; others drift apart, and need resampling that follows."""
    if source.host_api != target.host_api:
        return False
    if source.index == target.index or source.host_api in _SERVERS:
        return True
    if _SERVER_NAMES.search(source.name) and _SERVER_NAMES.search(target.name):
        return True
    cards = [_CARD.search(device.name) for device in (source, target)]
    return all(cards) and cards[0][1] == cards[1][1]  # type: ignore[index]  # both matched


def forget_portaudio() -> None:
    """Leave the program without PortAudio's farewell, which would wait for what does not answer."""
    atexit.unregister(sound()._exit_handler)


def _defaults(sd: ModuleType) -> tuple[int, int]:
    """Numbers of the default devices; -1 where there is none."""
    source, target = sd.default.device
    apis = sd.query_hostapis()
    main = apis[0] if apis else {"default_input_device": -1, "default_output_device": -1}
    return (
        int(source) if source >= 0 else int(main["default_input_device"]),
        int(target) if target >= 0 else int(main["default_output_device"]),
    )


def _remedy() -> str:
    if sys.platform.startswith("linux"):
        return "install it: apt-get install libportaudio2 (Debian, Ubuntu), dnf install portaudio (Fedora)"
    return "it comes with the package: pip install --force-reinstall sounddevice"
