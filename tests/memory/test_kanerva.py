"""The Kanerva memory alone: exact inference, and recall; and what its unroll must keep."""

import copy
import doctest
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from simcore.common.tree import leaves, tree_map
from simcore.memory import CoreState, KanervaMemory, KanervaState, RecurrentCore
from simcore.memory.kanerva import write_at
from simcore.memory.ridge import regularised
from small_cores import INPUT, KANERVA, detached, make_core, random

SLOTS, WORD = KANERVA.memory_size, KANERVA.word_size
T, B = 8, 3


@pytest.fixture
def memory() -> KanervaMemory:
    torch.manual_seed(0)
    return KanervaMemory(SLOTS, WORD, noise_variance=0.3, prior_variance=1.7).double()


def written(memory: KanervaMemory, words: Tensor, addresses: Tensor) -> KanervaState:
    state = memory.initial_state(1)
    for word, address in zip(words, addresses, strict=True):
        state = write_at(state, word[None], address[None])
    return state


def test_writes_at_given_addresses_give_the_batch_posterior(memory: KanervaMemory) -> None:
    words, addresses = random(9, WORD), random(9, SLOTS, seed=2)
    state = written(memory, words, addresses)
    precision = torch.eye(SLOTS) / 1.7 + addresses.T @ addresses / 0.3
    covariance = torch.linalg.inv(precision)
    mean = covariance @ (memory.prior_mean / 1.7 + addresses.T @ words / 0.3)
    torch.testing.assert_close(state.covariance[0], covariance)
    torch.testing.assert_close(state.mean[0], mean)


def test_order_does_not_matter_at_fixed_addresses(memory: KanervaMemory) -> None:
    words, addresses = random(9, WORD), random(9, SLOTS, seed=2)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(3))
    state, other = written(memory, words, addresses), written(memory, words[order], addresses[order])
    torch.testing.assert_close(state.mean, other.mean)
    torch.testing.assert_close(state.covariance, other.covariance)


def test_an_address_solves_the_regularised_least_squares_problem(memory: KanervaMemory) -> None:
    state, word = written(memory, random(4, WORD), random(4, SLOTS, seed=2)), random(1, WORD, seed=5)
    address = memory.address(state, word).detach().requires_grad_()
    misfit = (word - (state.mean.mT @ address[..., None])[..., 0]).square().sum()
    ridge = memory.log_noise.exp().item() + kanerva_ridge(state.mean)
    gradient = torch.autograd.grad(misfit + ridge * address.square().sum(), address)[0]
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-9, rtol=0)


def kanerva_ridge(mean: Tensor) -> float:
    return 1e-5 * float(mean.detach().square().sum())


KINDS = ("random", "one again and again", "in three directions", "zero now and then")
SCALES = torch.tensor([1e-2, 1.0, 1000.0])
VARIANCES = torch.tensor([1e-6, 1.0, 100.0], dtype=torch.float64)


def of_kind(kind: str, writes: int) -> Tensor:
    """Words `[writes, 16]`, float32."""
    generator = torch.Generator().manual_seed(1)
    words = torch.randn(writes, 16, generator=generator)
    if kind == "in three directions":
        return torch.randn(writes, 3, generator=generator) @ words[:3]
    if kind == "one again and again":
        return words[:1].expand(writes, -1)
    return words * (torch.arange(writes) % 3 > 0)[:, None] if kind == "zero now and then" else words


@torch.no_grad()
def test_float32_is_float64_over_ten_thousand_writes_at_every_ratio_of_words_to_noise() -> None:
    torch.manual_seed(0)
    single = KanervaMemory(8, 16)
    double = copy.deepcopy(single).double()
    words = torch.stack([of_kind(kind, 10_000) for kind in KINDS], 1)
    words = (words[:, :, None, None] * SCALES[:, None, None]).expand(-1, -1, -1, len(VARIANCES), -1).flatten(1, 3)
    noise = VARIANCES.repeat(len(KINDS) * len(SCALES))
    states = [memory.initial_state(len(noise))._replace(noise=noise) for memory in (single, double)]
    for i, word in enumerate(words):
        states = [memory.write(state, word) for memory, state in zip((single, double), states, strict=True)]
        if i in (0, 1, 7, 8, 100, 1000, 9999):
            ours, right = states
            assert (torch.linalg.eigvalsh(ours.covariance) > 0).all()
            assert torch.equal(ours.covariance, ours.covariance.mT)
            reads = single.read(ours, words[1]), double.read(right, words[1])
            assert reads[0].dtype == torch.float32
            for one, other in (ours.mean, right.mean), (ours.covariance, right.covariance), reads:
                assert ((one - other).flatten(1).norm(dim=1) <= 1e-3 * other.flatten(1).norm(dim=1)).all()


