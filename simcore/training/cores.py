"""The cores of a machine, shared between a run's learner and the processes beside it."""

from contextlib import AbstractContextManager, nullcontext

from simcore.common.distributed import Launch
from simcore.common.threads import shared_cores
from simcore.config.run import Config


def share_cores(config: Config) -> AbstractContextManager[str | None]:
    """Let the learner use the cores that actors and processes of worlds leave; without these, it uses all.

    Returns:
        A context that yields a line about it; None if nothing changes, as with `threads` or OMP_NUM_THREADS.
    """
    if config.threads:
        return nullcontext()
    actors, learners = config.acting.actors, Launch.read().local_size
    processes = min(getattr(config.world, "processes", 0), config.worlds_per_actor)
    beside = processes if processes > 1 else 0  # an actor waits while they step its worlds
    if config.executor == "serial":
        return shared_cores(learners, actors * beside)
    if config.executor == "threads":  # which use as many threads of PyTorch each as the learner
        return shared_cores(learners * (1 + actors), actors * beside)
    is_elsewhere = config.executor == "ray" and config.ray_address is not None
    return shared_cores(learners, 0 if is_elsewhere else actors * max(1, beside))
