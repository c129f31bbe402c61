"""MinAtar's games as images: by hand where the rules allow it, and through the learners that want a small network."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.torch_layers import NatureCNN
from torch import nn

from bench import load_policy
from bench.algorithms import sb3
from bench.algorithms.convolutions import MinAtarCNN
from bench.catalog import environments
from bench.environments.making import make
from bench.records import LearnerRequest
from tests.making import carry_out, played_again, small_trial

needs_minatar = pytest.mark.skipif(
    find_spec("minatar") is None, reason="minatar is not installed: pip install 'bench[minatar]'"
)
BREAKOUT = "bench/MinAtarBreakout-v0"
GAMES = [name for name, entry in environments().items() if entry.extra == "minatar"]
STILL = 0
PADDLE, BALL, TRAIL, BRICKS = range(4)


def still(env: gym.Env[Any, Any], seed: int) -> list[float]:
    """Return the rewards of a game in which nothing is done."""
    env.reset(seed=seed)
    rewards, over = [], False
    while not over:
        _, reward, over, _, _ = env.step(STILL)
        rewards.append(float(reward))
    return rewards


@needs_minatar
def test_a_paddle_that_stands_still_misses_the_ball_or_breaks_one_brick_by_hand() -> None:
    # From the left the ball falls five cells and misses in the sixth step. From the right it meets the paddle in the
    # sixth, flies up by the left wall, meets a brick in the eleventh, and is missed in the sixteenth.
    env, _ = make(BREAKOUT, {"sticky_action_prob": 0.0})
    played = {tuple(still(env, seed)) for seed in range(20)}
    assert played == {(0.0,) * 6, (0.0,) * 10 + (1.0,) + (0.0,) * 5}


@needs_minatar
def test_an_image_has_a_channel_for_every_kind_of_thing() -> None:
    env, _ = make(BREAKOUT, {})
    image, _ = env.reset(seed=0)
    assert (image.shape, image.dtype) == ((4, 10, 10), np.uint8)
    assert np.argwhere(image[PADDLE]).tolist() == [[9, 4]]
    assert np.argwhere(image[BALL]).tolist() in ([[3, 0]], [[3, 9]])
    assert image[TRAIL].tolist() == image[BALL].tolist()
    # Three rows of ten, which are the target of the catalogue's reference.
    assert image[BRICKS, 1:4].tolist() == [[255] * 10] * 3
    assert int((image[BRICKS] == 255).sum()) == 30
    reference = environments()[BREAKOUT].reference
    assert reference is not None
    assert reference.target == 30.0


@needs_minatar
def test_a_wave_of_invaders_is_the_target_of_the_reference() -> None:
    env, _ = make("bench/MinAtarSpaceInvaders-v0", {})
    image, _ = env.reset(seed=0)
    reference = environments()["bench/MinAtarSpaceInvaders-v0"].reference
    assert reference is not None
    assert int((image[1] == 255).sum()) == reference.target == 24.0


@needs_minatar
@pytest.mark.parametrize("name", GAMES)
def test_gymnasium_finds_nothing_wrong_and_a_seed_decides_the_whole_game(name: str) -> None:
    env, _ = make(name, {})
    check_env(env.unwrapped, skip_render_check=True)
    again, _ = make(name, {})
    again.reset(seed=11)
    for _ in range(30):  # another game before it, with another last action
        if again.step(3)[2]:
            again.reset()
    games = []
    for one in (env, again):
        rng = np.random.default_rng(5)
        images, rewards = [one.reset(seed=2**40)[0]], [0.0]
        for _ in range(60):
            image, reward, over, _, _ = one.step(int(rng.integers(6)))
            images.append(image)
            rewards.append(float(reward))
            if over:
                break
        games.append((np.stack(images).tolist(), rewards))
    assert games[0] == games[1]


@needs_minatar
def test_freeway_ends_by_its_own_clock_with_the_step_that_the_catalogue_says() -> None:
    env, totals = make("bench/MinAtarFreeway-v0", {})
    env.reset(seed=0)
    ends = [env.step(STILL)[2:4] for _ in range(2501)]
    assert set(ends[:-1]) == {(False, False)}
    # An end, and no cut, whatever the limit says of the same step.
    assert ends[-1] == (True, True)
    assert totals.length == environments()["bench/MinAtarFreeway-v0"].horizon


@needs_minatar
def test_the_smaller_set_of_actions_is_minatars_own() -> None:
    actions = {name: make(name, {"use_minimal_action_set": True})[0].action_space.n for name in GAMES}  # type: ignore[attr-defined]
    assert list(actions.values()) == [5, 3, 3, 6, 4]
    assert {make(name, {})[0].action_space.n for name in GAMES} == {6}  # type: ignore[attr-defined]


@needs_minatar
def test_a_film_shows_every_cell_and_what_is_nowhere_is_black() -> None:
    env, _ = make(BREAKOUT, {"render_mode": "rgb_array"})
    env.reset(seed=0)
    frame: Any = env.render()
    assert (frame.shape, frame.dtype) == ((240, 240, 3), np.uint8)
    bricks, nothing, paddle = frame[24:96], frame[5 * 24 : 8 * 24], frame[9 * 24 :, 4 * 24 : 5 * 24]
    assert len(np.unique(bricks.reshape(-1, 3), axis=0)) == 1
    assert not nothing.any()
    assert paddle.any()


@needs_minatar
def test_frames_of_images_with_channels_first_are_stacked_along_the_channels() -> None:
    env, _ = make(BREAKOUT, {}, frame_stack=3)
    image, _ = env.reset(seed=0)
    assert image.shape == (12, 10, 10) == env.observation_space.shape
    assert not image[:8].any()
    first = image[8:]
    later = env.step(STILL)[0]
    assert later[4:8].tolist() == first.tolist()
    assert int((later[8 + BRICKS] == 255).sum()) == 30


def test_the_network_of_minatars_authors_has_as_many_weights_as_by_hand() -> None:
    # 16 filters of 3 x 3 over 4 channels with a bias each; 8 x 8 pixels of 16 filters to 128 units with a bias each.
    network = MinAtarCNN(gym.spaces.Box(0, 255, (4, 10, 10), np.uint8))
    assert sum(weights.numel() for weights in network.parameters()) == 16 * (4 * 9 + 1) + 128 * (8 * 8 * 16 + 1)
    kinds = [type(layer) for layer in network.layers]
    assert kinds == [nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear, nn.ReLU]


def learner(name: str, environment: str, **hyperparameters: Any) -> Any:
    trial = small_trial(name, environment, hyperparameters=hyperparameters)
    return sb3.make(LearnerRequest(trial, lambda index: make(environment, {}, seed=index)[0], seed=3))


@needs_minatar
@pytest.mark.parametrize("named", [{}, {"policy": "CnnPolicy"}])
def test_small_images_get_the_small_network_and_nothing_between_it_and_the_outputs(named: dict[str, str]) -> None:
    dqn = learner("dqn", "bench/MinAtarSeaquest-v0", buffer_size=100, **named)
    assert dqn.settings()["features_extractor"] == "MinAtarCNN"
    outputs = [layer for layer in dqn.model.policy.q_net.q_net.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in outputs] == [(128, 6)]
    # Of ten channels of 10 x 10, the first axis is the channels.
    assert dqn.model.observation_space.shape == (10, 10, 10)
    ppo = learner("ppo", BREAKOUT, n_steps=8, batch_size=8, **named)
    assert ppo.model.policy.mlp_extractor.latent_dim_pi == 128
    assert isinstance(ppo.model.policy.action_net, nn.Linear)


@needs_minatar
def test_what_is_said_of_the_network_is_followed() -> None:
    own = {"net_arch": [32], "features_extractor_kwargs": {"features_dim": 64}}
    dqn = learner("dqn", BREAKOUT, buffer_size=100, policy_kwargs=own)
    outputs = [layer for layer in dqn.model.policy.q_net.q_net.modules() if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in outputs] == [(64, 32), (32, 6)]
    flat = learner("dqn", BREAKOUT, buffer_size=100, policy="MlpPolicy")
    assert flat.settings()["features_extractor"] == "FlattenExtractor"


class Picture(gym.Env[Any, Any]):
    """Images of 36 x 36, the smallest that the library's own network takes, and continuous or discrete actions."""

    def __init__(self, side: int = 36, *, continuous: bool = False) -> None:
        self.observation_space = gym.spaces.Box(0, 255, (side, side, 3), np.uint8)
        self.action_space = gym.spaces.Box(-1, 1, (1,)) if continuous else gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        del options
        return np.zeros(self.observation_space.shape or (), np.uint8), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        del action
        return np.zeros(self.observation_space.shape or (), np.uint8), 0.0, True, False, {}