@torch.no_grad()
@pytest.mark.parametrize("noise_variance", [1e-6, 0.01])
def test_the_factor_is_the_square_root_of_the_posterior_at_any_ratio(noise_variance: float) -> None:
    """The reference adds precisions, and nothing is ever subtracted from them."""
    torch.manual_seed(0)
    state = KanervaMemory(SLOTS, WORD, noise_variance).initial_state(1)
    precision = torch.eye(SLOTS, dtype=torch.float64)
    for address in 1000 * random(30, 1, SLOTS):
        state = write_at(state, random(1, WORD), address)
        precision += address.T @ address / noise_variance
        identity = state.factor[0].T @ precision @ state.factor[0]
        torch.testing.assert_close(identity, torch.eye(SLOTS, dtype=torch.float64), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("scale", "noise_variance"), [(1.0, 1e-6), (100.0, 0.01), (1000.0, 1e-6), (1e-2, 100.0)])
@pytest.mark.parametrize("kind", ["random", "one again and again"])
def test_gradients_in_float32_are_those_in_float64(kind: str, scale: float, noise_variance: float) -> None:
    torch.manual_seed(0)
    single = KanervaMemory(8, 16, noise_variance)
    double = copy.deepcopy(single).double()
    found = []
    for memory in (single, double):
        words = (scale * of_kind(kind, 30)).to(memory.prior_mean.dtype).requires_grad_()
        state = memory.initial_state(1)
        for word in words:
            state = memory.write(state, word[None])
        total = memory.read(state, words[3:4]).sum() + scale * state.covariance.square().sum()
        found.append(torch.autograd.grad(total, [words, *memory.parameters()]))
    for one, other in zip(*found, strict=True):
        assert one.isfinite().all()
        assert (one - other).norm() <= 1e-3 * other.norm()


def test_a_state_of_an_earlier_version_goes_on() -> None:
    torch.manual_seed(0)
    memory = KanervaMemory(SLOTS, WORD, noise_variance=0.3)
    with torch.no_grad():
        state = memory.write(memory.initial_state(2), random(2, WORD))
        earlier = KanervaState(state.mean.float(), state.covariance.float(), state.noise.float())
        word = random(2, WORD, seed=3)
        torch.testing.assert_close(memory.read(earlier, word), memory.read(state, word))
        for name in ("mean", "covariance"):
            one, other = (getattr(memory.write(start, word), name) for start in (earlier, state))
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_a_covariance_that_float32_has_spoiled_is_mended() -> None:
    spoiled = torch.diag(torch.tensor([1.0, 1e-3, -1e-8]))[None]
    state = KanervaState.of(torch.ones(1, 3, 2), spoiled, torch.ones(1))
    assert (torch.linalg.eigvalsh(state.covariance) > 0).all()
    torch.testing.assert_close(state.covariance.float(), spoiled, atol=1e-6, rtol=1e-5)


