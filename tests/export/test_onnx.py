"""The plugin file: its names, its free batch axis, its metadata, and that it sounds like the plugin."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from identity_effect import identity_effect
from torch import Tensor, nn

from latentfx.control import Control
from latentfx.effect import LatentEffect
from latentfx.errors import ContractError, ExportError
from latentfx.export import export_onnx
from latentfx.host.plugin_file import METADATA_KEY, load_metadata
from latentfx.plugin import Plugin, PluginSpec, State
from latentfx.testing import verify_parity

PROVENANCE = {
    "method": "identity",
    "licence": "MIT",
    "date": "2025-01-31",
    "versions": {"torch": torch.__version__},
}
GAIN = Control("gain_db", -24.0, 24.0, 0.0, "dB")


class Mute(Plugin):
    """No state, no controls, and silence until a subclass says otherwise."""

    def __init__(self, controls: tuple[Control, ...] = ()) -> None:
        super().__init__(PluginSpec("mute", 16000, 32, 0, controls=controls))

    def initial_state(self, batch_size: int = 1) -> State:
        return {}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return audio * 0.0, state


@pytest.fixture(scope="module")
def effect() -> LatentEffect:
    return identity_effect()


@pytest.fixture(scope="module")
def path(effect: LatentEffect, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("file") / "identity.onnx"
    return export_onnx(effect, target, PROVENANCE, {"latency": effect.spec.latency})


@pytest.fixture(scope="module")
def model(path: Path) -> onnx.ModelProto:
    return onnx.load(path, load_external_data=False)


def shapes(ports: list[onnx.ValueInfoProto]) -> dict[str, list[int | str]]:
    return {
        port.name: [size.dim_param or size.dim_value for size in port.type.tensor_type.shape.dim]
        for port in ports
    }


def test_ports_have_the_names_and_the_shapes_of_the_format(
    effect: LatentEffect, model: onnx.ModelProto
) -> None:
    spec = effect.spec
    inputs, outputs = shapes(model.graph.input), shapes(model.graph.output)
    state = {name: ["batch", *value.shape[1:]] for name, value in effect.initial_state(1).items()}
    assert inputs.pop("audio") == ["batch", spec.in_channels, "samples"]
    assert inputs.pop("controls") == ["batch", len(spec.controls)]
    assert outputs.pop("audio_out") == ["batch", spec.out_channels, "samples"]
    assert inputs == {f"state_{name}": shape for name, shape in state.items()}
    assert outputs == {f"state_{name}_out": shape for name, shape in state.items()}
    kinds = {port.type.tensor_type.elem_type for port in (*model.graph.input, *model.graph.output)}
    assert kinds == {onnx.TensorProto.FLOAT}


def test_the_file_is_one_opset_20_file_without_the_writers_notes(path: Path, model: onnx.ModelProto) -> None:
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 20)]
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert [entry.key for entry in model.metadata_props] == [METADATA_KEY]
    assert not any(node.metadata_props or node.doc_string for node in model.graph.node)
    assert str(Path(__file__).parents[2]).encode() not in path.read_bytes()


class Layers(Mute):
    """Layers that an optimiser would transpose, merge and fold into each other: two biases are equal."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(32, 8, 1)
        self.norm = nn.BatchNorm1d(8)
        self.narrow = nn.Linear(8, 8)
        self.wide = nn.Linear(8, 32)
        nn.init.zeros_(self.convolution.bias)
        nn.init.zeros_(self.narrow.bias)
        nn.init.uniform_(self.norm.running_var, 0.5, 2.0)

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        blocks = audio.reshape(audio.shape[0], -1, 32).transpose(1, 2)
        hidden = self.norm(self.convolution(blocks)).transpose(1, 2)
        return self.wide(torch.tanh(self.narrow(hidden))).reshape_as(audio), state


def test_the_file_holds_every_weight_whole_under_its_own_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    plugin = Layers()
    graph = onnx.load(export_onnx(plugin, tmp_path / "a.onnx", PROVENANCE)).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for name, weight in plugin.state_dict().items():
        if name != "norm.num_batches_tracked":  # counts steps of training
            np.testing.assert_array_equal(stored[f"plugin.{name}"], weight.numpy())


def test_no_constant_is_stored_twice(model: onnx.ModelProto) -> None:
    stored = [
        (t.data_type, tuple(t.dims), onnx.numpy_helper.to_array(t).tobytes()) for t in model.graph.initializer
    ]
    assert len(stored) == len(set(stored))


def test_the_metadata_brings_back_spec_state_provenance_and_report(
    effect: LatentEffect, model: onnx.ModelProto
) -> None:
    metadata = load_metadata(model.metadata_props[0].value)
    assert metadata.spec == effect.spec
    assert metadata.provenance == PROVENANCE
    assert metadata.report == {"latency": effect.spec.latency}
    for name, value in effect.initial_state(1).items():
        np.testing.assert_array_equal(metadata.state[name], value[0].numpy())


