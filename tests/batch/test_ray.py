"""Batches on a small Ray cluster of this machine, whose workers and nodes come and go."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
os.environ["RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S"] = "120"  # a busy machine starts slowly
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # or the server for a client may hang before it is begun

import pytest
import ray
from batch_kit import (
    RATE,
    Faults,
    Sounds,
    Start,
    aws,
    journal_of,
    killer,
    names,
    parts,
    put,
    results,
    wait_until,
    write_sound,
    writers,
)
from ray.cluster_utils import Cluster

from latentfx.batch import apply_many
from latentfx.batch.on_ray import RayCrew
from latentfx.errors import ClusterError, MissingExtraError

# Ray's own: it starts the server for clients and leaves the files of its log to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file .*ray_client_server:ResourceWarning")

Write = Callable[[str], Path]
LONG_S = 60.0


@pytest.fixture(scope="module")
def port() -> int:
    """A port for clients of the cluster."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def settings_of_aws(server: tuple[str, Faults], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The nodes have the settings of AWS from the start."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in aws(server[0], tmp_path_factory.mktemp("aws")).items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def cluster(port: int, settings_of_aws: None) -> Iterator[Cluster]:
    """A head that works on nothing, and a node with two processors."""
    quiet = {"object_store_memory": 100 << 20, "include_dashboard": False}
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "ray_client_server_port": port, **quiet}
    )
    made.add_node(num_cpus=2, object_store_memory=100 << 20)
    yield made
    made.shutdown()


@pytest.fixture
def joined(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster, joined by this process."""
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")
    yield cluster
    ray.shutdown()


def test_actors_do_what_processes_do(
    joined: Cluster, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes, out = sounds(9), tmp_path / "out"
    (takes / "bad.wav").write_text("not a sound")
    outcomes = list(apply_many(takes, out, plugin_file("delay"), on="ray", gain=2))
    assert [Path(outcome.source).name for outcome in outcomes if outcome.error] == ["bad.wav"]
    assert len(results(out)) == 9
    again = apply_many(takes, out, plugin_file("delay"), gain=2)
    assert sum(outcome.skipped for outcome in again) == 9


def test_an_actor_that_is_killed_in_the_middle_costs_no_file(
    joined: Cluster, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes, out = sounds(5, LONG_S), tmp_path / "out"
    with killer(out):
        outcomes = list(apply_many(takes, out, plugin_file("delay"), on="ray", jobs=2))
    assert [outcome.error for outcome in outcomes] == [""] * 5
    assert set(results(out).values()) == {round(LONG_S * RATE)}
    assert parts(out) == []


def test_a_node_that_is_removed_costs_no_file(
    joined: Cluster, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    takes, out = sounds(45, LONG_S), tmp_path / "out"
    leaves = joined.add_node(num_cpus=1, object_store_memory=100 << 20)

    def leave() -> None:
        wait_until(lambda: len({*writers(out)}) == 3)
        joined.remove_node(leaves)

    thread = threading.Thread(target=leave)
    thread.start()
    outcomes = list(apply_many(takes, out, plugin_file("delay"), on="ray", jobs=3))
    thread.join()
    assert [outcome.error for outcome in outcomes] == [""] * 45
    assert len({outcome.target for outcome in outcomes}) == 45
    assert set(results(out).values()) == {round(LONG_S * RATE)}
    assert parts(out) == []


def test_where_no_node_is_left_every_file_is_named(
    joined: Cluster, plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RayCrew, "patience_s", 1.0)
    monkeypatch.setattr("latentfx.batch.on_ray.PROCESSORS", 64)  # that no node has
    outcomes = list(apply_many(sounds(3), tmp_path / "out", plugin_file("gain"), on="ray"))
    assert len(outcomes) == 3
    assert all("no worker is left" in outcome.error for outcome in outcomes)


def test_the_command_works_on_a_cluster_elsewhere_from_bucket_to_bucket(
    cluster: Cluster, port: int, bucket: str, start: Start, plugin_file: Write, sounds: Sounds
) -> None:
    put(sounds(4), f"{bucket}/in")
    words = ("-p", plugin_file("gain"), "--on", f"ray://127.0.0.1:{port}", "--json")
    process = start("apply", f"{bucket}/in", f"{bucket}/out", *words)
    said, err = process.communicate()
    assert process.returncode == 0, err
    assert '"made": 4' in said
    assert names(f"{bucket}/out") == [*names(f"{bucket}/in"), "latentfx-batch.jsonl"]


def test_ctrl_c_on_a_cluster_leaves_whole_files_alone(
    cluster: Cluster, port: int, start: Start, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    on = f"ray://127.0.0.1:{port}"
    process = start("apply", sounds(30, LONG_S), out, "-p", plugin_file("delay"), "--on", on)
    wait_until(lambda: [*out.rglob("*.wav")] and writers(out))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "nothing half-written is left" in err
    assert parts(out) == []
    assert set(results(out).values()) == {round(LONG_S * RATE)}
    assert len(journal_of(out)) <= len(results(out)) < 30


def test_a_side_chain_travels_with_the_plugin(
    joined: Cluster, plugin_file: Write, sounds: Sounds, tmp_path: Path
) -> None:
    write_sound(tmp_path / "side.wav", level=0.125)
    made = apply_many(sounds(2), tmp_path / "out", plugin_file("side"), on="ray", side=tmp_path / "side.wav")
    (tmp_path / "side.wav").unlink()  # the workers do not read it
    assert [outcome.error for outcome in made] == ["", ""]


def test_a_cluster_that_is_not_there_or_not_installed_says_what_to_do(
    plugin_file: Write, sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(on: str) -> None:
        list(apply_many(sounds(2), tmp_path / "out", plugin_file("gain"), on=on))

    with pytest.raises(ClusterError, match=r"on is 'slurm'; allowed are local, ray, and ray://HOST:PORT"):
        run("slurm")
    monkeypatch.setattr("warnings.warn", lambda *_, **__: None)  # Ray's own, beside its error
    monkeypatch.setattr("ray.util.client.worker.INITIAL_TIMEOUT_SEC", 0.1)
    monkeypatch.setattr("ray.util.client.worker.MAX_TIMEOUT_SEC", 0.1)
    with pytest.raises(ClusterError, match=r"ray://127\.0\.0\.1:9 cannot be reached .*ray start --head"):
        run("ray://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"--on ray needs ray.*latentfx\[ray\]"):
        run("ray")
