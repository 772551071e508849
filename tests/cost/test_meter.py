"""What a meter counts, against closed forms; and that each count is one part's."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simcore.cost import Meter
from simcore.cost.meter import OTHER
from simcore.cost.shapes import hollow, shapes_alone

T, B, INPUTS, UNITS = 7, 3, 10, 16
LSTM = 2 * T * B * 4 * UNITS * (INPUTS + UNITS)


def flop(meter: Meter, backward: bool) -> int:
    return sum(value for kind, value in meter.flop.items() if kind.backward == backward)


@pytest.mark.parametrize("hollowed", [True, False])
@pytest.mark.parametrize(
    ("net", "shape", "expected"),
    [
        (nn.Linear(5, 11), (4, 5), 2 * 4 * 5 * 11),
        (nn.Conv2d(3, 8, 4, stride=2, padding=1), (2, 3, 12, 12), 2 * 2 * 6 * 6 * 8 * 3 * 16),
        (nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1), (2, 8, 6, 6), 2 * 2 * 6 * 6 * 8 * 3 * 16),
        (nn.LSTM(INPUTS, UNITS), (T, B, INPUTS), LSTM),
    ],
    ids=["linear", "convolution", "transposed convolution", "lstm"],
)
def test_a_layer_takes_what_its_formula_says_and_twice_that_on_the_way_back(
    net: nn.Module, shape: tuple[int, ...], expected: int, hollowed: bool
) -> None:
    def run() -> Meter:
        inputs = torch.zeros(shape, requires_grad=True)
        with Meter() as meter:
            outputs = net(inputs)
            (outputs[0] if isinstance(outputs, tuple) else outputs).sum().backward()
        return meter

    if hollowed:
        with shapes_alone():
            hollow(net)
            meter = run()
    else:
        meter = run()
    assert flop(meter, False) == expected
    assert flop(meter, True) == 2 * expected


def test_products_of_every_name() -> None:
    a, b, c = torch.ones(2, 3, 4), torch.ones(2, 4, 5), torch.ones(2, 3, 5)
    product = 2 * 3 * 4 * 5
    gram = torch.eye(6).expand(2, 6, 6)
    cases = [
        (lambda: a @ b, 2 * product),
        (lambda: c.clone().baddbmm_(a, b), 2 * product),
        (lambda: torch.bmm(a, b, out=c.clone()), 2 * product),
        (lambda: torch.addmm(c[0], a[0], b[0]), product),
        (lambda: c[0].clone().addmm_(a[0], b[0]), product),
        (lambda: a[0] @ b[0, :, 0], 2 * 3 * 4),
        (lambda: a[0, 0] @ b[0, :, 0], 2 * 4),
        (lambda: torch.einsum("bij,bjk->bik", a, b), 2 * product),
        (lambda: torch.linalg.cholesky_ex(gram), 2 * 6**3 // 3),
        (lambda: torch.cholesky_solve(torch.ones(2, 6, 3), gram), 2 * 2 * 6**2 * 3),
        (
            lambda: F.embedding_bag(
                torch.zeros(8, 2, dtype=torch.int64), torch.ones(9, 5), mode="sum", per_sample_weights=torch.ones(8, 2)
            ),
            2 * 16 * 5,
        ),
    ]
    for run, expected in cases:
        with Meter() as meter:
            run()
        assert meter.flop.total() == expected


def test_the_way_back_is_booked_to_the_part_whose_way_it_is() -> None:
    first, second = nn.Linear(4, 8), nn.Linear(8, 2)
    with Meter() as meter:
        with meter.part("first"):
            hidden = first(torch.ones(3, 4, requires_grad=True))
        with meter.part("second"):
            outputs = second(hidden)
        loss = (outputs @ torch.ones(2, 1)).sum()
        loss.backward()
    counts = {(kind.part, kind.backward): value for kind, value in meter.flop.items()}
    sizes = {"first": 2 * 3 * 4 * 8, "second": 2 * 3 * 8 * 2, OTHER: 2 * 3 * 2}
    assert counts == {
        **{(part, False): size for part, size in sizes.items()},
        **{(part, True): 2 * size for part, size in sizes.items() if part != OTHER},
        (OTHER, True): sizes[OTHER],  # the constant takes no gradient
    }


def test_bytes_live_and_die() -> None:
    kilo = torch.zeros(256)  # 1024 bytes
    meter = Meter()
    meter.hold([kilo], "weights")
    with meter:
        first = kilo + 1
        second = first.view(2, 128)  # the same storage
        del first
        assert sum(meter.held.values()) == 2048
        third: Tensor = second + second
        del second
        assert sum(meter.held.values()) == 2048
        meter.hold([third], "gradients")
        del third
    assert {held.kind: size for held, size in meter.held.items() if size} == {"weights": 1024}
    assert meter.peak == 3072
    assert meter.most == {"weights": 1024, "activations": 2048, "gradients": 1024}
