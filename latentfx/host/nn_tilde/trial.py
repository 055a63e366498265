"""Opens a file for nn~, plays a little, and writes what it found: the program that `first_use` starts.

In: the file, on the standard input. Out: `Metadata` as JSON, and the exit code 0; or 1 with a line that says
why not. What the file itself prints goes nowhere.
"""

from __future__ import annotations

import os
import sys

from latentfx.errors import LatentFXError
from latentfx.host.plugin_file import dump_metadata


def main() -> int:
    """Read, measure and answer."""
    data = sys.stdin.buffer.read()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # a path that is no file
        os.dup2(nowhere.fileno(), 1)
    try:
        from latentfx.host.nn_tilde.model import measure_file

        answer.write(dump_metadata(measure_file(data)))
        code = 0
    except ModuleNotFoundError as error:
        answer.write(f"it needs {error.name}, which is not installed: pip install 'latentfx[lab]'")
        code = 1
    except (LatentFXError, MemoryError) as error:
        answer.write(str(error) or "it takes more memory than there is")
        code = 1
    answer.close()
    return code


if __name__ == "__main__":
    ended = main()
    os._exit(ended)  # nothing of the file runs again, not even at the end