def test_recall_errs_less_the_less_noise_there_is() -> None:
    errors = []
    for noise_variance in (10.0, 1.0, 0.1, 0.01, 0.001):
        torch.manual_seed(0)
        memory = KanervaMemory(16, 32, noise_variance)
        words = torch.randn(8, 32, generator=torch.Generator().manual_seed(1))
        state = memory.initial_state(1)
        for word in words:
            state = memory.write(state, word[None])
        recalled = torch.cat([memory.read(state, word[None]) for word in words])
        errors.append(float((recalled - words).detach().square().mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]


def test_gradients_of_reading_and_writing_are_numerically_right(memory: KanervaMemory) -> None:
    def recall(first: Tensor, second: Tensor, cue: Tensor, *parameters: Tensor) -> Tensor:
        names = [name for name, _ in memory.named_parameters()]
        replaced = dict(zip(names, parameters, strict=True))

        def run(first: Tensor, second: Tensor, cue: Tensor) -> Tensor:
            state = memory.write(memory.write(memory.initial_state(2), first), second)
            return torch.cat([memory.read(state, cue), state.covariance.flatten(1)], -1)

        return functional(memory, replaced, run, first, second, cue)

    tensors = [random(2, WORD, seed=seed).requires_grad_() for seed in (2, 3, 4)]
    assert torch.autograd.gradcheck(recall, (*tensors, *memory.parameters()))


def functional(module: KanervaMemory, parameters: dict[str, Tensor], run, *arguments: Tensor) -> Tensor:
    """Call `run` while the module has other parameters."""
    wrapper = torch.nn.Module()
    wrapper.module = module
    wrapper.forward = run  # type: ignore[method-assign]
    return torch.func.functional_call(wrapper, {f"module.{name}": p for name, p in parameters.items()}, arguments)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_the_solved_matrix_is_never_conditioned_worse_than_promised(scale: float) -> None:
    torch.manual_seed(0)
    memory = KanervaMemory(32, 64, noise_variance=1e-12)
    mean = scale * torch.randn(3, 1, 64) * torch.ones(3, 32, 1)  # all rows alike: of rank one
    gram = mean @ mean.mT
    matrix = regularised(gram, memory.log_noise.exp().expand(3))
    singular = torch.linalg.eigvalsh(matrix.double())
    assert (singular[:, -1] / singular[:, 0] < 1.01 * (1 + 1e5)).all()
    state = memory.initial_state(3)._replace(mean=mean)
    assert memory.read(state, torch.randn(3, 64)).isfinite().all()


def test_autocast_leaves_reading_and_writing_in_float32() -> None:
    torch.manual_seed(0)
    memory = KanervaMemory(SLOTS, WORD)
    word = torch.randn(2, WORD)
    plain = memory.write(memory.initial_state(2), word)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = memory.write(memory.initial_state(2), word)
        assert torch.equal(memory.read(state, word), memory.read(plain, word))
    assert torch.equal(state.mean, plain.mean)


def test_the_example_of_the_documentation_runs() -> None:
    torch.manual_seed(0)
    finder = doctest.DocTestFinder(recurse=False)
    names = {"KanervaMemory": KanervaMemory, "torch": torch}
    for example in finder.find(KanervaMemory, "KanervaMemory", globs=names):
        assert doctest.DocTestRunner().run(example).failed == 0


# The unroll


@pytest.fixture
def core() -> RecurrentCore:
    return make_core(KANERVA)


@pytest.fixture
def is_first() -> Tensor:
    return torch.rand(T, B, generator=torch.Generator().manual_seed(2)) < 0.25


@pytest.mark.parametrize("cut", [1, 4, T - 1])
def test_two_halves_equal_one(core: RecurrentCore, is_first: Tensor, cut: int) -> None:
    inputs = random(T, B, INPUT)
    whole = core(inputs, core.initial_state(B), is_first)
    first = core(inputs[:cut], core.initial_state(B), is_first[:cut])
    second = core(inputs[cut:], detached(first.final), is_first[cut:])
    torch.testing.assert_close(torch.cat([first.outputs, second.outputs]), whole.outputs)
    torch.testing.assert_close(second.final, whole.final)


def test_a_reset_equals_a_fresh_start(core: RecurrentCore) -> None:
    inputs, is_first = random(T, B, INPUT), torch.zeros(T, B, dtype=torch.bool)
    is_first[5] = True
    unrolled = core(inputs, core.initial_state(B), is_first)
    torch.testing.assert_close(unrolled.outputs[5:], core(inputs[5:], core.initial_state(B)).outputs)


def test_a_world_does_not_depend_on_its_neighbours(core: RecurrentCore, is_first: Tensor) -> None:
    inputs = random(T, B, INPUT)
    together = core(inputs, core.initial_state(B), is_first)
    for b in range(B):
        alone = core(inputs[:, b : b + 1], core.initial_state(1), is_first[:, b : b + 1])
        torch.testing.assert_close(alone.outputs[:, 0], together.outputs[:, b])
        torch.testing.assert_close(alone.final.memory.mean[0], together.final.memory.mean[b])


def test_a_simulation_leaves_the_memory_bitwise_as_it_is(core: RecurrentCore) -> None:
    state = detached(core(random(T, B, INPUT), core.initial_state(B)).final)
    before = tree_map(lambda leaf: leaf.clone(), state)
    unrolled = make_core(KANERVA, writes=False)(random(4, B, INPUT), state)
    for leaf, old, new in zip(state.memory, before.memory, unrolled.final.memory, strict=True):
        assert torch.equal(leaf, old)
        assert torch.equal(new, old)


def test_an_unroll_does_not_change_the_state_it_starts_from(core: RecurrentCore, is_first: Tensor) -> None:
    state = detached(core(random(T, B, INPUT), core.initial_state(B)).final)
    before = tree_map(lambda leaf: leaf.clone(), state)
    core(random(T, B, INPUT, seed=7), state, is_first)
    torch.testing.assert_close(state, before, rtol=0, atol=0)


def test_a_second_backward_pass_is_refused(core: RecurrentCore) -> None:
    total = core(random(T, B, INPUT), core.initial_state(B)).outputs.sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="used up by an earlier backward pass"):
        total.backward()


