"""Atari through ale-py, under the wrappers that it is used with: one short run, and what counts as an episode."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from bench.environments.making import make
from bench.records import EvaluationPlan
from bench.runner.evaluation import Evaluator
from tests.making import carry_out, small_trial

needs_atari = pytest.mark.skipif(
    find_spec("ale_py") is None or find_spec("cv2") is None,
    reason="ale-py or OpenCV is not installed: pip install 'bench[atari]'",
)
WRAPPER = "stable_baselines3.common.atari_wrappers.AtariWrapper"
LIVES = "stable_baselines3.common.atari_wrappers.EpisodicLifeEnv"


class Idle:
    """A learner that does nothing but act."""

    def act(self, observations: Sequence[Any], memory: Any, starts: Any, **_: Any) -> tuple[list[int], Any]:
        del memory, starts
        return [0] * len(observations), None


class ThreeLives(gym.Env[Any, Any]):
    """A game of twelve steps, a point each, in which every fourth costs a life."""

    observation_space = spaces.Discrete(13)
    action_space = spaces.Discrete(2)

    def __init__(self) -> None:
        self.steps = 0
        self.ale = SimpleNamespace(lives=lambda: 3 - self.steps // 4)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        super().reset(seed=seed)
        del options
        self.steps = 0
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        del action
        self.steps += 1
        return self.steps, 1.0, self.steps == 12, False, {}


gym.register("tests/ThreeLives-v0", "tests.test_atari:ThreeLives")


def evaluator_of(longest: int) -> Evaluator:
    return Evaluator(lambda: make("tests/ThreeLives-v0", {}, wrappers=[LIVES]), longest=lambda _: longest)


def test_a_lost_life_ends_no_episode_of_an_evaluation() -> None:
    # Twelve points by twelve steps, of which the wrapper takes two itself, to go on after a life.
    played = evaluator_of(1_000).evaluate(Idle(), list(range(40)), deterministic=True)
    assert (played.returns.tolist(), played.lengths.tolist(), played.cut) == ([12.0] * 40, [12] * 40, 0)


def test_a_game_that_was_cut_is_not_gone_on_with_in_the_next_evaluation() -> None:
    evaluator = evaluator_of(6)
    for _ in range(2):
        # Four steps to the first life, one of the wrapper's, and two more.
        played = evaluator.evaluate(Idle(), [1], deterministic=True)
        assert (played.returns.tolist(), played.cut) == ([7.0], 1)


@needs_atari
def test_a_short_run_counts_frames_apart_from_steps(tmp_path: Path) -> None:
    plan = EvaluationPlan(points=1, episodes=1, final_episodes=2, max_episode_steps=20)
    settings = {"env_wrapper": [WRAPPER], "frame_stack": 4, "n_steps": 32, "batch_size": 32, "n_epochs": 1}
    trial = small_trial("ppo", "PongNoFrameskip-v4", steps=64, evaluation=plan, hyperparameters=settings)
    record = carry_out(trial, tmp_path)
    assert record.settings["features_extractor"] == "NatureCNN"
    assert record.final.steps == 64
    # Four frames a step; before the first, one to thirty no-ops and two steps that press the button.
    assert record.frames is not None
    assert 64 * 4 + 2 * 4 + 1 <= record.frames <= 64 * 4 + 2 * 4 + 30
    # An evaluation counts the game's own frames too, here of episodes that were cut after 20 steps.
    assert record.cut_episodes == {"curve": 1, "final": 2, "steps": 20}
    assert (record.final.lengths >= 20 * 4 + 2 * 4 + 1).all()


@needs_atari
def test_breakout_is_evaluated_by_whole_games_whatever_a_life_is_to_training() -> None:
    env, totals = make("BreakoutNoFrameskip-v4", {}, wrappers=[WRAPPER], frame_stack=4)
    evaluator = Evaluator(lambda: (env, totals))
    played = evaluator.evaluate(Idle(), [0], deterministic=True)
    assert played.cut == 0
    assert totals.over
    ale: Any = env.unwrapped
    assert ale.ale.lives() == 0
    assert np.isfinite(played.returns).all()
