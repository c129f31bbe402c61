"""The catalogue: every entry leads to code, and plug-ins are checked when they are registered."""

import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bench.catalog import algorithms, did_you_mean, environments, find_algorithm, installed, load, missing
from bench.environments.making import action_kind, make, observation_kind
from bench.errors import CatalogError


@pytest.mark.parametrize(
    ("name", "implementation"),
    [(name, other) for name, entry in algorithms().items() for other in entry.implementations],
)
def test_every_algorithm_leads_to_code_in_every_implementation(name: str, implementation: str) -> None:
    entry = find_algorithm(name, implementation)
    assert callable(load(entry.maker))
    assert isinstance(load(entry.implementation), type)
    assert "absent" not in installed(entry.distributions).values()


def test_metadata_of_a_distribution_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "readonce-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: readonce\nVersion: 1.0+cpu\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert installed(["readonce"]) == {"readonce": "1.0"}
    metadata.unlink()
    assert installed(["readonce", "readonce"]) == {"readonce": "1.0"}


@pytest.mark.parametrize("name", environments())
def test_every_environment_is_as_the_catalogue_says(name: str) -> None:
    entry = environments()[name]
    if command := missing(entry):
        pytest.skip(f"{name} is not installed: {command}")
    env, _ = make(name, {})
    assert action_kind(env.action_space) == entry.actions
    assert observation_kind(env.observation_space) == entry.observations
    # The bandit's one-step episodes end by themselves; all others are cut off by their registered limit.
    assert entry.horizon == (1 if name == "bench/Bandit-v0" else env.spec and env.spec.max_episode_steps)
    assert env.has_wrapper_attr("action_masks") == entry.masks
    env.close()


def test_random_actions_return_no_less_than_the_least_that_the_catalogue_declares() -> None:
    least = {name: entry for name, entry in environments().items() if entry.floor is not None}
    assert {"CartPole-v1", "MountainCar-v0", "Acrobot-v1", "Pendulum-v1", "bench/Corridor-v0"} <= least.keys()
    for entry in least.values():
        assert entry.floor is not None
        assert entry.reference is None or entry.floor <= entry.reference.random
        assert entry.ceiling is None or entry.floor < entry.ceiling


def test_no_pole_falls_before_its_eighth_step_whatever_is_done() -> None:
    env = make("CartPole-v1", {})[0].unwrapped

    def steps(start: tuple[float, ...], pushes: tuple[int, ...]) -> int:
        env.reset()
        env.state = np.array(start)  # type: ignore[attr-defined]  # where episodes begin: within 0.05 of upright
        return next((place for place, push in enumerate(pushes, 1) if env.step(push)[2]), len(pushes) + 1)

    corners = list(product((-0.05, 0.05), repeat=4))
    assert min(steps(start, pushes) for start in corners for pushes in product((0, 1), repeat=7)) == 8
    assert min(steps(start, (push,) * 8) for start in corners for push in (0, 1)) == environments()["CartPole-v1"].floor


@pytest.mark.parametrize(
    ("name", "implementation", "tensors"),
    [("sac", "", True), ("sac", "sbx", True), ("ppo", "jax", True), ("random", "", False), ("q_learning", "", False)],
)
def test_what_computes_with_torch_or_jax_can_use_a_gpu(name: str, implementation: str, tensors: bool) -> None:
    assert find_algorithm(name, implementation).tensors is tensors


def test_a_wrong_name_gets_a_suggestion() -> None:
    with pytest.raises(CatalogError, match="did you mean 'ppo'"):
        find_algorithm("pppo")
    with pytest.raises(CatalogError, match="did you mean 'CartPole-v1'"):
        make("CartPol-v1", {})
    assert did_you_mean("entirely different", ["ppo"]) == ""


@pytest.mark.parametrize("wrapper", ["nowhere.Nothing", "NoDot", {"gymnasium.wrappers.TimeLimit": {"steps": 3}}])
def test_a_wrapper_that_cannot_be_applied_is_told(wrapper: object) -> None:
    with pytest.raises(CatalogError, match="cannot be applied"):
        make("CartPole-v1", {}, wrappers=[wrapper])  # type: ignore[list-item]


PLUGIN = """
from bench.catalog import Algorithm, Environment
KINDS = frozenset({{"{actions}"}}), frozenset({{"vector"}})
MINE = Algorithm("{name}", "Mine", "plugin:Mine", "plugin:make", *KINDS, (), True, "")
"""


def with_plugin(folder: Path, name: str = "mine", actions: str = "discrete", value: str = "plugin:MINE") -> str:
    (folder / "plugin.py").write_text(PLUGIN.format(name=name, actions=actions))
    info = folder / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[bench.algorithms]\nmine = {value}\n")
    code = (
        f"import sys; sys.path.insert(0, {str(folder)!r})\n"
        "from bench.catalog import algorithms\nfrom bench.errors import CatalogError\n"
        "try: print(sorted(algorithms()))\nexcept CatalogError as error: print(error)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_a_plugin_is_listed_beside_our_own(tmp_path: Path) -> None:
    found = with_plugin(tmp_path)
    assert "'mine'" in found
    assert "'ppo'" in found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "ppo"}, "the name 'ppo' is taken"),
        ({"actions": "diskrete"}, "unknown action kind 'diskrete'"),
        ({"value": "plugin:PLUGIN_TEXT"}, "cannot be loaded"),
        ({"value": "plugin:Algorithm"}, "is type, not bench.catalog.Algorithm"),
    ],
)
def test_a_plugin_that_does_not_fit_is_named_when_it_is_registered(
    tmp_path: Path, change: dict[str, str], told: str
) -> None:
    found = with_plugin(tmp_path, **change)
    assert told in found
    assert "mine" in found