def test_a_reader_has_no_beginning_of_its_own_and_no_resets() -> None:
    reader = make_core(KANERVA, writes=False)
    with pytest.raises(RuntimeError, match="start from another's"):
        reader.initial_state(B)
    state = make_core(KANERVA).initial_state(B)
    with pytest.raises(ValueError, match="neither resets nor snapshots"):
        reader(random(T, B, INPUT), state, torch.zeros(T, B, dtype=torch.bool))


@pytest.mark.parametrize("plain", [False, True])
def test_huge_inputs_and_little_noise_leave_the_unroll_and_its_gradient_finite(plain: bool) -> None:
    core = make_core(replace(KANERVA, noise_variance=1e-6), plain=plain).float()
    inputs = (1e5 * random(60, B, INPUT).float()).requires_grad_()
    unrolled = core(inputs, core.initial_state(B), None, [30])
    gradients = torch.autograd.grad(unrolled.outputs.square().sum(), [inputs, *core.parameters()])
    for leaf in (unrolled.outputs, *leaves(unrolled.final), *leaves(unrolled.snapshots), *gradients):
        assert leaf.isfinite().all()


def test_a_state_of_an_earlier_version_is_restored_from_a_checkpoint(core: RecurrentCore) -> None:
    inputs = random(T, B, INPUT)
    state = detached(core(inputs, core.initial_state(B)).final)
    mean, _, noise = state.memory
    earlier = (state.hidden, state.cell, (mean.float(), state.memory.covariance.float(), noise.float()))
    expected = core(inputs, state).outputs
    for restored in (core.restored(earlier), CoreState(*earlier)):
        torch.testing.assert_close(core(inputs, restored).outputs, expected, atol=1e-5, rtol=1e-5)


def test_autocast_leaves_the_unroll_in_float32() -> None:
    core = make_core(KANERVA).float()
    inputs = random(T, B, INPUT).float()
    plain = core(inputs, core.initial_state(B)).outputs
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(core(inputs, core.initial_state(B)).outputs, plain)


def test_an_unroll_that_is_not_trained_leaves_nothing_behind(core: RecurrentCore) -> None:
    import gc
    import weakref

    gc.disable()
    try:
        unrolled = core(random(T, B, INPUT), core.initial_state(B))
        outputs = weakref.ref(unrolled.outputs)
        del unrolled
        assert outputs() is None, "its record holds the outputs, and they their record"
    finally:
        gc.enable()
