"""The command `simcore pretrained`."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from tyro.conf import Positional

from simcore.analysis.names import PREDICTORS, label
from simcore.commands.console import say, wide_console
from simcore.common.errors import UserError
from simcore.common.intervals import Interval
from simcore.common.terminal import in_one_line, shell_word
from simcore.pretrained import ActingScores, BeliefScores, Card, find_export, read_metadata, shipped
from simcore.pretrained.metadata import mebibytes

LISTED = ("map_mse", "map_mse_old", "cell_accuracy", "heading_accuracy")
"""The scores of a belief that the list shows."""
WHOSE = ("belief", "untrained", "frame", "constant")
LOOK: dict[str, Any] = {
    **{"box": SIMPLE_HEAD, "show_edge": False, "pad_edge": False, "caption_justify": "left"},
    **{"title_justify": "left", "title_style": "bold"},
}
HOW = (
    "What probes read from the belief. Error left: as a part of that of the best constant guess. Else: how often it is "
    "right."
)


@dataclass(frozen=True)
class Pretrained:
    """List the trained runs that are shipped with SimCore, or show the card of one.

    Commands that read a run accept such a name in place of its folder, as in simcore rollout random-city.
    """

    run: Positional[Path | None] = None
    """The name of one; or an exported file, or hf:owner/name for a run on the Hugging Face Hub."""

    def execute(self) -> None:
        """Print the list, or the card."""
        if self.run is None:
            show_list()
        else:
            show_card(self.run)


def show_list() -> None:
    """Print the shipped runs with their main scores, beside the controls."""
    table = Table(title="Trained runs that are shipped with SimCore, in held-out worlds", caption=HOW, **LOOK)
    table.add_column("run", no_wrap=True)
    table.add_column("score", no_wrap=True)
    for heading in ("belief,\nagent", "untrained", "frame\nalone", "guess,\nrandom"):
        table.add_column(heading, justify="right")
    for name, file in shipped().items():
        card = read_metadata(file).card
        about, rows = (name, *summary(card), size_of(file)), [] if card is None else list(main_rows(card))
        for text, row in zip_longest(about, rows):
            table.add_row(text, *(row or ()))
        table.add_section()
    wide_console().print(table)
    name = next(iter(shipped()))
    say("Next:", f"simcore pretrained {name}", f"simcore rollout {name}")


def show_card(run: Path) -> None:
    """Print the card of an exported run.

    Raises:
        UserError: there is no such run, it is damaged, or it has no card.
    """
    export = find_export(run)
    if export is None:
        raise UserError(f"{run} is no exported run; make one of a run by: simcore export {shell_word(run)}")
    metadata = read_metadata(export.file)
    card = metadata.card
    if card is None:
        raise UserError(f"{run} has no card, as those of early versions; export the run again: simcore export RUN")
    about = Table(title=card.title, show_header=False, padding=(0, 2, 0, 0), **LOOK | {"box": None})
    about.add_column(no_wrap=True)
    about.add_column(overflow="fold")
    for name, text in (card.training | {"file": f"{export.file}, {size_of(export.file)}"}).items():
        about.add_row(name, text)
    wide_console().print(about, "", *score_tables(card))
    verbs = (["evaluate"] if card.acting else []) + ["probe --online", "rollout"]
    say("Next:", *(f"simcore {verb} {shell_word(run)}" for verb in verbs))


def size_of(file: Path) -> str:
    """Return the size of a file for display."""
    return mebibytes(file.stat().st_size)


def summary(card: Card | None) -> tuple[str, ...]:
    """Return what the list says about a run, as lines."""
    return () if card is None else (f"{card.level}, {card.core}", f"{card.frames / 1e6:.1f} M frames")


def main_rows(card: Card) -> Iterator[tuple[str, ...]]:
    """Yield the list's rows of a run: a score, the run's mean, and those that it is compared with."""
    if card.acting is not None:
        for name, agent, random in acting_rows(card.acting, intervals=False):
            yield name, agent, "–", "–", random
    if card.belief is not None:
        yield from belief_rows(card.belief, LISTED, intervals=False)


def score_tables(card: Card) -> Iterator[Table]:
    """Yield the tables of all scores of a run."""
    if card.acting is not None:
        title = f"{card.acting.episodes} episodes, with 90 % intervals"
        rows = acting_rows(card.acting, intervals=True)
        yield filled(Table(title=title, caption=" ", **LOOK), ("agent", "random policy"), rows)
    if card.belief is not None:
        title = f"The belief in {card.belief.worlds} held-out worlds, with 90 % intervals"
        read_by: dict[str, list[str]] = {}
        for who, text in card.belief.read_by.items():
            read_by.setdefault(text, []).append(PREDICTORS.get(who, who))
        readers = (f"Read by {text}: {', '.join(names)}." for text, names in read_by.items())
        caption = in_one_line(" ".join((HOW, *readers)))
        rows = belief_rows(card.belief, (*card.belief.left, *card.belief.accuracy), intervals=True)
        yield filled(Table(title=title, caption=caption, **LOOK), [PREDICTORS[who] for who in WHOSE], rows)


def filled(table: Table, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table with rows of a name and a number below each heading."""
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def acting_rows(scores: ActingScores, intervals: bool) -> Iterator[tuple[str, ...]]:
    """Yield rows of episodes: a measure, and its means of the agent and the random policy."""
    for name, of in scores.measures.items():
        form = ".1%" if name == "food" else ".2f"
        yield in_one_line(label(name)), *(shown(of.get(who), form, intervals) for who in ("agent", "random"))


def belief_rows(scores: BeliefScores, names: tuple[str, ...], intervals: bool) -> Iterator[tuple[str, ...]]:
    """Yield rows of a belief: a score, and its means of those in `WHOSE`."""
    for name in names:
        of = scores.left.get(name) or scores.accuracy.get(name)
        if of is None:
            continue
        values = [shown(of.get(who), ".1%", intervals) for who in WHOSE]
        if name in scores.left:
            values[-1] = f"100% = {scores.constant.get(name, float('nan')):.5f}" if intervals else "100.0%"
        yield in_one_line(titled(name)), *values


def titled(name: str) -> str:
    """Return the display name of a score; those of the map's regions stand below that of the whole map."""
    if name.startswith("map_mse_"):
        return f"  {label(name)}"
    return f"{name.removesuffix('_mse')} error left" if name.endswith("_mse") else name.removesuffix("_accuracy")


def shown(mean: Interval | None, form: str, interval: bool) -> str:
    """Return a mean with the reach of its interval to both sides, such as 37.4 ± 1.6%."""
    if mean is None:
        return "–"
    text = f"{mean.mean:{form}}"
    return f"{text.removesuffix('%')} ± {mean.high - mean.mean:{form}}" if interval else text
