"""Load a run, act in its world for 20 steps, and print the believed and the true cell of the agent.

    python examples/load_a_run.py runs/RandomCity-tiny-slots-0

The run is a folder made by `simcore train`, or a file made from one by `simcore export`.
"""

import math
import sys
from collections.abc import Callable

import gymnasium

import simcore
from simcore.worlds import Walker, WorldEnv

STEPS = 20


def main(path: str) -> None:
    """Act in the run's world, and print a line per step."""
    run = simcore.load(path)
    env = run.make_env()
    session = run.session()
    print(f"{run.config.level} after {run.update:,} updates; its belief is read by {session.read_by} probes")

    frame, info = env.reset(seed=0)
    belief = session.observe(frame, info)
    act = chooser(session, env)
    for step in range(1, STEPS + 1):
        frame, reward, terminated, truncated, info = env.step(act())
        belief = session.observe(frame, reward, terminated, truncated, info)
        line = f"step {step:2}  {env.action_names[info['previous_action']]:14}"
        probabilities = belief.cell_probabilities
        if probabilities is not None:  # with probes, the world's `info` has the true cell
            size = math.isqrt(len(probabilities))
            rows = [f"({cell // size}, {cell % size})" for cell in (int(probabilities.argmax()), info["cell"])]
            line += f"believed cell {rows[0]}, p = {probabilities.max():.2f}; true cell {rows[1]}"
        print(line)
        if terminated or truncated:
            session.observe(*env.reset())

    if run.config.draws_frames:
        frames = session.imagine([0, 0, 0], samples=8)
        names = ", ".join([env.action_names[0]] * 3)
        print(f"Imagined after {names}: frames {frames.dtype} {list(frames.shape)}")


def chooser(session: simcore.BeliefSession, env: gymnasium.Env) -> Callable[[], int]:
    """Return a function that chooses actions: the agent, or the walker if the run was trained on its walks."""
    world = env.unwrapped
    if session.agent.heads is None and isinstance(world, WorldEnv):
        walker = Walker(world.worlds, seed=0)
        return lambda: int(walker.act()[0])
    return lambda: int(session.act())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
