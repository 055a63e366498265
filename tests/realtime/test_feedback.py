"""Pairs of devices that howl and pairs that do not, by the names that systems give them."""

from __future__ import annotations

import pytest
from test_devices import device

from latentfx.errors import LiveError
from latentfx.realtime.feedback import refuse_feedback

HOWLS = [
    # Windows: the socket, and the card in brackets; MME cuts names off after 31 letters
    ("Microphone Array (Realtek(R) Audio)", "Speakers (Realtek(R) Audio)"),
    ("Microphone Array (Intel® Smart ", "Speakers (Realtek(R) Audio)"),
    ("Microphone (High Definition Audio Device)", "Speakers (High Definition Audio Device)"),
    ("Microphone (USB Audio Device)", "Speakers (Realtek(R) Audio)"),
    ("Microphone (HD Pro Webcam C920)", "DELL U2720Q (NVIDIA High Definition Audio)"),
    ("Mic in/Line in (Realtek(R) Audio)", "Speakers (Realtek(R) Audio)"),
    ("Microphone (HP Webcam HD)", "HP Z27 (NVIDIA High Definition Audio)"),
    ("Microphone (2- Yeti Stereo Microphone)", "DELL U2720Q (Intel(R) Display Audio)"),
    ("Headset Microphone (Plantronics Blackwire 3220)", "Speakers (Realtek(R) Audio)"),
    ("Headset (AirPods Pro Hands-Free)", "Speakers (Realtek(R) Audio)"),
    ("Microphone (Realtek(R) Audio)", "Speakers/Headphones (Realtek(R) Audio)"),
    ("Microphone (Realtek(R) Audio)", "Speaker/HP (Realtek High Definition Audio)"),
    ("Microphone (Jabra SPEAK 510 USB)", "Speakers (Jabra SPEAK 510 USB)"),
    (
        "Echo Cancelling Speakerphone (Jabra Speak2 75)",
        "Echo Cancelling Speakerphone (Jabra Speak2 75)",
    ),
    ("Microsoft Sound Mapper - Input", "Microsoft Sound Mapper - Output"),
    ("Primary Sound Capture Driver", "Primary Sound Driver"),
    ("Stereo Mix (Realtek(R) Audio)", "Headphones (Realtek(R) Audio)"),
    ("Mikrofon (Realtek(R) Audio)", "Lautsprecher (Realtek(R) Audio)"),
    ("Mikrofon (USB Audio Device)", "Lautsprecher (USB Audio Device)"),
    ("Micrófono (USB Audio Device)", "Altavoces (USB Audio Device)"),
    ("Microphone (USB Audio Device)", "Haut-parleurs (USB Audio Device)"),
    # macOS
    ("MacBook Pro Microphone", "MacBook Pro Speakers"),
    ("MacBook Pro-Mikrofon", "MacBook Pro-Lautsprecher"),
    ("Built-in Microphone", "Built-in Output"),
    ("Studio Display Microphone", "Studio Display Speakers"),
    ("Anna's iPhone Microphone", "Mac mini Speakers"),
    ("MacBook Air Microphone", "LG UltraFine Display Audio"),
    ("External Microphone", "MacBook Air Speakers"),
    ("AirPods Pro", "MacBook Pro Speakers"),
    ("Jabra Speak 710", "Jabra Speak 710"),
    ("Anker PowerConf S3", "Anker PowerConf S3"),
    # Linux: ALSA, PulseAudio and PipeWire
    ("default", "default"),
    ("pulse", "pipewire"),
    ("HDA Intel PCH: ALC257 Analog (hw:0,0)", "HDA Intel PCH: ALC257 Analog (hw:0,0)"),
    ("HD-Audio Generic: ALC257 Analog (hw:1,0)", "HD-Audio Generic: HDMI 0 (hw:0,3)"),
    ("sof-hda-dsp: - (hw:0,6)", "sof-hda-dsp: - (hw:0,0)"),
    ("acp63: - (hw:2,0)", "HD-Audio Generic: ALC245 Analog (hw:1,0)"),
    ("USB Mic", "default"),
    ("HD Pro Webcam C920: USB Audio (hw:2,0)", "vc4-hdmi-0: MAI PCM i2s-hifi-0 (hw:0,0)"),
    ("Jabra SPEAK 510 USB: Audio (hw:1,0)", "Jabra SPEAK 510 USB: Audio (hw:1,0)"),
    ("Jabra SPEAK 510 USB: Audio (hw:1,0)", "HDA Intel PCH: ALC257 Analog (hw:0,0)"),
    ("Built-in Audio Analog Stereo", "Built-in Audio Analog Stereo"),
    (
        "Tiger Lake-LP Smart Sound Technology Audio Controller Digital Microphone",
        "Tiger Lake-LP Smart Sound Technology Audio Controller Speaker + Headphones",
    ),
    ("Monitor of Scarlett 2i2 USB Analog Stereo", "Scarlett 2i2 USB Analog Stereo"),
]