gym.register("tests/Picture-v0", "tests.test_minatar:Picture")
gym.register("tests/SmallPicture-v0", "tests.test_minatar:Picture", kwargs={"side": 35, "continuous": True})


def test_larger_images_keep_the_librarys_network_and_critics_of_actions_their_layers() -> None:
    assert isinstance(learner("a2c", "tests/Picture-v0").model.policy.features_extractor, NatureCNN)
    sac = learner("sac", "tests/SmallPicture-v0", buffer_size=100).model
    assert isinstance(sac.actor.features_extractor, MinAtarCNN)
    # The images come with their channels last, and are turned round.
    assert sac.observation_space.shape == (3, 35, 35)
    assert sac.policy.net_arch == [256, 256]


@needs_minatar
@pytest.mark.parametrize(
    ("name", "settings"),
    [("dqn", {"learning_starts": 20, "buffer_size": 200}), ("ppo", {"n_steps": 32, "batch_size": 32}), ("a2c", {})],
)
def test_images_train_are_evaluated_and_read_back_as_they_were(
    tmp_path: Path, name: str, settings: dict[str, Any]
) -> None:
    record = carry_out(small_trial(name, BREAKOUT, steps=64, hyperparameters=settings), tmp_path)
    assert record.settings["features_extractor"] == "MinAtarCNN"
    assert np.isfinite(record.final.returns).all()
    assert record.frames is None
    assert played_again(load_policy(tmp_path / record.trial.name)) == record.final.returns.tolist()


WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Hiding:
    find_distributions = staticmethod(
        lambda *given: (one for one in PathFinder.find_distributions(*given) if one.name.lower() not in HIDDEN)
    )

    @staticmethod
    def find_spec(name, *given):
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, *given)

HIDDEN = {"minatar", "ale-py", "ale_py"}
sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
from bench import suite
from bench.environments.making import make
from bench.errors import CatalogError
from bench.pipeline.inspection import not_installed
from bench.plan import plan

found = suite.parse(
    "algorithms: [ppo]\\nenvironments:\\n  bench/MinAtarBreakout-v0: {steps: 10_000}\\n"
    "  PongNoFrameskip-v4: {steps: 10_000}\\n",
    "x.yaml",
)
print(*not_installed(found, plan(found).trials), sep="\\n")
try:
    make("bench/MinAtarBreakout-v0", {})
except CatalogError as error:
    print(error)
"""


def test_without_them_the_command_that_installs_games_is_named() -> None:
    told = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    minatar, atari, made = told.stdout.splitlines()
    assert minatar.startswith("x.yaml:3: environments: environment 'bench/MinAtarBreakout-v0'")
    assert minatar.endswith("is not installed; pip install 'bench[minatar]'")
    assert atari.startswith("x.yaml:4: environments: environment 'PongNoFrameskip-v4'")
    assert atari.endswith("is not installed; pip install 'bench[atari]'")
    assert made == "environment 'bench/MinAtarBreakout-v0' is not installed; pip install 'bench[minatar]'"
