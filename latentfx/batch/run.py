"""A batch from start to end: plan, workers, journal."""

from __future__ import annotations

import io
import json
import os
import tempfile
from array import array
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, cast

import numpy as np

from latentfx.automation.files import Moves, as_automation
from latentfx.automation.moves import Automation
from latentfx.batch import stores
from latentfx.batch.crew import Share
from latentfx.batch.folders import is_regular
from latentfx.batch.hashes import hash64, hash_file, hash_text
from latentfx.batch.journal import Done, Journal, MadeOf, open_journal, read_journals
from latentfx.batch.local import LocalCrew
from latentfx.batch.plan import BatchPlan, Shard, Sources, plan
from latentfx.batch.task import Outcome, Task
from latentfx.batch.worker import Order, Worker, make_folder
from latentfx.errors import AudioFileError, ClusterError
from latentfx.files import discard_parts_of, expanded, target_of_part
from latentfx.library import DEFAULT_PLUGIN, fingerprint
from latentfx.offline import PathLike
from latentfx.prepare import prepare
from latentfx.preset import Preset
from latentfx.sound.source import SoundSource
from latentfx.spec import Setting

LOCAL: Final = "local"
RAY: Final = "ray"
RAY_CLIENT: Final = "ray://"
_MEMORY: Final = "memory"


def apply_many(
    sources: Sources,
    target: PathLike,
    plugin: PathLike | Preset = DEFAULT_PLUGIN,
    *,
    on: str = LOCAL,
    jobs: int | None = None,
    suffix: str | None = None,
    reference: PathLike | None = None,
    side: PathLike | None = None,
    automation: Moves | None = None,
    shard: str | None = None,
    again: bool = False,
    normalize: bool = False,
    **controls: Setting,
) -> Iterator[Outcome]:
    """Run every recording of a folder, a glob pattern or a list through a plugin; see `apply`.

    A recording that fails stops no other. Folders are searched to the bottom, and mirrored in the target. A
    journal in the target, `latentfx-batch.jsonl`, says what is done: the same call goes on where the last one
    stopped, and does what changed since.

    Args:
        sources: folders, patterns such as `"takes/*.wav"`, files, or URLs such as `"s3://bucket/takes"`.
        target: folder for the results, made where it is absent, or a URL.
        plugin: name or file of a plugin, or a preset.
        on: where the work is done: `"local"`, processes of this machine; `"ray"`, a Ray cluster that runs
            here or is started; `"ray://HOST:PORT"`, one elsewhere.
        jobs: recordings worked on side by side; 1 here, all processors of a cluster where None.
        suffix: format of the results, such as `".flac"`; each source's own where None.
        reference: a recording to learn a choice from.
        side: a recording for the plugin's side-chain, the same for all.
        automation: moves of the controls, the same for all; see `apply`.
        shard: the part of the batch that is done, such as `"3/16"`; all of it where None.
        again: do what is done once more.
        normalize: scale each result; see `apply`.
        controls: controls and blends by name.

    Returns:
        An `Outcome` for each recording, in the order in which they end.

    Raises:
        AudioFileError: nothing found, two results of one name, or a target folder that cannot be used.
        ClusterError: the Ray cluster cannot be reached or used.
        BusyError: another run writes the journal of this target.
        MissingExtraError: the packages for a URL or for Ray are not installed.
    """
    return Batch(
        sources,
        target,
        plugin,
        on,
        jobs,
        suffix,
        reference,
        side,
        automation,
        shard,
        again,
        controls,
        normalize,
    ).run()