PLAYS = [
    # Windows
    ("Microphone (Realtek(R) Audio)", "Headphones (Realtek(R) Audio)"),
    ("Microphone Array (Realtek(R) Audio)", "Headphones (AirPods Pro)"),
    ("Headset Microphone (Plantronics Blackwire 3220)", "Headset Earphone (Plantronics Blackwire 3220)"),
    ("Microphone (Logitech USB Headset)", "Speakers (Logitech USB Headset)"),
    ("Mikrofon (Realtek(R) Audio)", "Kopfhörer (Realtek(R) Audio)"),
    ("Microphone (Realtek(R) Audio)", "Casque (Realtek(R) Audio)"),
    ("Line In (Realtek(R) Audio)", "Speakers (Realtek(R) Audio)"),
    ("Analogue 1 + 2 (Focusrite USB Audio)", "Speakers (Focusrite USB Audio)"),
    ("Focusrite USB ASIO", "Focusrite USB ASIO"),
    ("CABLE Output (VB-Audio Virtual Cable)", "Speakers (Realtek(R) Audio)"),
    ("Stereo Mix (Realtek(R) Audio)", "Speakers (Focusrite USB Audio)"),
    # macOS
    ("MacBook Pro Microphone", "External Headphones"),
    ("MacBook Pro Microphone", "AirPods Pro"),
    ("AirPods Pro", "AirPods Pro"),
    ("Scarlett 2i2 USB", "MacBook Pro Speakers"),
    ("Scarlett 2i2 USB", "Scarlett 2i2 USB"),
    ("BlackHole 2ch", "MacBook Pro Speakers"),
    # Linux
    ("Scarlett 2i2 USB: Audio (hw:2,0)", "default"),
    ("Scarlett 2i2 USB: Audio (hw:2,0)", "HDA Intel PCH: ALC257 Analog (hw:0,0)"),
    ("USB Mic", "USB Headphones: Audio (hw:2,0)"),
    ("USB PnP Sound Device: Audio (hw:1,0)", "USB PnP Sound Device: Audio (hw:1,0)"),
    ("HD Pro Webcam C920: USB Audio (hw:2,0)", "bcm2835 Headphones: - (hw:0,0)"),
    ("system", "system"),  # JACK: a card that somebody chose, and what is plugged into it
    ("horn", "room"),
]


@pytest.mark.parametrize(("source", "target"), HOWLS)
def test_an_input_that_hears_what_is_played_is_refused(source: str, target: str) -> None:
    with pytest.raises(LiveError, match=r"would howl. Put on headphones.*--allow-feedback"):
        refuse_feedback(device(0, source), device(1, target))


@pytest.mark.parametrize(("source", "target"), PLAYS)
def test_other_pairs_are_played(source: str, target: str) -> None:
    refuse_feedback(device(0, source), device(1, target))
