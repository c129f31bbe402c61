"""The scripts of benchmarks/, as modules."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def script(name: str) -> ModuleType:
    """Return benchmarks/NAME.py as a module of another name than any installed package has."""
    own = f"benchmarks_{name}"
    specification = spec_from_file_location(own, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = module_from_spec(specification)
    sys.modules[own] = module  # Its dataclasses look their own module up.
    specification.loader.exec_module(module)
    return module
