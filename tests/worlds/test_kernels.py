import numpy as np

from simcore.worlds.voxel import kernels
from simcore.worlds.voxel.batch import show
from simcore.worlds.voxel.rng import fork, next_bits, random_between


def test_an_edit_of_any_source_outdates_the_compiled_code():
    assert show._cache._cache_file._source_stamp == kernels._fingerprint()


def test_rng_is_splitmix64():
    rng = np.array([1234567], np.uint64)
    # The first numbers of the reference implementation for this seed.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [int(next_bits(rng)) for _ in range(4)] == expected


def test_random_between_is_even_and_within_its_limits():
    rng = np.array([5], np.uint64)
    counts = np.bincount([random_between(rng, 2, 6) for _ in range(5000)], minlength=7)
    assert counts[:2].sum() == 0
    assert (np.abs(counts[2:] - 1000) < 150).all()


def test_forks_differ():
    seeds = {int(fork(np.uint64(seed), index)) for seed in range(20) for index in range(20)}
    assert len(seeds) == 400
