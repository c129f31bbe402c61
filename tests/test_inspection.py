"""Environments and learners of somebody else's, met before any trial: what fails is told, and none of it runs here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from bench import pipeline
from bench.environments.making import make
from bench.errors import CatalogError, OutsideError, SuiteError
from bench.pipeline import open_experiment, results, tidy
from bench.pipeline.inspection import inspect, look_at, patience_of, rehearse
from bench.records import Trial
from bench.suite import parse
from bench.which.answer import which
from bench.which.records import Request
from tests.commanding import bench
from tests.making import TOY, run_suite, small_trial, suite_file

HERE = "tests.which_environments:which"
CONFORMANCE = "bench.environments.conformance:bench/Conformance-v0"


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


SOUND = """
import gymnasium as gym, numpy as np
class Sound(gym.Env):
    observation_space, action_space = gym.spaces.Discrete(2), gym.spaces.Discrete(2)
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed); self.t = 0; return 0, {}
    def step(self, action):
        self.t += 1; return self.t % 2, float(action), self.t >= 10, False, {}
"""
REGISTERED = f"{SOUND}\ngym.register('Sound-v0', Sound)\n"


def suite_of(folder: Path, environments: dict[str, str], algorithms: str = "[q_learning]") -> Path:
    lines = [f'  "{name}": {{steps: 400{more}}}' for name, more in environments.items()]
    text = (
        f"seeds: 1\nevaluation: {{points: 1, episodes: 1, final_episodes: 2}}\nalgorithms: {algorithms}\nenvironments:"
    )
    return suite_file(folder, "\n".join([text, *lines]) + "\n")


BROKEN = {
    "raises": "raise ValueError('the module says no')",
    "is_no_python": "def (",
    "exits": "import sys; sys.exit(0)",
    "exits_at_once": "import os; os._exit(0)",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "raises_what_nobody_catches": "raise BaseException('gone')",
    "cannot_say_why": "class Evil(Exception):\n    def __str__(self): raise RuntimeError\nraise Evil",
    "raises_in_making": f"{SOUND}\ndef refuse(): raise KeyError('licence')\ngym.register('Sound-v0', refuse)",
    "exits_in_making": f"{SOUND}\nimport sys\ngym.register('Sound-v0', lambda: sys.exit(0))",
}


def test_every_broken_module_of_a_suite_is_one_sentence_with_its_line(tmp_path: Path) -> None:
    for name, code in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(code)
    path = suite_of(tmp_path, {f"{name}:Sound-v0": "" for name in BROKEN})
    with pytest.raises(SuiteError) as raised:
        open_experiment(path, met=True)
    told = {complaint.message.split("'")[1].partition(":")[0]: str(complaint) for complaint in raised.value.complaints}
    assert set(told) == set(BROKEN)
    for line, (name, sentence) in enumerate(told.items(), start=5):
        assert sentence.startswith(f"{path}:{line}: environments"), name
        assert len(sentence.splitlines()) == 1
    assert "ValueError: the module says no" in told["raises"]
    assert "exited with code 0" in told["exits"]
    assert "SIGSEGV" in told["crashes"]
    assert "KeyError: 'licence'" in told["raises_in_making"]
    assert not set(BROKEN) & set(sys.modules)


def test_a_module_that_prints_much_or_loses_its_output_is_met_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(f"print('x' * 5_000_000)\n{REGISTERED}")
    (tmp_path / "mute.py").write_text(f"import sys\ndel sys.stdout\n{REGISTERED}")
    experiment = open_experiment(suite_of(tmp_path, {"loud:Sound-v0": "", "mute:Sound-v0": ""}), met=True)
    assert {(known.actions, known.observations) for known in experiment.traits.values()} == {("discrete", "discrete")}


def trial_on(environment: str) -> Trial:
    return small_trial("random", environment)


def test_what_hangs_is_ended_and_told_with_how_far_it_came(tmp_path: Path) -> None:
    hang = "import time\nclass Slow(Sound):\n    def {}: time.sleep(1000)\ngym.register('Sound-v0', Slow)\n"
    (tmp_path / "slow_reset.py").write_text(SOUND + hang.format("reset(self, **given)"))
    (tmp_path / "slow_close.py").write_text(SOUND + hang.format("close(self)"))
    (tmp_path / "slow_import.py").write_text("import time; time.sleep(1000)")
    names = ("slow_import", "slow_reset", "slow_close")
    imported, reset, closed = inspect([trial_on(f"{name}:Sound-v0") for name in names], seconds=0.5, patience=8.0)
    assert "'slow_import:Sound-v0': no answer after 8 s while it was made: it hangs" in imported.complaint
    assert "in its first reset or step" in reset.complaint
    assert closed.complaint == ""
    assert closed.traits is not None
    assert closed.traits.troubles[-1] == "close() has not returned after 5 s"


@pytest.mark.parametrize(("limits", "seconds"), [("", 60), ("limits: {stall_minutes: 0.5}", 60),
                                                 ("limits: {stall_minutes: 10}", 600)])  # fmt: skip
def test_a_suite_whose_environments_are_heavy_lets_them_be_silent_for_longer(limits: str, seconds: float) -> None:
    suite = parse(f"algorithms: [random]\nenvironments: {{heavy:World-v0: 100}}\n{limits}\n", "x.yaml")
    assert patience_of(suite) == seconds


SWELLING = """
import time
class Swelling(Sound):
    def step(self, action):
        self.steps = getattr(self, "steps", 0) + 1
        if self.steps == {step}:
            hoard = np.ones(2**27); time.sleep(4)  # a gigabyte, for longer than it takes to be seen
        return super().step(action)