@dataclass
class Batch:
    """A batch that is planned and may run; the arguments are those of `apply_many`."""

    sources: Sources
    target: PathLike
    plugin: PathLike | Preset = DEFAULT_PLUGIN
    on: str = LOCAL
    jobs: int | None = None
    suffix: str | None = None
    reference: PathLike | None = None
    side: PathLike | None = None
    automation: Moves | None = None
    shard: str | None = None
    again: bool = False
    controls: Mapping[str, Setting] = field(default_factory=dict)
    normalize: bool = False

    def __post_init__(self) -> None:
        _check(self.on, self.jobs)
        self.part = Shard() if self.shard is None else Shard.parse(self.shard)
        moves = None if self.automation is None else as_automation(self.automation)
        effect = prepare(self.plugin, self.reference, self.controls, self._side(), moves)
        self.plan: BatchPlan = plan(
            self.sources, self.target, self.suffix, self.part, (self.reference, self.side)
        )
        _check_memory(self.plan, self.on, self.jobs)
        self.journal = ""
        self.trouble = ""
        self._order = Order(effect, normalize=self.normalize)
        changes = {**self.controls, **({"normalize": True} if self.normalize else {})}
        self._key = _key(self.plugin, self.reference, self.side, moves, changes)

    def run(self) -> Generator[Outcome]:
        """Do what is not done; see `apply_many`."""
        target = self.plan.target
        if not stores.scheme_of(target):
            make_folder(Path(target))
        with closing(open_journal(target, self.part, self._key)) as journal:
            self.journal = journal.path
            done = Done(() if self.again else read_journals(target), self._key)
            there = _there(target, len(done))
            waiting = array("I")
            for task in self.plan:
                if done.holds(task) and there(task):
                    yield Outcome.passed(task)
                else:
                    waiting.append(task.number)
            if waiting:
                yield from self._work(waiting, done, journal)
        self.trouble = journal.trouble

    def _work(self, waiting: array[int], done: Done, journal: Journal) -> Iterator[Outcome]:
        for number in waiting:
            if done.holds_other(self.plan[number]):
                journal.void(self.plan[number])
        _clean(self.plan)
        tasks = (self.plan[number] for number in waiting)
        with self._outcomes(tasks, len(waiting)) as outcomes:
            for outcome in outcomes:
                journal.add(self.plan[outcome.number], outcome)
                yield outcome

    @contextmanager
    def _outcomes(self, tasks: Iterator[Task], count: int) -> Iterator[Iterator[Outcome]]:
        """Hand the tasks to whoever does them."""
        if self.on != LOCAL:
            from latentfx.batch.on_ray import RayCrew

            with (
                RayCrew(self._order, self.on, self.jobs, count) as crew,
                closing(Share(crew, tasks).run()) as outcomes,
            ):
                yield outcomes
            return
        with tempfile.TemporaryDirectory(prefix="latentfx-batch-", ignore_cleanup_errors=True) as folder:
            order = replace(self._order, scratch=Path(folder))
            size = min(self.jobs or 1, count)
            if size == 1:
                worker = Worker(order)
                yield (worker.run(task) for task in tasks)
                return
            with closing(Share(LocalCrew(order, size), tasks).run()) as outcomes:
                yield outcomes

    def _side(self) -> SoundSource | None:
        """The side-chain, as the workers can read it: on other machines its path may mean nothing."""
        if self.side is None or self.on == LOCAL:
            return self.side
        try:
            return io.BytesIO(expanded(self.side).read_bytes())
        except OSError:
            return self.side  # whoever opens it says what is wrong


def _check(on: str, jobs: int | None) -> None:
    if on not in (LOCAL, RAY) and not on.startswith(RAY_CLIENT):
        raise ClusterError(f"on is {on!r}; allowed are local, ray, and ray://HOST:PORT")
    if jobs is not None and jobs < 1:
        raise AudioFileError(f"jobs is {jobs}; allowed are whole numbers from 1")


def _check_memory(plan: BatchPlan, on: str, jobs: int | None) -> None:
    """Refuse `memory://` where a second process would have to see it."""
    if (on != LOCAL or (jobs or 1) > 1) and _MEMORY in (stores.scheme_of(plan.target), *plan.schemes()):
        raise AudioFileError("memory:// is the memory of one process: leave jobs (--jobs) and on (--on) out")


def _key(
    plugin: PathLike | Preset,
    reference: PathLike | None,
    side: PathLike | None,
    moves: Automation | None,
    controls: Mapping[str, Setting],
) -> MadeOf:
    """Hashes of all that a result depends on beside its recording."""
    preset = plugin if isinstance(plugin, Preset) else None
    heard = [None if path is None else hash_file(expanded(path)) for path in (reference, side)]
    # Only moves hear the bindings of a preset.
    bindings = [str(binding) for binding in preset.bindings] if preset and moves else []
    settings = [dict(preset.settings) if preset else {}, dict(controls), heard, bindings, repr(moves)]
    file = fingerprint(preset.plugin if preset else cast("PathLike", plugin))
    return MadeOf(hash_text(json.dumps(settings, sort_keys=True, default=repr)), file)


def _there(target: str, known: int) -> Callable[[Task], bool]:
    """Says whether a result still lies where it was written; without a journal nobody asks."""
    if not stores.scheme_of(target):
        return lambda task: is_regular(task.target)
    found = array("Q")
    if known and stores.is_folder(target):
        found.extend(hash64(below) for _, below, _ in stores.search(target, ""))
    listed = np.sort(np.array(found))

    def there(task: Task) -> bool:
        at = int(np.searchsorted(listed, np.uint64(hash64(task.below))))
        return at < len(listed) and int(listed[at]) == hash64(task.below)

    return there


def _clean(plan: BatchPlan) -> None:
    """Remove what a run that was killed had half-written of the results of this one."""
    if stores.scheme_of(plan.target):
        return
    left = {
        (Path(folder, target_of_part(name)).relative_to(plan.target)).as_posix()
        for folder, _, names in os.walk(plan.target)
        for name in names
        if target_of_part(name)
    }
    for task in plan if left else ():
        if task.below in left:
            discard_parts_of(Path(task.target))
