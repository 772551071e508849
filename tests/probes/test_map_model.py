"""ConvDRAW of the map: what it is for, and that the padding which it needs is no part of the map."""

import pytest
import torch
from torch import Tensor

from simcore.analysis.scores import sample_variance
from simcore.frame_models.convdraw import ConvDRAWConfig
from simcore.probes import MapModel

SIZE = 5
DARK, LIGHT = 40, 220


def make_problem(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Make maps of random cells, which of them were seen, and beliefs that hold exactly what was seen."""
    cells = torch.rand(count, SIZE, SIZE, generator=generator) < 0.5
    maps = torch.where(cells, LIGHT, DARK).to(torch.uint8)[..., None].expand(-1, -1, -1, 3).contiguous()
    seen = torch.rand(count, SIZE, SIZE, generator=generator) < 0.5
    known = torch.where(seen, torch.where(cells, 1.0, -1.0), 0.0)
    return maps, seen, torch.cat([seen.float().flatten(1), known.flatten(1)], dim=1)


def make_model(belief_size: int = 2 * SIZE**2, map_size: int = SIZE, kappa: float = 0.02) -> MapModel:
    torch.manual_seed(0)
    sizes = ConvDRAWConfig(2, 4, 16, (), (), 3)
    return MapModel(sizes, belief_size=belief_size, map_size=map_size, kappa=kappa)


def test_samples_differ_where_the_belief_has_not_seen() -> None:
    """Trained for real: cells not seen vary nearly as much as cells do, those seen hardly, and are the true ones."""
    model, generator = make_model(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3, betas=(0.9, 0.99))
    for _ in range(600):
        maps, _, beliefs = make_problem(32, generator)
        terms = model.loss(maps, beliefs, generator)
        optimizer.zero_grad()
        terms.loss.backward()
        optimizer.step()
        model.update(terms.error.detach())
    maps, seen, beliefs = make_problem(256, generator)
    samples = torch.stack([model.sample(beliefs, generator) for _ in range(16)])
    variance = sample_variance(samples, maps, maps.float().mean(0) / 255.0, torch.where(seen, 0, -1))
    assert variance.unseen > 0.6
    assert variance.unseen > 3.0 * variance.seen
    right = (samples > (LIGHT + DARK) / 2)[..., 0] == (maps[..., 0] == LIGHT)
    assert right[:, seen].float().mean() > 0.9
    assert right[:, ~seen].float().mean() < 0.6


@pytest.mark.parametrize(("size", "padded"), [(4, 4), (5, 6), (6, 6)])
def test_maps_of_any_size_come_back_in_their_size(size: int, padded: int) -> None:
    model = make_model(7, size)
    assert model.draw.frame_size == padded
    samples = model.sample(torch.randn(2, 3, 7))
    assert samples.shape == (2, 3, size, size, 3)
    assert samples.dtype == torch.uint8


def test_padding_is_no_part_of_the_map() -> None:
    """KL and error are sums over the padded map divided by the dimensions of the map, and so is κ meant."""
    kappa = 0.02
    model, maps = make_model(kappa=kappa), make_problem(6, torch.Generator().manual_seed(1))[0]
    beliefs = torch.randn(6, 2 * SIZE**2, generator=torch.Generator().manual_seed(2))
    padded = torch.zeros(6, 6, 6, 3, dtype=torch.uint8)
    padded[:, :SIZE, :SIZE] = maps
    terms = model.loss(maps, beliefs, torch.Generator().manual_seed(3))
    raw = model.draw.loss(padded, beliefs, torch.Generator().manual_seed(3))
    for told, whole in ((terms.kl, raw.kl), (terms.error, raw.error)):
        torch.testing.assert_close(told * SIZE**2 * 3, whole.mean() * 6**2 * 3)
    nats = SIZE**2 * 3 * (terms.kl + model.multiplier * (terms.error - kappa))
    torch.testing.assert_close(terms.loss, nats)
    assert model.multiplier == pytest.approx(1 / (4 * kappa))


def test_the_multiplier_aims_at_the_error_of_the_map() -> None:
    kappa = 0.02
    above, below = make_model(kappa=kappa), make_model(kappa=kappa)
    above.update(torch.tensor(1.05 * kappa))
    below.update(torch.tensor(0.95 * kappa))
    assert above.multiplier > 1 / (4 * kappa) > below.multiplier


def test_leading_dimensions_are_any() -> None:
    model, generator = make_model(), torch.Generator()
    maps, _, beliefs = make_problem(6, generator.manual_seed(1))
    flat = model.loss(maps, beliefs, generator.manual_seed(2))
    folded = model.loss(maps.view(2, 3, *maps.shape[1:]), beliefs.view(2, 3, -1), generator.manual_seed(2))
    for one, other in zip(flat, folded, strict=True):
        torch.testing.assert_close(one, other)