gym.register("Sound-v0", Swelling)
"""


def test_the_suites_limit_of_memory_holds_while_its_environments_and_learners_are_tried(tmp_path: Path) -> None:
    for name, step in {"at_once": 1, "later": 20}.items():
        (tmp_path / f"{name}.py").write_text(SOUND + SWELLING.replace("{step}", str(step)))
    limited = "[random]\nlimits: {memory_gb: 0.5}"
    with pytest.raises(SuiteError, match=r"in its first reset or step: used \d+ MB of memory; its limit is 0.5 GB"):
        open_experiment(suite_of(tmp_path, {"at_once:Sound-v0": ""}, limited), met=True)
    told = "\n".join(open_experiment(suite_of(tmp_path, {"later:Sound-v0": ""}, limited), met=True).plan.warnings)
    assert re.search(r"while random actions were played: used \d+ MB of memory; its limit is 0.5 GB", told)
    (found,) = rehearse([trial_on("at_once:Sound-v0")], memory_gb=0.5)
    assert re.search(r"learner: its process ended .*: used \d+ MB of memory; its limit is 0.5 GB", found.complaint)


def test_an_environment_may_start_processes_as_it_may_in_a_trial(tmp_path: Path) -> None:
    # multiprocessing forbids it to daemonic processes.
    started = "import multiprocessing as mp, time\nclass Parent(Sound):\n    def __init__(self):\n"
    started += (
        "        self.child = mp.get_context('fork').Process(target=time.sleep, args=(60,)); self.child.start()\n"
    )
    (tmp_path / "parent.py").write_text(f"{SOUND}{started}gym.register('Sound-v0', Parent)\n")
    assert look_at("parent:Sound-v0", steps=50).steps == 50


def test_what_an_environment_prints_is_not_heard_here(capfd: pytest.CaptureFixture[str]) -> None:
    assert look_at(f"{HERE}/Talkative-v0", steps=400).episodes == 10
    assert "a new episode" not in capfd.readouterr().out


def test_a_failure_in_play_leaves_no_traits_to_rest_advice_on() -> None:
    with pytest.raises(CatalogError, match=r"fails after 100 random steps: RuntimeError: .*toy\.py:\d+"):
        look_at("bench.environments.toy:bench/Crash-v0", steps=500)
    with pytest.raises(CatalogError, match=r"bench/Segfault-v0'.*while random actions were played: killed by SIGSEGV"):
        look_at("bench.environments.toy:bench/Segfault-v0", steps=500)


def test_an_environment_that_fails_later_than_at_once_is_run_with_a_warning(tmp_path: Path) -> None:
    names = {f"bench.environments.toy:bench/{name}-v0": ", kwargs: {after: 5}" for name in ("Crash", "Segfault")}
    experiment = open_experiment(suite_of(tmp_path, names), met=True)
    assert len(experiment.plan.trials) == 2
    told = "\n".join(experiment.plan.warnings)
    assert "bench/Crash-v0' fails after 5 random steps" in told
    assert "bench/Segfault-v0': its process ended while random actions were played: killed by SIGSEGV" in told


def test_what_an_environment_says_need_be_no_text_and_is_told(tmp_path: Path) -> None:
    raising = "class Odd(Sound):\n    def step(self, action):\n"
    raising += "        if self.t == 5: raise OSError('\\udc80 \\0 \\x1b[2J gone')\n"
    raising += "        return super().step(action)\ngym.register('Sound-v0', Odd)\n"
    (tmp_path / "odd.py").write_text(SOUND + raising)
    told = "\n".join(open_experiment(suite_of(tmp_path, {"odd:Sound-v0": ""}), met=True).plan.warnings)
    assert "'odd:Sound-v0' fails after 5 random steps: OSError: ? \0 \x1b[2J gone" in told


def test_an_environment_that_cannot_be_closed_is_run_with_a_warning(tmp_path: Path) -> None:
    closing = "class Unclosed(Sound):\n    def close(self): raise OSError('gone')\ngym.register('Sound-v0', Unclosed)\n"
    (tmp_path / "unclosed.py").write_text(SOUND + closing)
    experiment = open_experiment(suite_of(tmp_path, {"unclosed:Sound-v0": ""}, "[random, q_learning]"), met=True)
    assert any("close() fails, which trials survive: OSError: gone" in one for one in experiment.plan.warnings)
    jobs = pipeline.prepare(experiment, pipeline.RunOptions(workers=2, devices="cpu"))
    assert pipeline.run(experiment, jobs, lambda _event: None).done == 2


def test_spaces_are_those_under_the_cells_own_arguments_and_wrappers(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import gymnasium as gym, numpy as np\nclass Two(gym.ActionWrapper):\n    def __init__(self, env):\n"
        "        super().__init__(env); self.action_space = gym.spaces.Discrete(2)\n"
        "    def action(self, action): return np.array([2.0 * action - 1.0], np.float32)\n"
    )
    algorithms = "[{name: dqn, hyperparameters: {env_wrapper: own.Two}}, a2c, {name: dqn, label: bare}]"
    path = suite_of(tmp_path, {CONFORMANCE: ", kwargs: {continuous: true}"}, algorithms)
    assert complaints(path) == {3: f"algorithms.2: dqn wants discrete actions, {CONFORMANCE} has continuous ones"}
    path.write_text(f"skip_incompatible: true\n{path.read_text()}")
    told = json.loads(bench("validate", path, "--json", cwd=tmp_path).stdout)
    assert {cell["label"] for cell in told["cells"]} == {"dqn", "a2c"}
    assert [skip["label"] for skip in told["skips"]] == ["bare"]


def complaints(path: Path) -> dict[int, str]:
    """Return what `bench validate` says is wrong, up to the hint, by line; the last where a line has several."""
    done = bench("validate", path, cwd=path.parent)
    assert done.returncode == 2, done.stderr
    said = [line.removeprefix(f"{path}:").partition(": ") for line in done.stderr.splitlines()[:-1]]
    return {int(line): told.partition(";")[0] for line, _, told in said}


LEARNERS = """
import gymnasium as gym, numpy as np, torch
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
class Extractor(BaseFeaturesExtractor):
    def __init__(self, space, features_dim=8):
        super().__init__(space, features_dim); self.net = torch.nn.Linear(space.shape[0], features_dim)
    def forward(self, x): return self.net(x)
