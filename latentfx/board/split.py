"""Effects side by side: every branch hears the same, and their sum goes on."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from latentfx.board.board import DEFAULT_RATE
from latentfx.board.branch import INPUT, Branch
from latentfx.board.native import Effect, check_natives, held_alone, rate_of
from latentfx.board.split_stream import SplitStream
from latentfx.errors import ControlError
from latentfx.host.processor import Processor
from latentfx.names import suggest


class Split(Processor):
    """Branches side by side: each hears the input, and the sum of them goes on, aligned to the sample.

        latentfx.Split([Branch("violin"), Branch("trumpet", swap, gain_db=-6)])

    It stands on a `Board`, or is called by itself. `split["trumpet"].solo = True` lets one be heard alone.

    Args:
        branches: at least one.

    Raises:
        ControlError: no branch, two of one name, or a side that no branch before has the name of.
    """

    def __init__(self, branches: Iterable[Branch]) -> None:
        super().__init__()
        self.branches = tuple(branches)
        known: list[str] = [INPUT]
        for branch in self.branches:
            if not isinstance(branch, Branch):
                raise ControlError(
                    f"{type(branch).__name__} is no branch; write latentfx.Branch(NAME, effect)"
                )
            if branch.name in known:
                raise ControlError(f"two branches are called {branch.name!r}; give each a name of its own")
            if branch.side is not None and branch.side not in known:
                raise ControlError(
                    f"the side of branch {branch.name!r} is {branch.side!r}; allowed are the branches before "
                    f"it and the input: {', '.join(known)}.{suggest(branch.side, known)}"
                )
            known.append(branch.name)
        if not self.branches:
            raise ControlError("a split without branches is silent; give at least one")

    @property
    def sample_rate(self) -> int:
        """Rate of the first latent plugin, in Hz; 48000 where there is none."""
        return rate_of(self) or DEFAULT_RATE

    @property
    def latency(self) -> int:
        """Samples from input to output at `sample_rate`: those of the latest branch. Calls remove them."""
        return self.latency_at(self.sample_rate)

    def latency_at(self, sample_rate: float) -> int:
        """Samples from input to output at a rate. Measuring Pedalboard's own plugins resets them."""
        late = {INPUT: 0}
        for branch in self.branches:
            late[branch.name] = late[branch.side or INPUT] + branch.board.latency_at(sample_rate)
        return max(late.values())

    def held(self) -> list[Effect]:
        """The chain of each branch."""
        return [branch.board for branch in self.branches]

    def reset(self) -> None:
        """Forget what was heard, in every branch."""
        super().reset()
        for branch in self.branches:
            branch.board.reset()

    def alone(self) -> AbstractContextManager[None]:
        return held_alone(self)

    def open(self, channels: int, sample_rate: float) -> SplitStream:
        """Open a stream through every branch; see `Board.open`.

        Raises:
            ShapeError: a number of channels or a rate that a branch cannot take, or branches that give
                different numbers of channels.
            BusyError: one of Pedalboard's plugins stands in it twice.
        """
        check_natives(self)
        return SplitStream(self.branches, channels, sample_rate)

    def __getitem__(self, name: str) -> Branch:
        for branch in self.branches:
            if branch.name == name:
                return branch
        names = [branch.name for branch in self.branches]
        raise ControlError(
            f"no branch is called {name!r}.{suggest(str(name), names)} There are {', '.join(names)}"
        )

    def __repr__(self) -> str:
        return f"Split({list(self.branches)!r})"
