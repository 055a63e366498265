"""Microphones that hear the loudspeaker they play to, as far as names tell."""

from __future__ import annotations

import re
from typing import Final

from latentfx.errors import LiveError

from .devices import Device


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)", re.IGNORECASE)


# As Windows, macOS and Linux name them, the first two in the language of the system.
_MICROPHONE: Final = _words(
    *("mics?", "microphones?", "mikrofone?", "micr[oó]fonos?", "microfoni?", "dmic", "array"),
    *("built-?in", "internal", "webcam", "camera"),
)
_LOUDSPEAKER: Final = _words(
    *("(?:loud)?speakers?", "lautsprecher", "haut-?parleurs?", "altavoces", "altoparlanti", "luidsprekers?"),
    *("built-?in", "internal", r"[\w-]*hdmi[\w-]*", "displayport", "display audio"),
)
_HEADPHONES: Final = _words(
    *("head(?:phone|set)s?", "ear(?:phone|bud|pod)s?", "airpods", "hands-?free"),
    *("kopfhörer", "casque", "écouteurs", "auriculares", "cuffie", "koptelefoon"),
)
# A microphone and a loudspeaker in one box. What takes its echo away would fight with the effect.
_CONFERENCE: Final = _words(
    *("speakerphone", r"jabra speak\d?", r"powerconf[ \w]*", "poly sync", "meetup", "emeet", r"conferenc\w*")
)
# Names that leave open what hangs on a machine's own sound chip: most often its microphone and loudspeaker.
_OWN: Final = _words(
    *("(?:sys)?default", "pulse", "pipewire", "sound mapper", "primary sound(?: capture)?(?: driver)?"),
    *("hda", "hd-audio", "hd audio", "high definition audio", r"sof-[\w-]+", r"acp\w*", "smart sound"),
    *(r"alc\d+", r"realtek(?:\(r\))?", r"conexant\w*"),
)
_LINE: Final = _words("line(?: in)?", "s/?pdif")
# An input that is what another device plays.
_TAPPED: Final = _words("stereo mix", "what u hear", "monitor of")


def refuse_feedback(source: Device, target: Device) -> None:
    """Refuse an input that hears what is played, as far as names tell.

    That is a microphone wherever it is, on a head too: a headset's lies on the desk, or hangs half a metre
    before the loudspeaker. So headphones count where they are what is played to; an output for both
    ("Speakers/Headphones") is a loudspeaker until something is plugged in. A machine's own sound chip is
    taken for the microphone and the loudspeaker that it has most often. A conference device is both. An
    interface and JACK's `system` are let through: nobody knows what is plugged into them, and who has one
    has mostly plugged in an instrument, or monitors with a level of their own.

    Raises:
        LiveError: the two would howl.
    """
    if _is_tapped(source, target) or (_is_microphone(source.name) and _is_loudspeaker(target.name)):
        raise LiveError(
            f"{source.name!r} may hear {target.name!r}, and the two would howl. Put on headphones and say "
            "--allow-feedback, or take another --input or --output"
        )


def _is_microphone(name: str) -> bool:
    place, _ = _parts(name)
    if _TAPPED.search(place) or (_LINE.search(place) and not _MICROPHONE.search(place)):
        return False
    return any(words.search(name) for words in (_MICROPHONE, _HEADPHONES, _CONFERENCE, _OWN))


def _is_loudspeaker(name: str) -> bool:
    place, card = _parts(name)
    loud = _LOUDSPEAKER.search(place)
    if _CONFERENCE.search(name):
        return True
    if _HEADPHONES.search(card) or (_HEADPHONES.search(place) and not loud):
        return False
    return bool(loud or _LOUDSPEAKER.search(card) or _OWN.search(name))


def _is_tapped(source: Device, target: Device) -> bool:
    if not _TAPPED.search(source.name):
        return False
    card = _parts(source.name)[1]
    return target.name in source.name or (bool(card) and card == _parts(target.name)[1])


def _parts(name: str) -> tuple[str, str]:
    """Windows names a socket and its card, `Speakers (Realtek(R) Audio)`; others have the card alone."""
    place, _, card = name.partition(" (")
    return place, card
