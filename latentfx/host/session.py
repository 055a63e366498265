"""Models in onnxruntime: opened from what was read, and run with an end and with errors of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from latentfx.errors import PluginFileError
from latentfx.host.model.model import ParsedModel
from latentfx.host.model.rewrite import write_model
from latentfx.host.watch import WATCH

if TYPE_CHECKING:
    import onnxruntime

STEP_LIMIT_S: Final = 60.0


def open_session(model: ParsedModel, threads: int = 1) -> onnxruntime.InferenceSession:
    """Open a model. onnxruntime is given what is written anew from it, as bytes.

    Args:
        model: as read.
        threads: threads that one operator may use.

    Raises:
        PluginFileError: onnxruntime refuses it.
    """
    import onnxruntime  # it takes longer to import than all the rest: what only reads a file does without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # its errors are raised, not printed
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(write_model(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise PluginFileError(f"onnxruntime cannot run the graph: {_first_line(error)}") from error


class Runs:
    """Runs of a session, one at a time; each is ended when it takes too long.

    Args:
        session: a model, opened.
        name: of the plugin, for errors.
        limit_s: how long a run may take.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, name: str, limit_s: float = STEP_LIMIT_S
    ) -> None:
        import onnxruntime

        self._session = session
        self._name = name
        self._limit_s = limit_s
        self._options = onnxruntime.RunOptions()
        # Without this entry onnxruntime raises an exception of its own at every run, which takes 25 us.
        self._options.add_run_config_entry("gpu_graph_id", "-1")

    def run(self, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run the graph on arrays.

        Raises:
            PluginFileError: it failed, or took too long.
        """
        found: list[NDArray[Any]] = self._watched(self._session.run, outputs, inputs)
        return found

    def run_bound(self, binding: onnxruntime.IOBinding) -> None:
        """Run the graph on memory that is bound to it.

        Raises:
            PluginFileError: it failed, or took too long.
        """
        self._watched(self._session.run_with_iobinding, binding)

    def _watched(self, call: Callable[..., Any], *arguments: Any) -> Any:
        WATCH.begin(self._options, self._limit_s)
        try:
            return call(*arguments, self._options)
        except Exception as error:
            ended = self._options.terminate
            reason = f"it was ended after {self._limit_s:g} s" if ended else _first_line(error)
            raise PluginFileError(f"a step of plugin {self._name!r} failed: {reason}") from error
        finally:
            WATCH.end(self._options)
            self._options.terminate = False


def _first_line(error: BaseException) -> str:
    """What an error of another library says, in a line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
