"""The suites of the repository in, the package's own `bench/suites` out: what pyproject.toml cannot say."""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithSuites(build_py):
    """Builds the package with a copy of the suites, whose one source is the top-level folder."""

    def run(self) -> None:
        """Build, then copy; an editable install reads the top-level folder itself."""
        super().run()
        if not self.editable_mode:
            copytree("suites", Path(self.build_lib, "bench", "suites"), dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithSuites})
