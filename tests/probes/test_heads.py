"""Probes are made of what a world tells, a head for each target; a head may be a user's own."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from simcore.common.errors import UserError
from simcore.probes import ProbeHead, Probes, ProbesConfig
from simcore.probes.fresh import Examples, train_fresh_probes
from simcore.worlds.api import ProbeTarget
from tinier import tell_map

TARGETS = (
    ProbeTarget("room", "class", (4,)),
    ProbeTarget("place", "vector", (2,)),
    ProbeTarget("plan", "picture", (3, 5, 3)),
)
SMALL = ProbesConfig(hidden_size=32, layers=1, channels=4)

HEAD = """
import torch
from simcore.probes import ProbeHead

class Mean(ProbeHead):
    def __init__(self, config, *, target):
        super().__init__()
        self.answer = torch.nn.Parameter(torch.zeros(target.shape))

    def forward(self, beliefs):
        return self.answer.expand(*beliefs.shape[:-1], *self.answer.shape)

class Other:
    pass
"""


def draw(count: int, seed: int) -> Examples:
    """Beliefs that hold a room and a place outright, and a plan that is grey where the room is 1."""
    generator = torch.Generator().manual_seed(seed)
    room = torch.randint(0, 4, (count,), generator=generator)
    place = 50.0 + 20.0 * torch.randn(count, 2, generator=generator)
    plan = torch.where((room == 1)[:, None, None, None], 128, 0).expand(count, 3, 5, 3).to(torch.uint8)
    beliefs = torch.cat([torch.nn.functional.one_hot(room, 4).float(), place], dim=-1)
    return Examples(beliefs, {"room": room, "place": place, "plan": plan})


def test_heads_of_every_kind_read_what_is_there() -> None:
    torch.manual_seed(0)
    probes = Probes(SMALL, belief_size=6, targets=TARGETS)
    training = ProbesConfig(epochs=20, batch=64, learning_rate=3e-3)
    train_fresh_probes(probes, draw(1024, 1), draw(256, 2), training, torch.Generator().manual_seed(0))
    test = draw(256, 3)
    metrics = probes.loss(test.beliefs, test.targets).metrics
    assert list(metrics) == ["room_accuracy", "place_mse", "plan_mse"]
    assert metrics["room_accuracy"] == 1.0
    assert metrics["place_mse"] < 0.02 * 20.0**2, "whatever the units"
    assert metrics["plan_mse"] < 1e-3
    assert {name: answer.shape for name, answer in probes(test.beliefs[:6].view(2, 3, 6)).items()} == {
        "room": (2, 3, 4),
        "place": (2, 3, 2),
        "plan": (2, 3, 3, 5, 3),
    }


def test_pictures_alone_have_a_weight_and_metrics_have_none() -> None:
    torch.manual_seed(0)
    probes, examples = Probes(SMALL, belief_size=6, targets=TARGETS), draw(8, 1)
    plain, weighed = (probes.loss(examples.beliefs, examples.targets, weight) for weight in (1.0, 3.0))
    assert (weighed.loss - plain.loss).item() == pytest.approx(2 * plain.metrics["plan_mse"].item(), rel=1e-4)
    assert plain.metrics == weighed.metrics


def test_a_vectors_loss_is_the_same_in_any_unit_and_its_score_is_in_its_own() -> None:
    examples, never = draw(64, 1), torch.tensor(False)
    losses, scores = [], []
    for unit in (1.0, 1000.0):
        torch.manual_seed(0)
        probes = Probes(SMALL, belief_size=6, targets=TARGETS[1:2])
        truth = {"place": unit * examples.targets["place"]}
        probes.follow(examples.beliefs, truth, lambda mean: mean, torch.tensor(True))
        assert probes.place.unit.tolist() == [1.0, 1.0], "an update that failed changes nothing"
        probes.follow(examples.beliefs, truth, lambda mean: mean, never)
        found = probes.loss(examples.beliefs, truth)
        losses.append(found.loss.item())
        scores.append(found.metrics["place_mse"].item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert scores[1] == pytest.approx(1e6 * scores[0], rel=1e-4)
    assert losses[0] < 3.0


def test_a_number_that_begins_to_vary_is_learned_and_no_error_is_many_units() -> None:
    """Also one whose rounding varies: 0.1 is no float32."""
    for still in (0.0, 0.1, 1e5):
        torch.manual_seed(0)
        probes = Probes(SMALL, belief_size=6, targets=TARGETS[1:2])
        for update in range(30):
            beliefs = draw(64, update).beliefs
            truth = {"place": torch.full((64, 2), still) + (beliefs[:, 4:] if update >= 20 else 0.0)}
            assert probes.loss(beliefs, truth).loss < 10.0
            probes.follow(beliefs, truth, lambda mean: mean, torch.tensor(False))
        assert probes.place.unit.min() > 1.0


def test_no_answer_changes_while_the_unit_follows_the_vectors() -> None:
    examples, never = draw(64, 1), torch.tensor(False)
    probes = Probes(SMALL, belief_size=6, targets=TARGETS[1:2])
    probes.place.follow(examples.targets["place"], lambda mean: mean, never)
    before = probes.place(examples.beliefs)
    for scale in (3.0, 0.1, 200.0):
        probes.place.follow(scale * examples.targets["place"], lambda mean: mean, never)
    torch.testing.assert_close(probes.place(examples.beliefs), before, rtol=1e-3, atol=1e-2)


def test_a_vectors_probe_of_an_earlier_version_reads_the_same() -> None:
    probes, examples = (Probes(SMALL, belief_size=6, targets=TARGETS) for _ in range(2)), draw(8, 1)
    new, old = probes
    new.begin_at(examples.targets)
    state = new.state_dict()
    unit = new.place.unit
    del state["place.standardise.count"], state["place.standardise.variance"]
    state |= {"place.mean": state.pop("place.standardise.mean"), "place.scale": unit}
    old.load_state_dict(state)
    torch.testing.assert_close(old(examples.beliefs)["place"], new(examples.beliefs)["place"])


def test_where_there_is_no_class_nothing_is_learned_or_scored() -> None:
    probes, examples = Probes(SMALL, belief_size=6, targets=TARGETS[:1]), draw(64, 1)
    room, beliefs = examples.targets["room"], examples.beliefs
    some = {"room": torch.where(torch.arange(64) < 16, room, -1)}
    found, expected = probes.loss(beliefs, some), probes.loss(beliefs[:16], {"room": room[:16]})
    torch.testing.assert_close(found.loss, expected.loss)
    assert found.metrics == expected.metrics
    assert found.weights == {"room_accuracy": 0.25}
    halves = [
        probes.loss(beliefs[part], {"room": some["room"][part]}, 1.0, lambda mean: torch.tensor(0.25))
        for part in (slice(0, 32), slice(32, 64))
    ]
    torch.testing.assert_close((halves[0].loss + halves[1].loss) / 2, expected.loss)
    none = probes.loss(beliefs, {"room": torch.full_like(room, -1)})
    none.loss.backward()
    assert none.loss == 0.0
    assert none.metrics["room_accuracy"].isnan()
    assert not any(parameter.grad.any() for parameter in probes.parameters())
    assert probes.losses(beliefs, some)["room"][16:].eq(0).all()


def test_losses_of_each_belief_have_the_loss_for_their_mean() -> None:
    probes, examples = Probes(SMALL, belief_size=6, targets=(TARGETS[0], TARGETS[2])), draw(64, 1)
    losses = probes.losses(examples.beliefs, examples.targets)
    assert {name: loss.shape for name, loss in losses.items()} == dict.fromkeys(("room", "plan"), (64,))
    total = sum(loss.mean() for loss in losses.values())
    torch.testing.assert_close(total, probes.loss(examples.beliefs, examples.targets).loss)


def test_the_names_in_the_state_dict_are_those_of_old_runs() -> None:
    """Names, order and sizes are an interface: checkpoints and kept probes hold them."""
    probes = Probes(ProbesConfig(hidden_size=4, layers=1, channels=2), belief_size=6, targets=tell_map(3, 8))
    assert {name: tuple(value.shape) for name, value in probes.state_dict().items()} == {
        "standardise.mean": (6,),
        "standardise.variance": (6,),
        "standardise.count": (),
        "map.mean": (3, 3, 3),
        "map.features.0.weight": (4, 6),
        "map.features.0.bias": (4,),
        "map.features.1.weight": (4,),
        "map.features.1.bias": (4,),
        "map.features.3.weight": (18, 4),
        "map.features.3.bias": (18,),
        "map.neighbours.1.weight": (2, 2, 3, 3),
        "map.neighbours.1.bias": (2,),
        "map.neighbours.3.weight": (2, 2, 3, 3),
        "map.neighbours.3.bias": (2,),
        "map.colours.weight": (3, 2, 1, 1),
        "map.colours.bias": (3,),
        "cell.0.weight": (4, 6),
        "cell.0.bias": (4,),
        "cell.1.weight": (4,),
        "cell.1.bias": (4,),
        "cell.3.weight": (9, 4),
        "cell.3.bias": (9,),
        "heading.0.weight": (4, 6),
        "heading.0.bias": (4,),
        "heading.1.weight": (4,),
        "heading.1.bias": (4,),
        "heading.3.weight": (8, 4),
        "heading.3.bias": (8,),
    }


@pytest.fixture
def own_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_probe_heads.py").write_text(HEAD)
    monkeypatch.syspath_prepend(tmp_path)
    return "own_probe_heads"


def test_a_users_head_reads_its_target(own_heads: str) -> None:
    config = ProbesConfig(heads=(f"plan={own_heads}:Mean",), hidden_size=8)
    probes = Probes(config, belief_size=6, targets=TARGETS)
    assert isinstance(probes.plan, ProbeHead)
    assert list(probes.plan.state_dict()) == ["answer"]
    examples = draw(8, 1)
    found = probes.loss(examples.beliefs, examples.targets)
    expected = (examples.targets["plan"] / 255.0).square().mean()
    torch.testing.assert_close(found.metrics["plan_mse"], expected)
    found.loss.backward()
    assert isinstance(probes.plan.answer.grad, Tensor)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("door=class", "names a head for door; the world tells room, place, plan"),
        ("room=mean", "there is no probe head 'mean'; there are: class, vector, picture, and one of yours"),
        ("room=own_probe_heads:Nobody", "the module own_probe_heads has no Nobody"),
        ("room=own_probe_heads:Other", "it must be of the class ProbeHead"),
        ("room=no_such_module:Mean", "there is no module no_such_module"),
    ],
)
def test_a_head_that_there_is_not_is_refused(head: str, message: str, own_heads: str) -> None:
    with pytest.raises(UserError, match=message):
        Probes(ProbesConfig(heads=(head,)), belief_size=6, targets=TARGETS)


@pytest.mark.parametrize(
    ("heads", "message"),
    [
        (("room",), "probes.heads holds 'room'; it must be written target=module:Name"),
        (("=my:Head",), "probes.heads holds '=my:Head'"),
        (("room=class", "room=class"), "gives room more than one head"),
    ],
)
def test_heads_written_otherwise_are_refused(heads: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ProbesConfig(heads=heads)


@pytest.mark.parametrize("name", ["loss", "targets", "standardise", "training"])
def test_a_target_cannot_have_the_name_of_a_part(name: str) -> None:
    with pytest.raises(UserError, match=f"no target can be named {name}"):
        Probes(SMALL, belief_size=6, targets=(ProbeTarget(name, "vector", (2,)),))
