"""Sources and targets behind URLs: S3 on this machine, and the memory of a process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
import soundfile
from batch_kit import RATE, Faults, Sounds, Start, names, put, write_sound

from latentfx.batch import apply_many, stores
from latentfx.errors import AudioFileError, MissingExtraError

Write = Callable[[str], Path]


def test_a_bucket_is_source_and_target(bucket: str, plugin_file: Write, sounds: Sounds) -> None:
    put(sounds(4), f"{bucket}/in")
    outcomes = list(apply_many(f"{bucket}/in", f"{bucket}/out", plugin_file("delay"), jobs=2, gain=2))
    assert [outcome.error for outcome in outcomes] == [""] * 4
    assert names(f"{bucket}/out") == [*names(f"{bucket}/in"), "latentfx-batch.jsonl"]
    store, path = fsspec.core.url_to_fs(outcomes[0].target)
    audio, rate = soundfile.read(store.open(path))
    assert rate == RATE
    np.testing.assert_allclose(audio, np.full(4800, 0.5), atol=1e-4)


def test_a_batch_in_a_bucket_goes_on(bucket: str, plugin_file: Write, sounds: Sounds) -> None:
    put(sounds(3), f"{bucket}/in")

    def skipped() -> int:
        outcomes = list(apply_many(f"{bucket}/in", f"{bucket}/out", plugin_file("gain")))
        assert len(outcomes) == 3
        return sum(outcome.skipped for outcome in outcomes)

    assert (skipped(), skipped()) == (0, 3)
    store, path = fsspec.core.url_to_fs(bucket)
    store.rm_file(f"{path}/out/kit 0/note 000 ü音.wav")
    assert skipped() == 2


def test_a_bucket_that_answers_503_now_and_then_loses_nothing(
    bucket: str, server: tuple[str, Faults], plugin_file: Write, sounds: Sounds
) -> None:
    put(sounds(8), f"{bucket}/in")
    faults = server[1]
    faults.every = 4
    before = faults.answered
    outcomes = list(apply_many(f"{bucket}/in", f"{bucket}/out", plugin_file("gain"), jobs=2))
    faults.every = 0
    assert faults.answered > before
    assert [outcome.error for outcome in outcomes] == [""] * 8
    assert names(f"{bucket}/out") == [*names(f"{bucket}/in"), "latentfx-batch.jsonl"]


def test_a_bucket_that_always_answers_503_is_named_as_failed_and_left_without_an_object(
    bucket: str,
    server: tuple[str, Faults],
    plugin_file: Write,
    sounds: Sounds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stores, "_PAUSES_S", (0.0,))
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.filesystem("s3").clear_instance_cache()
    monkeypatch.setattr(stores, "upload", patient_upload(server[1]))
    put(sounds(2), f"{bucket}/in")
    outcomes = list(apply_many(f"{bucket}/in", f"{bucket}/out", plugin_file("gain")))
    server[1].every = 0
    for outcome in outcomes:
        assert outcome.target in outcome.error
        assert "the store refuses" in outcome.error
    assert [name for name in names(f"{bucket}/out") if name.endswith(".wav")] == []


def patient_upload(faults: Faults) -> Callable[[Path, str], None]:
    """Sounds meet 503 at every upload; the journal does not."""
    upload = stores.upload

    def run(file: Path, url: str) -> None:
        faults.every = int(url.endswith(".wav"))
        try:
            upload(file, url)
        finally:
            faults.every = 0

    return run


def test_a_large_recording_is_streamed(
    bucket: str, plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in ("wav", "flac", "mp3", "ogg"):
        write_sound(tmp_path / "takes" / f"long-{suffix}.{suffix}", 5.0)
    put(tmp_path / "takes", f"{bucket}/in")
    monkeypatch.setattr(stores, "HELD_BYTES", 1000)
    monkeypatch.setattr(stores, "_BLOCK_BYTES", 5000)
    outcomes = list(apply_many(f"{bucket}/in", tmp_path / "streamed", plugin_file("gain")))
    assert [outcome.error for outcome in outcomes] == [""] * 4
    list(apply_many(tmp_path / "takes", tmp_path / "direct", plugin_file("gain")))
    for file in (tmp_path / "direct").glob("long*"):
        np.testing.assert_array_equal(
            soundfile.read(file)[0], soundfile.read(tmp_path / "streamed" / file.name)[0]
        )


def test_what_is_no_sound_or_not_there_is_an_error_with_its_url(
    bucket: str, plugin_file: Write, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "empty.wav").write_bytes(b"")
    (tmp_path / "in" / "text.wav").write_text("not a sound")
    put(tmp_path / "in", f"{bucket}/in")
    outcomes = list(apply_many([f"{bucket}/in"], tmp_path / "out", plugin_file("gain")))
    assert sorted(outcome.source for outcome in outcomes) == [
        f"{bucket}/in/empty.wav",
        f"{bucket}/in/text.wav",
    ]
    assert all(outcome.source in outcome.error for outcome in outcomes)
    with pytest.raises(AudioFileError, match=r"nothing\.wav is not there"):
        list(apply_many(f"{bucket}/nothing.wav", tmp_path / "out", plugin_file("gain")))


def test_results_below_the_sources_are_not_sources(bucket: str, plugin_file: Write, sounds: Sounds) -> None:
    put(sounds(2), bucket)
    for _ in range(2):
        assert len(list(apply_many(bucket, f"{bucket}/out", plugin_file("gain")))) == 2
    with pytest.raises(AudioFileError, match="holds the sources"):
        apply_many(bucket, bucket, plugin_file("gain"))


def test_the_command_reads_and_writes_one_object(
    bucket: str, start: Start, plugin_file: Write, tmp_path: Path
) -> None:
    write_sound(tmp_path / "a b.wav")
    put(tmp_path, f"{bucket}/in")
    for source, target, said in (
        (f"{bucket}/in/a b.wav", f"{bucket}/one.flac", f"{bucket}/one.flac"),
        (tmp_path / "a b.wav", f"{bucket}/folder", f"{bucket}/folder/a b.wav"),
        (f"{bucket}/one.flac", tmp_path / "back.wav", str(tmp_path / "back.wav")),
    ):
        process = start("apply", source, target, "--plugin", plugin_file("gain"))
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.startswith(f"{said}: 0.10 s, 48000 Hz")
    assert names(bucket) == ["folder/a b.wav", "in/a b.wav", "one.flac"]
    assert soundfile.info(tmp_path / "back.wav").frames == 4800


def test_memory_is_a_store_of_one_process(plugin_file: Write, sounds: Sounds) -> None:
    put(sounds(2), "memory://here/in")
    outcomes = list(apply_many("memory://here/in", "memory://here/out", plugin_file("gain")))
    assert [outcome.error for outcome in outcomes] == ["", ""]
    assert [name.rpartition("/")[2] for name in names("memory://here/out")][-1] == "latentfx-batch.jsonl"
    assert all(
        outcome.skipped
        for outcome in apply_many("memory://here/in", "memory://here/out", plugin_file("gain"))
    )
    with pytest.raises(AudioFileError, match=r"memory:// is the memory of one process"):
        apply_many("memory://here/in", "memory://here/out", plugin_file("gain"), jobs=2)


def test_an_unknown_or_missing_store_says_what_to_do(
    plugin_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AudioFileError, match=r"nonsense://a cannot be opened.*s3://BUCKET/FOLDER"):
        apply_many("nonsense://a", tmp_path, plugin_file("gain"))
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingExtraError, match=r"gs:// needs gcsfs.*latentfx\[gs\]"):
        apply_many("gs://a/b", tmp_path, plugin_file("gain"))
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingExtraError, match=r"s3:// needs fsspec.*latentfx\[s3\]"):
        apply_many("s3://a/b", tmp_path, plugin_file("gain"))
