"""A trained policy read back does what was recorded, by the harness's reader and by the library's own."""

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from bench import load_policy
from bench.errors import BenchError
from bench.records import Record
from tests.making import carry_out, played_again, small_trial

NORMALISED = {"n_steps": 128, "normalize": True, "n_epochs": 2}
FROZEN = {"epsilon": 1.0, "exploration_fraction": 1.0}


class ByHand:
    """What stable-baselines3's own documentation does with the two files."""

    def __init__(self, folder: Path, environment: str, *, normalised: bool) -> None:
        self.model = PPO.load(folder / "policy.zip", device="cpu")
        plain = DummyVecEnv([lambda: gym.make(environment)])
        self.scale = VecNormalize.load(str(folder / "vecnormalize.pkl"), plain) if normalised else None

    def act(
        self, observations: Any, memory: Any, starts: Any, *, deterministic: bool, masks: Any = None
    ) -> tuple[Any, Any]:
        del memory, starts, masks
        seen: Any = np.stack(observations)
        return self.model.predict(
            seen if self.scale is None else self.scale.normalize_obs(seen), None, None, deterministic
        )[0], None


def trained(
    root: Path, algorithm: str, environment: str, steps: int, settings: Mapping[str, Any]
) -> tuple[Record, Path]:
    trial = small_trial(algorithm, environment, steps=steps, hyperparameters=settings)
    return carry_out(trial, root), root / trial.name


@pytest.fixture(scope="module")
def pendulum(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    """PPO on Pendulum, observations normalised: every digit of a return hangs on every digit of an action."""
    return trained(tmp_path_factory.mktemp("pendulum"), "ppo", "Pendulum-v1", 512, NORMALISED)


def test_a_normalised_policy_gives_the_recorded_returns_to_the_last_bit(pendulum: tuple[Record, Path]) -> None:
    record, folder = pendulum
    assert played_again(load_policy(folder)) == record.final.returns.tolist()


def test_the_librarys_own_readers_give_the_recorded_returns_too(pendulum: tuple[Record, Path]) -> None:
    record, folder = pendulum
    policy = load_policy(folder)
    assert played_again(policy, ByHand(folder, "Pendulum-v1", normalised=True)) == record.final.returns.tolist()
    # The statistics matter: this is what a reader of policy.zip alone gets.
    assert played_again(policy, ByHand(folder, "Pendulum-v1", normalised=False)) != record.final.returns.tolist()


@pytest.mark.parametrize(
    ("algorithm", "environment", "settings"),
    [
        ("a2c", "CartPole-v1", {"frame_stack": 2, "env_wrapper": "tests.test_trial.TenfoldReward"}),
        ("q_learning", "FrozenLake-v1", {}),
        ("softmax_reinforce", "bench/Corridor-v0", {}),
        ("random", "bench/Bandit-v0", {}),
    ],
)
def test_stacked_frames_tables_and_the_random_policy_play_as_recorded(
    tmp_path: Path, algorithm: str, environment: str, settings: dict[str, Any]
) -> None:
    record, folder = trained(tmp_path, algorithm, environment, 300, settings)
    again = played_again(load_policy(folder))
    # The random policy's stream went on through the evaluations before the last; its episodes are samples of the same.
    assert len(again) == 3 if algorithm == "random" else again == record.final.returns.tolist()


def test_predict_plays_an_episode_the_way_stable_baselines3_does(pendulum: tuple[Record, Path]) -> None:
    _, folder = pendulum
    policy = load_policy(folder)
    environment = policy.make_environment()
    observation, _ = environment.reset(seed=1)
    action, state = policy.predict(observation)
    assert state is None
    assert environment.step(action)[0].shape == (3,)
    batch, _ = policy.predict(np.stack([observation, observation + 1]))
    assert batch.shape == (2, 1)
    assert batch[0].tolist() == pytest.approx(action.tolist())
    environment.close()


def test_predict_carries_the_memory_of_a_recurrent_policy(tmp_path: Path) -> None:
    _, folder = trained(tmp_path, "ppo_lstm", "CartPole-v1", 64, {"n_steps": 32, "batch_size": 32})
    policy = load_policy(folder)
    seen = np.full(4, 0.5, dtype=np.float32)
    _, fresh = policy.predict(seen, episode_start=True)
    _, later = policy.predict(seen, fresh, episode_start=False)
    _, again = policy.predict(seen, later, episode_start=True)
    assert not np.array_equal(fresh[0], later[0])
    assert np.array_equal(fresh[0], again[0])


def test_predict_of_a_table_takes_the_best_entry_of_one_state_or_of_many(tmp_path: Path) -> None:
    _, folder = trained(tmp_path, "q_learning", "FrozenLake-v1", 50, {})
    table = np.zeros((16, 4))
    table[3, 2], table[5, 1] = 1.0, 1.0
    with zipfile.ZipFile(folder / "policy.zip", "w") as archive, archive.open("table.npy", "w") as file:
        np.lib.format.write_array(file, table)
    policy = load_policy(folder)
    assert policy.predict(3)[0] == 2
    assert policy.predict(np.array([5, 3, 0]))[0].tolist() == [1, 2, 0]
    # Epsilon after the last step of training: 0.05, of which a quarter falls on the best of four actions.
    assert policy.policy.probabilities(3).tolist() == pytest.approx([0.0125, 0.0125, 0.9625, 0.0125])  # type: ignore[attr-defined]


def test_a_folder_without_a_policy_is_told_with_what_to_do(tmp_path: Path) -> None:
    record, folder = trained(tmp_path / "mine" / "trials", "q_learning", "FrozenLake-v1", 50, {})
    (tmp_path / "mine" / "suite.yaml").touch()
    (folder / "policy.zip").unlink()
    with pytest.raises(BenchError, match=r"holds no policy.zip: .*bench run .*mine/suite.yaml --only q_learning@Fro"):
        load_policy(folder)
    with pytest.raises(BenchError, match="the folder of a whole suite; name a trial's folder"):
        load_policy(tmp_path / "mine")
    with pytest.raises(BenchError, match="no finished trial"):
        load_policy(tmp_path)
    assert record.trial.seed == 0


def test_a_damaged_or_earlier_archive_is_refused_with_a_sentence(pendulum: tuple[Record, Path], tmp_path: Path) -> None:
    folder = tmp_path / pendulum[1].name
    shutil.copytree(pendulum[1], folder)
    with zipfile.ZipFile(folder / "policy.zip", "a") as archive:
        archive.writestr("normalization.npz", b"")
    with pytest.raises(BenchError, match=r"written by an earlier version.* train it again elsewhere: bench run"):
        load_policy(folder)
    os.truncate(folder / "policy.zip", 100)
    with pytest.raises(BenchError, match="the policy cannot be read: BadZipFile"):
        load_policy(folder)
    failure = {
        "kind": "killed",
        "message": "",
        "traceback": "",
        "attempt": 1,
        "seconds": 1.0,
        "steps": 1,
        "peak_memory_mb": None,
        "provenance": {},
    }
    told = json.loads((folder / "trial.json").read_text())
    (folder / "trial.json").unlink()
    (folder / "failure.json").write_text(json.dumps({"protocol": 1, "trial": told["trial"], **failure}))
    with pytest.raises(BenchError, match=r"this trial failed \(killed\)"):
        load_policy(folder)
