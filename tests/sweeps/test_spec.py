"""A sweep's file: what it means, and each way in which it can be wrong as one line."""

import json
import math
import tomllib
from pathlib import Path

import pytest

from simcore.common.errors import UserError
from simcore.config.run import Config
from simcore.sweeps import Plan, make_plan, parse_spec, read_spec
from simcore.sweeps.draws import Choice, Span
from simcore.sweeps.ranges import TABLE_2, beyond

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").rglob("*.toml"))


def plan_of(text: str) -> Plan:
    return make_plan(parse_spec(tomllib.loads(text)))


def test_an_empty_file_is_the_preset_with_three_seeds() -> None:
    plan = plan_of("")
    assert [run.config.seed for run in plan.runs] == [0, 1, 2]
    assert (plan.metric, plan.worlds) == ("map_mse", 256)
    assert {run.config.preset for run in plan.runs} == {"tiny"}


def test_a_grid_tries_all_with_all_for_each_model_and_seed() -> None:
    plan = plan_of("""
        seeds = [3, 5, 7]
        [fixed]
        learning.updates = 10
        [grid]
        simulation.overshoot = [2, 6]
        "geco.kappa" = [0.1, 0.2, 0.3]
        [[model]]
        name = "LSTM"
        core = "lstm"
        [[model]]
        name = "Kanerva, large"
        core = "kanerva"
        kanerva.memory-size = 64
        learning.updates = 20
    """)
    assert len({run.name for run in plan.runs}) == len(plan.runs) == 3 * 2 * 6
    seen = {
        (run.model, run.config.core, run.config.learning.updates, run.config.kanerva.memory_size) for run in plan.runs
    }
    assert seen == {("LSTM", "lstm", 10, 32), ("Kanerva, large", "kanerva", 20, 64)}
    one = [run for run in plan.runs if run.model == "LSTM" and run.config.seed == 5]
    assert [(run.config.simulation.overshoot, run.config.geco.kappa) for run in one] == [
        (overshoot, kappa) for overshoot in (2, 6) for kappa in (0.1, 0.2, 0.3)
    ]
    assert [run.number for run in one] == list(range(6))
    assert one[4].setting == {"simulation.overshoot": 6, "geco.kappa": 0.2}
    assert plan.runs[-1].name == "Kanerva-large-setting5-seed7"


def test_a_model_may_have_a_grid_of_its_own() -> None:
    plan = plan_of("""
        [grid]
        learning.learning_rate = [1e-4, 2e-4]
        [[model]]
        name = "deterministic"
        [[model]]
        name = "ConvDRAW"
        [model.grid]
        geco.kappa = [0.1, 0.2]
    """)
    count = {
        name: len({run.number for run in plan.runs if run.model == name}) for name in ("deterministic", "ConvDRAW")
    }
    assert count == {"deterministic": 2, "ConvDRAW": 4}


def test_fields_may_be_written_as_sections_or_dotted() -> None:
    texts = (
        "[fixed]\nlearning.updates = 7\nlearning.worlds = 8",
        '[fixed]\n"learning.updates" = 7\n"learning.worlds" = 8',
        "[fixed.learning]\nupdates = 7\nworlds = 8",
        "fixed = { learning = { updates = 7, worlds = 8 } }",
    )
    plans = [plan_of(text) for text in texts]
    assert all(plan == plans[0] for plan in plans)
    assert (plans[0].runs[0].config.learning.updates, plans[0].runs[0].config.learning.worlds) == (7, 8)


DRAWING = """
    samples = 4
    [draw]
    learning.learning_rate = { low = 1e-4, high = 2e-4, log = true }
    learning.beta1 = { low = 0, high = 0.95 }
    agent.hidden_size = { low = 512, high = 1024 }
    core = { choices = ["lstm", "slots", "kanerva"] }
    [[model]]
    name = "a"
    [[model]]
    name = "b"
    frame_model = "convdraw"
"""


