"""CartPole without velocities is CartPole, the keyring pays what backward induction says, and learners meet both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from bench import catalog
from bench.environments.making import make
from bench.environments.masked import FITTING, HORIZON, KEYS, PAY, ROOMS, STEP_COST
from tests.making import carry_out, small_trial

KEYRING, HIDDEN = "bench/Keyring-v0", "bench/CartPoleNoVelocity-v0"


@pytest.mark.parametrize("environment", [KEYRING, HIDDEN])
def test_every_environment_passes_gymnasiums_own_check(environment: str) -> None:
    check_env(make(environment, {})[0].unwrapped, skip_render_check=True)


def test_what_is_seen_of_the_cart_and_the_pole_are_their_positions() -> None:
    whole, hidden = make("CartPole-v1", {})[0], make(HIDDEN, {})[0]
    draws = np.random.default_rng(0)
    seen: list[tuple[Any, ...]] = [(env.reset(seed=4)[0], 0.0, False, False) for env in (whole, hidden)]
    while not seen[0][2]:
        assert seen[1][0].tolist() == [seen[0][0][0], seen[0][0][2]]
        assert seen[0][1:] == seen[1][1:]
        action = draws.integers(2)
        seen = [env.step(action)[:4] for env in (whole, hidden)]
    assert seen[1][2]


def keyrings_value(chance: float) -> float:
    """The return of a policy that tries the right key with this chance, by backward induction."""
    values = np.zeros(ROOMS + 1)
    for _ in range(HORIZON):
        values[:-1] = -STEP_COST + chance * (PAY + values[1:]) + (1 - chance) * values[:-1]
    return float(values[0])


def test_the_keyrings_reference_is_the_exact_random_and_optimal_return() -> None:
    reference = catalog.environments()[KEYRING].reference
    assert reference is not None
    assert reference.random == pytest.approx(keyrings_value(1 / FITTING), abs=5e-5)
    assert reference.target == pytest.approx(keyrings_value(1.0))
    assert keyrings_value(1 / KEYS) == pytest.approx(-0.75, abs=5e-5)


def test_every_lock_opens_by_one_of_the_four_keys_that_its_mask_tells_and_every_key_fits_one_lock() -> None:
    env: Any = make(KEYRING, {})[0]
    env.reset(seed=0)
    total, fitting = 0.0, []
    for room in range(ROOMS):
        fits = np.flatnonzero(env.get_wrapper_attr("action_masks")())
        fitting.extend(fits.tolist())
        opening = int(fits[room % FITTING])
        idle = env.unwrapped.step(np.int64((opening + 1) % KEYS))
        assert (int(idle[0]), idle[1]) == (room, -STEP_COST)
        now, reward, over, _, _ = env.step(np.int64(opening))
        total += float(reward)
        assert (over, int(now)) == (room == ROOMS - 1, min(room + 1, ROOMS - 1))
    assert total == pytest.approx(0.9)
    assert fitting == list(range(KEYS))


def test_maskable_ppo_tries_keys_that_fit_from_the_first_step_on(tmp_path: Path) -> None:
    settings = {"n_steps": 64, "policy_kwargs": {"net_arch": [8]}}
    masked = carry_out(small_trial("maskable_ppo", KEYRING, steps=128, hyperparameters=settings), tmp_path)
    blind = carry_out(small_trial("ppo", KEYRING, steps=128, hyperparameters=settings), tmp_path)
    # What exploring paid on the way; nobody has learned anything yet.
    assert masked.curve.training_returns[-1] > 0 > blind.curve.training_returns[-1]


@pytest.mark.parametrize("algorithm", ["ppo_lstm", "ppo"])
def test_the_hidden_pole_is_learned_from_with_a_memory_and_with_two_observations(
    tmp_path: Path, algorithm: str
) -> None:
    settings: dict[str, Any] = {"n_steps": 32, "batch_size": 32, "policy_kwargs": {"net_arch": [8]}}
    settings |= {"frame_stack": 2} if algorithm == "ppo" else {}
    record = carry_out(small_trial(algorithm, HIDDEN, steps=64, hyperparameters=settings), tmp_path)
    assert record.final.steps == 64
