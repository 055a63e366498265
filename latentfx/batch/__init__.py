"""Many recordings through one plugin: here, on the processes of a machine, or on a Ray cluster.

A plan pairs recordings with results, a crew of workers makes them, and a journal says what is done.
"""

from latentfx.batch.run import Batch, apply_many
from latentfx.batch.task import Outcome

__all__ = ["Batch", "Outcome", "apply_many"]
