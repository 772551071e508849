"""What a belief still knows after steps without frames, and how it recovers with them.

    python -m benchmarks.blindfold RUN

The belief observes an episode's first frames, then none: the simulation core imagines them, and the belief core
observes what was imagined. It is compared with the same belief standing still, and, at the first true frames
afterwards, with a belief that did not receive the actions in between. The control is an untrained agent's belief, which
observes the same frames, including those that the trained simulation imagines. Both are read by fresh probes, trained
first if the run has none yet, which takes minutes. Held-out worlds; the map's error is a percentage of that of the best
constant guess.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from simcore.analysis.loading import load
from simcore.belief import Belief
from simcore.session import BeliefSession
from simcore.viewer.guess import Guess
from simcore.worlds import Walker
from simcore.worlds.api import NO_CLASS
from simcore.worlds.voxel.env import WorldVectorEnv

LENGTHS = (1, 2, 5, 10, 20)
"""Steps without frames."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--worlds", type=int, default=256)
    parser.add_argument("--seen", type=int, default=15, help="steps before the blindfold")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    trained = load(arguments.run)
    probes = trained.fresh.get(["belief", "untrained"])
    run = trained.in_worlds(world={"episode_length": arguments.seen + max(LENGTHS) + 10})
    guess = Guess.fit(run)
    worlds = run.make_worlds(arguments.worlds)
    assert isinstance(worlds, WorldVectorEnv)
    walker = Walker(worlds, seed=arguments.seed)
    session = BeliefSession(run.agent, run.simulation, probes["belief"], batch=arguments.worlds, seed=arguments.seed)
    control = BeliefSession(trained.fresh.untrained, probes=probes["untrained"], batch=arguments.worlds)
    first = worlds.reset(seed=10**6 + arguments.seed)
    beliefs = {"trained": session.observe(*first), "untrained": control.observe(*first)}
    no, nothing = np.zeros(arguments.worlds, np.bool_), np.zeros(arguments.worlds)

    def score(belief: Belief) -> list[str]:
        _, info = worlds.observe()
        assert belief.map is not None
        true = info["map"] / 255
        part = np.square(belief.map / 255 - true).mean() / np.square(guess.map - true).mean()
        is_on_map = info["cell"] != NO_CLASS
        cell = (belief.cell == info["cell"])[is_on_map].mean()
        heading = (belief.heading == info["heading_index"]).mean()
        return [f"{value:.1%}" for value in (part, cell, heading)]

    def walk(sessions: dict[str, BeliefSession]) -> dict[str, Belief]:
        action = walker.act()
        returned = worlds.step(action)
        return {name: each.observe(*returned, action=action) for name, each in sessions.items()}

    for _ in range(arguments.seen):
        beliefs = walk({"trained": session, "untrained": control})
    state, plans = worlds.get_state(), walker.get_state()
    table = Table(title=f"{arguments.run}, read by fresh probes, {arguments.worlds} worlds")
    for head in ("", "map error", "cell", "heading"):
        table.add_column(head, justify="right" if head else "left")
    table.add_row(f"after {arguments.seen} steps", *score(beliefs["trained"]))
    table.add_row("  untrained", *score(beliefs["untrained"]), end_section=True)
    for length in LENGTHS:
        worlds.set_state(state)
        walker.set_state(plans)
        simulated, dreaming, untold, controlled = session.fork(), session.fork(), session.fork(), control.fork()
        dreamt, beside = beliefs["trained"], beliefs["untrained"]
        for _ in range(length):
            action = walker.act()
            imagined = simulated.imagine([action], samples=1)[0, 0]
            worlds.step(action)
            simulated.step_blind(action)
            dreamt = dreaming.observe(imagined, nothing, no, no, {}, action=action)
            beside = controlled.observe(imagined, nothing, no, no, {}, action=action)
        table.add_row(f"{length} step{'s' * (length > 1)} without frames", *score(dreamt))
        table.add_row("  the belief standing still", *score(beliefs["trained"]))
        table.add_row("  untrained, the same frames", *score(beside))
        after = walk({"told": dreaming, "untold": untold})
        table.add_row("  and one frame", *score(after["told"]))
        table.add_row("  the same, not told of the actions", *score(after["untold"]), end_section=True)
    Console().print(table)


if __name__ == "__main__":
    with torch.no_grad():
        main()