class Policy(ActorCriticPolicy): pass
class Buffer(ReplayBuffer): pass
"""


def test_classes_named_in_settings_are_imported_and_what_cannot_work_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LEARNERS)
    good = {
        "extractor": "policy_kwargs: {features_extractor_class: mine.Extractor, activation_fn: torch.nn.ReLU}",
        "policy": "policy: mine.Policy, policy_kwargs: {optimizer_class: torch.optim.SGD}",
    }
    bad = {
        "no-extractor": "policy_kwargs: {features_extractor_class: mine.Extracter}",
        "no-module": "policy: nowhere_at_all.Policy",
        "no-activation": "policy_kwargs: {activation_fn: nn.RELU}",
        "convolutions": "policy: CnnPolicy",
    }
    entries = [
        f"  - {{name: a2c, label: {name}, hyperparameters: {{{given}}}}}" for name, given in {**good, **bad}.items()
    ]
    entries.append("  - {name: dqn, hyperparameters: {replay_buffer_class: mine.Buffer, learning_starts: 10}}")
    entries.append("  - {name: dqn, label: wrapped, hyperparameters: {env_wrapper: nowhere_at_all.Wrapper}}")
    path = suite_of(tmp_path, {"CartPole-v1": ""}, "\n" + "\n".join(entries))
    told = complaints(path)
    # The first entry stands in line 4.
    assert sorted(told) == [6, 7, 8, 9, 11]
    assert "there is no class 'mine.Extracter'" in told[6]
    assert "class 'nowhere_at_all.Policy' cannot be imported: ModuleNotFoundError" in told[7]
    assert "there is no class 'nn.RELU'" in told[8]
    assert "wrapper 'nowhere_at_all.Wrapper' cannot be applied" in told[11]


PICTURES = """
import gymnasium as gym, numpy as np
from gymnasium import spaces
class Shown(gym.Env):
    action_space = spaces.Discrete(2)
    def __init__(self, kind):
        number = spaces.Box(-1, 1, (2,), np.float32)
        self.observation_space = {
            "small": spaces.Box(0, 255, (2, 2, 3), np.uint8), "floats": spaces.Box(0, 1, (5, 5, 3), np.float32),
            "mixed": spaces.Dict({"a": spaces.Discrete(3), "b": number}),
            "pair": spaces.Tuple((spaces.Discrete(3), number)),
            "nested": spaces.Dict({"a": spaces.Dict({"b": number})}),
        }[kind]
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed); self.observation_space.seed(seed); self.t = 0
        return self.observation_space.sample(), {}
    def step(self, action):
        self.t += 1; return self.observation_space.sample(), float(action), self.t >= 10, False, {}