def test_the_file_sounds_like_the_plugin_for_any_number_of_rows(effect: LatentEffect, path: Path) -> None:
    for batch in (1, 2, 5):
        report = verify_parity(effect, path, torchscript=False, blocks=30, batch=batch)
        assert [engine.engine for engine in report.engines] == ["onnx"]


def test_parity_takes_an_open_session_and_refuses_another_plugins_file(
    effect: LatentEffect, path: Path
) -> None:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert verify_parity(effect, session, torchscript=False, blocks=3).engines
    with pytest.raises(ContractError, match=r"the file has the inputs \['audio', 'controls', 'state_"):
        verify_parity(Mute(), session, torchscript=False)


class Doubler(Mute):
    """Everything at its emptiest; also proves that eval() is used and the mode given back."""

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return (audio * 3.0 if self.training else audio * 2.0), state


def test_a_plugin_without_state_and_controls_can_be_written_and_overwrites(tmp_path: Path) -> None:
    plugin = Doubler().train()
    target = tmp_path / "doubler.onnx"
    target.write_text("an older file")
    export_onnx(plugin, str(target), PROVENANCE)
    assert plugin.training
    session = onnxruntime.InferenceSession(target, providers=["CPUExecutionProvider"])
    audio = np.random.default_rng(0).standard_normal((4, 1, 32), dtype=np.float32)
    (out,) = session.run(None, {"audio": audio, "controls": np.zeros((4, 0), np.float32)})
    np.testing.assert_array_equal(out, 2 * audio)
    assert [entry.name for entry in tmp_path.iterdir()] == ["doubler.onnx"]


@pytest.mark.parametrize("missing", ["method", "licence", "date", "versions"])
def test_provenance_must_be_whole(tmp_path: Path, missing: str) -> None:
    provenance = {key: value for key, value in PROVENANCE.items() if key != missing}
    with pytest.raises(ExportError, match=f"provenance lacks {missing}; .* Add method"):
        export_onnx(Mute(), tmp_path / "x.onnx", provenance)


@pytest.mark.parametrize("report", [{"snr_db": float("nan")}, {"file": Path("x")}], ids=["nan", "object"])
def test_a_report_that_json_cannot_hold_is_refused(tmp_path: Path, report: Mapping[str, object]) -> None:
    with pytest.raises(ExportError, match="holds what JSON cannot"):
        export_onnx(Mute(), tmp_path / "x.onnx", PROVENANCE, report)


def test_a_file_must_be_named_onnx(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"ends in \.onnx, not '\.pt'"):
        export_onnx(Mute(), tmp_path / "x.pt", PROVENANCE)


class BranchesOnBatch(Mute):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return (audio if audio.shape[0] == 2 else -audio), state


class BranchesOnAudio(Mute):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return (audio if audio.max() > 0 else -audio), state


class FixedRows(Mute):
    def initial_state(self, batch_size: int = 1) -> State:
        return {"k": torch.zeros(batch_size, 2)}

    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return audio, {"k": torch.zeros(2, 2)}


class Random(Mute):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        return audio + torch.rand_like(audio), state


class Complains(Mute):
    def forward(self, audio: Tensor, controls: Tensor, state: State) -> tuple[Tensor, State]:
        raise KeyError("no such factor")


@pytest.mark.parametrize(
    ("kind", "cure"),
    [
        (BranchesOnBatch, "reads audio.shape"),
        (FixedRows, "Let shapes follow audio.shape"),
        (BranchesOnAudio, "Use torch.where, clamp or a mask"),
        (Complains, "no such factor"),
        (Random, "Look for randomness"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_written_says_what_to_change_and_leaves_the_old_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], kind: type[Mute], cure: str
) -> None:
    target = tmp_path / "x.onnx"
    target.write_text("an older file")
    with pytest.raises(ExportError, match=cure):
        export_onnx(kind(), target, PROVENANCE)
    assert target.read_text() == "an older file"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.onnx"]
    assert capfd.readouterr() == ("", "")


class StateOf(Mute):
    def __init__(self, name: str, value: Tensor) -> None:
        super().__init__()
        self.name, self.value = name, value

    def initial_state(self, batch_size: int = 1) -> State:
        return {self.name: self.value}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a b", torch.zeros(1, 2), "'a b' cannot be named"),
        ("k_out", torch.zeros(1, 2), "'k_out' cannot be named"),
        ("k", torch.zeros(1, 2, dtype=torch.float64), r"'k' is torch.float64; allowed torch.float32"),
        ("k", torch.zeros(2, 1), r"shape \(2, 1\) for one row; allowed \(1, ...\)"),
        ("k", torch.zeros(1, (1 << 22) + 1), "has 4194305 values; allowed 4194304"),
        ("k", torch.rand(1, 1 << 20), "the metadata takes"),
    ],
)
def test_a_state_that_a_file_cannot_hold_is_refused(
    tmp_path: Path, name: str, value: Tensor, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        export_onnx(StateOf(name, value), tmp_path / "x.onnx", PROVENANCE)
