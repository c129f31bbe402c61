"""The recipes of CONTRIBUTING.md, followed to the letter."""

import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()
SUITE = """
name: recipe
seeds: 1
evaluation: {points: 1, episodes: 1, final_episodes: 2}
hyperparameters: default
algorithms: [patient]
environments: {recipe/LongPole-v0: {steps: 250}}
"""


def recipe(name: str) -> str:
    found = re.search(rf"<!-- recipe: {name} -->\n```\w+\n(.*?)```", TEXT, re.DOTALL)
    assert found, name
    return found[1]


def test_an_algorithm_and_an_environment_added_by_recipe_run_in_a_suite(tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(recipe("environment") + recipe("algorithm"))
    info = tmp_path / "recipe-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recipe\nVersion: 1.0\n")
    points = recipe("algorithm entry point") + recipe("environment entry point")
    (info / "entry_points.txt").write_text(
        re.sub(r'\[project\.entry-points\."(.*?)"\]', r"[\1]", points).replace('"', "")
    )
    (tmp_path / "recipe.yaml").write_text(SUITE)
    words = ["run", str(tmp_path / "recipe.yaml"), "--results", str(tmp_path), "--no-report"]
    set_up = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['bench', *{words!r}]"
    code = f"{set_up}\nfrom bench.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 trials done, 0 failed" in done.stdout