for kind in ("small", "floats", "mixed", "pair", "nested"):
    gym.register(f"{kind.title()}-v0", Shown, kwargs={"kind": kind})
"""


def test_observations_that_no_network_takes_are_told_and_arrays_of_three_axes_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(PICTURES)
    names = dict.fromkeys((f"shown:{kind}-v0" for kind in ("Small", "Floats", "Mixed", "Pair", "Nested")), "")
    scaled = "{name: a2c, label: scaled, hyperparameters: {normalize: true}}"
    path = suite_of(tmp_path, names, f"[a2c, {scaled}]")
    *told, count = bench("validate", path, cwd=tmp_path).stderr.splitlines()
    # Scaled numbers are no picture any more, so the small one is refused to a2c alone.
    assert (
        sum("shown:Small-v0: images of shape (2, 2, 3) are too small for the convolutions" in one for one in told) == 1
    )
    assert sum("shown:Mixed-v0: ValueError: VecNormalize only supports" in one for one in told) == 1
    assert sum("composite observations" in one for one in told) == 4
    assert count == "6 complaints; nothing was run"


def test_what_went_well_is_met_once_until_its_code_changes(tmp_path: Path) -> None:
    counted = "from pathlib import Path\nwith Path('imports').open('a') as file: file.write('x')\n"
    (tmp_path / "counted.py").write_text(counted + REGISTERED)
    path = suite_of(tmp_path, {"counted:Sound-v0": ""})

    def imports() -> int:
        open_experiment(path, met=True)
        return len((tmp_path / "imports").read_text())

    # Once for the environment and once for the learner.
    assert [imports(), imports()] == [2, 2]
    (tmp_path / "counted.py").write_text(counted + REGISTERED.replace("10", "20"))
    assert [imports(), imports()] == [4, 4]
    for file in (tmp_path / "cache").rglob("*.json"):
        file.write_text('{"traits": 3}')
    assert imports() == 6
    os.environ["XDG_CACHE_HOME"] = str(path)
    assert imports() == 8


TRACE = f"from pathlib import Path\nPath('was_here').touch()\n{REGISTERED}"


def test_reading_results_runs_no_code(tmp_path: Path) -> None:
    run_suite(suite_file(tmp_path, TOY.replace("seeds: 3", "seeds: 5")), tmp_path / "results")
    (tmp_path / "trace.py").write_text(TRACE)
    folder = tmp_path / "results" / "small"
    own = (
        "[{name: a2c, hyperparameters: {policy: trace.Policy, policy_kwargs: {activation_fn: trace.Act}}}, q_learning,"
    )
    named = TOY.replace("[q_learning,", own).replace(
        "  bench/Bandit", '  "trace:Sound-v0": {steps: 100}\n  bench/Bandit'
    )
    (folder / "suite.yaml").write_text(named)
    experiment = open_experiment(folder)
    assert len(pipeline.status(experiment)) == 4 * 3
    results.estimates(experiment)
    tidy.export(experiment, tmp_path / "tables", "csv")
    asked = Request("bench/Corridor-v0", steps=300, results=tmp_path / "results", to=tmp_path / "which.yaml")
    assert which(asked).advice.level == "same"
    reading = (
        ("status", folder),
        ("report", folder, "--format", "md"),
        ("compare", "q_learning", "random", "--in", folder),
    )
    for words in reading:
        done = bench(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert not (tmp_path / "was_here").exists()
    assert "trace" not in sys.modules


REFERENCE = ", reference: {random: 5, target: 10}"


def test_what_was_found_is_kept_beside_the_results_and_is_enough_to_read_them(tmp_path: Path) -> None:
    (tmp_path / "gone.py").write_text(REGISTERED)
    text = suite_of(tmp_path, {"gone:Sound-v0": REFERENCE}, "[q_learning, softmax_reinforce, sac, random]").read_text()
    path = suite_file(tmp_path, f"skip_incompatible: true\n{text.replace('seeds: 1', 'seeds: 5')}")
    experiment = open_experiment(path, results=tmp_path / "results", met=True)
    jobs = pipeline.prepare(experiment, pipeline.RunOptions(workers=2, devices="cpu"))
    assert pipeline.run(experiment, jobs, lambda _event: None).done == 15
    (tmp_path / "gone.py").unlink()
    again = open_experiment(tmp_path / "results" / "small")
    assert again.traits["q_learning", "gone:Sound-v0"].actions == "discrete"
    assert [skip.label for skip in again.plan.skips] == ["sac"]
    asked = Request("bench/Bandit-v0", steps=300, results=tmp_path / "results", to=tmp_path / "which.yaml")
    near = {one.environment for one in which(asked).advice.likenesses}
    assert "gone:Sound-v0" in near
    (tmp_path / "results" / "small" / "inspected.json").write_text('{"inspected": [{"task": 3}]}')
    assert open_experiment(tmp_path / "results" / "small").traits["sac", "gone:Sound-v0"].actions == ""
    assert any("gone:Sound-v0 are not used: what it is like was not kept" in note for note in which(asked).notes)


def command(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    # -P: the working directory is not on the path of itself, as for an installed `bench`.
    line = [sys.executable, "-P", "-m", "bench.cli", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd)


def test_json_holds_nothing_that_an_environment_prints(tmp_path: Path) -> None:
    noise = "import os\nprint('engine built today', flush=True)\nos.write(1, b'and from C')\n"
    (tmp_path / "noisy.py").write_text(noise + REGISTERED)
    path = suite_of(tmp_path, {"noisy:Sound-v0": ""})
    assert json.loads(command("validate", path, "--json", cwd=tmp_path).stdout)["trials"] == 1
    run = command("run", path, "--json", "--no-report", cwd=tmp_path)
    assert [json.loads(line)["event"] for line in run.stdout.splitlines()][-1] == "summary", run.stderr
    assert run.returncode == 0
    (log,) = (tmp_path / "results").rglob("log.txt")
    assert "engine built today" in log.read_text()


def test_discrete_spaces_are_counted_from_zero_whatever_they_start_at() -> None:
    env, totals = make(f"{HERE}/FromMinusOne-v0", {})
    assert env.action_space == spaces.Discrete(3)
    assert env.observation_space == spaces.Dict({"last": spaces.Discrete(3), "twice": spaces.MultiDiscrete([3, 3])})
    env.reset(seed=0)
    seen = [env.step(action)[0] for action in (0, 2, 0)]
    # Actions 0 and 2 are -1 and 1 in there; -1 pays.
    assert totals.total == 2.0
    assert [int(one["last"]) for one in seen] == [0, 2, 0]
    assert [one["twice"].tolist() for one in seen] == [[0, 0], [2, 2], [0, 0]]
    assert all(env.observation_space.contains(one) for one in seen)


@pytest.mark.parametrize(
    ("environment", "kwargs", "inside", "outside"),
    [
        ("CartPole-v1", {}, [0, np.int64(1)], [2, -1, np.int64(5)]),
        ("Pendulum-v1", {}, [[2.0], np.array([-2.0001], np.float32)], [[2.1], [np.nan], [0.0, 0.0]]),
        (f"{HERE}/MaskedTwice-v0", {}, [np.array([1, 0])], [np.array([3, 0]), np.array([0, -1])]),
    ],
)
def test_an_action_outside_the_space_ends_the_trial_by_name(
    environment: str, kwargs: dict[str, Any], inside: list[Any], outside: list[Any]
) -> None:
    env, _ = make(environment, kwargs)
    env.reset(seed=0)
    for action in inside:
        env.step(action)
    for action in outside:
        with pytest.raises(OutsideError, match="is outside the action space"):
            env.step(action)