def test_draws_are_those_of_any_other_time_and_machine() -> None:
    """Settings of a sweep that was begun elsewhere have to come out the same."""
    plan = plan_of(DRAWING)
    settings = {(run.model, run.number): list(run.setting.values()) for run in plan.runs}
    assert [settings["a", number] for number in range(4)] == DRAWN
    assert [settings["b", number] for number in range(4)] == DRAWN
    assert json.dumps(plan.to_dict()) == json.dumps(plan_of(DRAWING).to_dict())


DRAWN = [
    [0.0001254, 0.1385, 908, "slots"],
    [0.0001667, 0.5422, 558, "kanerva"],
    [0.0001478, 0.4579, 1013, "lstm"],
    [0.0001065, 0.5826, 674, "kanerva"],
]


def test_draws_fill_their_span_and_stay_in_it() -> None:
    quantiles = [i / 1000 for i in range(1000)]
    whole = [Span(3, 6, log=False, whole=True).at(u) for u in quantiles]
    assert {value: whole.count(value) for value in set(whole)} == {3: 250, 4: 250, 5: 250, 6: 250}
    log = Span(1e-4, 1e-2, log=True, whole=False)
    assert log.at(0.0) == 1e-4
    assert log.at(0.5) == pytest.approx(1e-3)
    assert all(1e-4 <= log.at(u) <= 1e-2 for u in quantiles)
    rounded = Span(0.123456, 0.123457, log=False, whole=False)
    assert all(0.123456 <= rounded.at(u) <= 0.123457 for u in quantiles), "rounding does not lead out"
    octaves = Span(64, 1024, log=True, whole=True)
    assert (octaves.at(0.0), octaves.at(0.25), octaves.at(math.nextafter(1, 0))) == (64, 128, 1024)
    assert [Choice(("x", "y")).at(u) for u in (0.0, 0.49, 0.5, 0.999)] == ["x", "x", "y", "y"]


def test_table_2() -> None:
    for field in TABLE_2:
        section, key = field.split(".")
        assert hasattr(getattr(Config(), section), key)
        assert beyond(field, getattr(getattr(Config(), section), key)) is None, "the paper preset lies inside"
    assert beyond("learning.learning_rate", 2e-4) is None
    assert beyond("learning.learning_rate", 2.1e-4) == "0.0001 to 0.0002"
    assert beyond("simulation.overshoot", 5) == "1 or 2 or 3 or 6 or 12"
    assert beyond("geco.kappa", 1e9) is None


def test_an_overshoot_may_be_shorter_than_the_frames_modelled() -> None:
    """Table 2 has Lo = 1 and Ng = 2."""
    plan = plan_of('preset = "paper"\n[grid]\nsimulation.overshoot = [1, 2, 12]')
    assert [run.config.simulation.overshoot for run in plan.runs[:3]] == [1, 2, 12]
    assert [run.config.simulation.frames for run in plan.runs[:3]] == [2, 2, 2]


