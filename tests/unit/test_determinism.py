import io
import random

import numpy as np
import torch

from rlsys.determinism import group_seed, random_states, sampler_seed, set_random_states


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_random_states_survive_the_disk_and_give_the_same_numbers() -> None:
    draw()
    file = io.BytesIO()
    torch.save(random_states(), file)
    expected = [draw() for _ in range(3)]
    file.seek(0)
    set_random_states(torch.load(file, weights_only=True))
    assert [draw() for _ in range(3)] == expected


def test_a_groups_seed_is_the_same_forever_and_its_own() -> None:
    # The first 62 bits of blake2b-64 of "0 7".
    assert group_seed(0, 7) == 254616099038166887
    seeds = {group_seed(s, g) for s in range(3) for g in range(-500, 500)}
    assert len(seeds) == 3000
    assert all(0 <= seed < 2**62 for seed in seeds)


def test_samplers_draw_numbers_of_their_own_within_what_numpy_takes() -> None:
    seeds = {
        sampler_seed(seed, index, incarnation)
        for seed in (0, 1, 2**31 - 1)
        for index in range(4)
        for incarnation in range(4)
    }
    assert len(seeds) == 3 * 4 * 4
    assert all(0 <= seed < 2**32 for seed in seeds)