ALL = "beyond_the_paper = true\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("colour = 1", "there is no colour; there are: level, preset, metric"),
        ("[colours]\nx = 1", "there is no colours"),
        ('level = "Nowhere"', "there is no level 'Nowhere'"),
        ('preset = "huge"', "there is no preset 'huge'"),
        ("level = 3", "level must be text, not 3"),
        ('worlds = "many"', "worlds must be a whole number, not 'many'"),
        ("worlds = true", "worlds must be a whole number, not True"),
        ("worlds = 0", "worlds must be 1 or more, not 0"),
        ("seeds = 3", "seeds must be a list, not 3"),
        ("seeds = [0, 1]", "3 seeds at least, not 2; say allow_few_seeds = true"),
        ("seeds = [0, 1, 1]", "different whole numbers"),
        ("seeds = [0, 1, -1]", "different whole numbers"),
        ("seeds = []\nallow_few_seeds = true", "different whole numbers"),
        ("seeds = [0, 1, 3000000000]", "seed must be a whole number from 0 to 2147483647"),
        ('metric = "beauty"', "there is no metric 'beauty'; there are: map_mse"),
        ('metric = "return"', "tiny has no return to choose by; it has: map_mse"),
        ('level = "Food"\nmetric = "map_mse"\n[fixed]\nlearning.probe_times = 0', "tiny has no map_mse to choose by"),
        ("fixed = 3", "fixed must be a table, not 3"),
        ("[fixed]\nlearning.updtes = 3", "[fixed]: there is no field learning.updtes; perhaps learning.updates"),
        ("[fixed]\nkappa = 3", "there is no field kappa; perhaps geco.kappa"),
        ("[fixed]\nlearning = 3", "learning is a section"),
        ("[fixed]\nseed = 3", "seed is said at the top of the file, as seeds"),
        ('[fixed]\nlearning.updates = 3\n"learning.updates" = 4', "names learning.updates twice"),
        ("[fixed]\nlearning.updates = 2.5", "learning.updates must be a whole number from 1 to 1000000000000, not 2.5"),
        ('[fixed]\nlearning.updates = "5"', "learning.updates must be a whole number from 1 to 1000000000000, not '5'"),
        (
            "[fixed]\nlearning.updates = true",
            "learning.updates must be a whole number from 1 to 1000000000000, not True",
        ),
        ("[fixed]\nlearning.updates = [1]", "learning.updates must be a whole number from 1 to 1000000000000, not [1]"),
        ("[fixed]\nsimulation.mask_episode_ends = 1", "simulation.mask_episode_ends must be true or false, not 1"),
        (
            "[fixed]\nagent.encoder_channels = [4.5]",
            "agent.encoder_channels must be a list, each a whole number from 1 to 65536, not [4.5]",
        ),
        ('[fixed]\ncore = "gru"', "gru"),
        ("[fixed]\ngeco.kappa = -1.0", "tiny: geco.kappa must be a finite number from 1e-37 to 1e+37, not -1.0"),
        ("[fixed]\nlearning.learning_rate = 1e-3", "table 2 has 0.0001 to 0.0002; say beyond_the_paper = true"),
        ("[grid]\nsimulation.overshoot = [1, 4]", "simulation.overshoot is 4; table 2 has 1 or 2 or 3 or 6 or 12"),
        ("[grid]\ngeco.kappa = []", "[grid] geco.kappa must be a list of values, not []"),
        ("[grid]\ngeco.kappa = 0.1", "[grid] geco.kappa must be a list of values, not 0.1"),
        ("[grid]\ngeco.kappa = [0.1, 0.1]", "[grid] geco.kappa has a value twice"),
        (
            ALL + "[grid]\nsimulation.overshoot = [2, 40]",
            "tiny with simulation.overshoot = 40: simulation.overshoot is",
        ),
        ("[fixed]\ngeco.kappa = 0.1\n[grid]\ngeco.kappa = [0.1]", "geco.kappa cannot be both fixed and varied"),
        ('[grid]\ngeco.kappa = [0.1]\n[[model]]\nname = "a"\ngeco.kappa = 1.0', "a: geco.kappa cannot be both"),
        ("samples = 2", "samples is for [draw]"),
        ("[draw]\ngeco.kappa = { low = 1.0, high = 2.0 }", "[draw] wants samples = N"),
        ("samples = 2\n[draw]\ngeco.kappa = [0.1]", "[draw] geco.kappa must be { low = .., high = .."),
        ("samples = 2\n[draw]\ngeco.kappa = { low = 1.0 }", "[draw] geco.kappa must be { low = .., high = .."),
        ("samples = 2\n[draw]\ngeco.kappa = { low = 2.0, high = 1.0 }", "low must be below high, not 2.0 and 1.0"),
        ("samples = 2\n[draw]\ngeco.kappa = { low = 0, high = 1, log = true }", "low must be above 0, not 0"),
        ("samples = 2\n[draw]\ngeco.kappa = { low = 1, high = 2, log = 1 }", "log must be true or false, not 1"),
        ("samples = 2\n[draw]\ngeco.kappa = { low = nan, high = 1 }", "nan is no number"),
        ('samples = 2\n[draw]\ngeco.kappa = { low = "a", high = 1 }', "'a' is no number"),
        ("samples = 2\n[draw]\ncore = { choices = [] }", "choices must be a list of values"),
        ("samples = 2\n[draw]\nagent.hidden_size = { low = 512.5, high = 600.5 }", "takes whole numbers alone"),
        ("samples = 2\n[draw]\nlearning.beta1 = { low = 0.0, high = 1.0 }", "learning.beta1 is 1.0; table 2 has 0 to"),
        ("samples = 2\n[draw]\nconvdraw.steps = { choices = [8, 4] }", "convdraw.steps is 4; table 2 has 8"),
        (
            "samples = 2\n[draw]\ngeco.kappa = { low = 1, high = 2 }\n[grid]\ngeco.rate = [0.1]",
            "there is a [grid] or a [draw], not both",
        ),
        ("model = 3", "model must be written [[model]]"),
        ("model = []", "model must be written [[model]]"),
        ("[model]\nname = 'a'", "model must be written [[model]]"),
        ("[[model]]\ncore = 'slots'", "each [[model]] wants a name"),
        ("[[model]]\nname = '..'", "must have a letter or digit, not '..'"),
        ("[[model]]\nname = 'a'\n[[model]]\nname = 'a'", "two models are named a"),
        ("[[model]]\nname = 'a b'\n[[model]]\nname = 'a/b'", "two models are named a-b"),
        ("[[model]]\nname = 'a'\nsimulation.starts = 4", "simulation.starts is 4; table 2 has 6"),
        ("[[model]]\nname = 'none'\nframe_model = 'none'", "none: with --policy walker"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(text: str, what: str) -> None:
    with pytest.raises(UserError) as refusal:
        plan_of(text)
    line = str(refusal.value)
    assert what in line
    assert "\n" not in line


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no file .*gone\.toml"):
        read_spec(tmp_path / "gone.toml")
    with pytest.raises(UserError, match="cannot read"):
        read_spec(tmp_path)
    for data in (b"a = = 1", b"\xff\xfe"):
        (tmp_path / "bad.toml").write_bytes(data)
        with pytest.raises(UserError, match=r"bad.toml is no TOML") as refusal:
            read_spec(tmp_path / "bad.toml")
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_experiments_are_sweeps(path: Path) -> None:
    spec, _ = read_spec(path)
    assert spec.preset == path.parent.name
    assert len(spec.seeds) >= 3
    assert make_plan(spec).runs


@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
def test_the_experiments_cover_what_the_paper_compares(scale: str) -> None:
    names = ("frame_model", "core", "kappa", "overshoot", "weight")
    compared: dict[str, set[object]] = {name: set() for name in names}
    for path in EXPERIMENTS:
        if path.parent.name == scale:
            for run in make_plan(read_spec(path)[0]).runs:
                config = run.config
                compared["frame_model"].add(config.frame_model)
                compared["core"].add(config.core)
                compared["kappa"] |= {config.geco.kappa} if path.stem == "kappa" else set()
                compared["overshoot"] |= {config.simulation.overshoot} if path.stem == "models" else set()
                deterministic = path.stem == "acting" and config.frame_model == "deterministic"
                compared["weight"] |= {config.deterministic.weight} if deterministic else set()
    assert len(compared["weight"]) >= 3
    assert compared["frame_model"] == {"convdraw", "deterministic", "contrastive", "none"}
    assert compared["core"] == {"lstm", "slots", "kanerva"}
    assert len(compared["kappa"]) >= 4
    assert compared["overshoot"] >= {1, 12 if scale == "paper" else 6}


@pytest.mark.parametrize(
    ("field", "ends", "outside"),
    [
        ("learning.learning_rate", (1e-4, 2e-4), (9.9e-5, 2.1e-4)),
        ("reinforcement.entropy_cost", (5e-4, 3e-2), (4e-4, 3.1e-2)),
        ("learning.beta1", (0.0, 0.95), (0.96,)),
        ("learning.beta2", (0.99, 0.999), (0.98, 0.9999)),
        ("simulation.overshoot", (1, 2, 3, 6, 12), (4, 13)),
        ("learning.unroll_length", (24, 100), (23, 101)),
        ("agent.hidden_size", (512, 1024), (511, 1025)),
    ],
)
def test_the_ranges_are_those_of_table_2(field: str, ends: tuple[float, ...], outside: tuple[float, ...]) -> None:
    assert [beyond(field, value) for value in ends] == [None] * len(ends)
    assert None not in [beyond(field, value) for value in outside]
