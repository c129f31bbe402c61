"""What steps training environments instead of Gymnasium, and which of its environments are Gymnasium's.

The tests compare every environment named here again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.records import Task

GYMNASIUM = "gymnasium"
"""The name that stands for no other backend."""


@dataclass(frozen=True, slots=True)
class Backend:
    """What steps training environments; evaluation is always Gymnasium's."""

    name: str
    title: str
    maker: str
    """Function that makes a vector environment, `module:attribute`."""
    distribution: str
    """The package, whose version is part of identity."""
    version: str
    """The one that was compared; another may differ."""
    extra: str
    """The optional dependency without which it does not run."""
    differences: Mapping[str, str] = field(hash=False)
    """Environment -> how it differs from Gymnasium's, in words; empty: in nothing. Others have not been compared."""

    def refusal(self, task: Task) -> str:
        """Return why the task is not trained on this backend, in words; empty where it can be."""
        name = task.environment
        if name not in self.differences:
            return f"{self.title} has no {name}, or none that has been compared with Gymnasium's"
        if difference := self.differences[name]:
            return f"{self.title}'s {name} is not Gymnasium's: {difference}"
        if not task.plain:
            return f"{self.title} takes no `kwargs`, `env_wrapper` or `frame_stack`, and {name} has some here"
        return ""


BACKENDS: Mapping[str, Backend] = {
    "envpool": Backend(
        name="envpool",
        title="EnvPool",
        maker="bench.algorithms.pooled:make",
        distribution="envpool",
        version="1.2.5",
        extra="envpool",
        differences={
            **dict.fromkeys(
                (
                    *("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0"),
                    *("FrozenLake-v1", "FrozenLake8x8-v1", "CliffWalking-v1", "CliffWalkingSlippery-v1"),
                    "BipedalWalker-v3",
                ),
                "",
            ),
            **dict.fromkeys(
                ("LunarLander-v3", "LunarLanderContinuous-v3"),
                "its ground is 1 % higher, so that a lander touches it up to a step sooner and rests 0.005 higher on "
                "the pad; until then the same push leads to the same fall",
            ),
            "Pendulum-v1": "at its greatest speed the angle moves on by the speed before it was limited, so that "
            "observations differ by up to 0.05 after one step",
            "Taxi-v4": "it has Taxi-v3 only",
            "Blackjack-v1": "observations are arrays of three numbers, not tuples",
            "BipedalWalkerHardcore-v3": "its obstacles have not been compared",
            "CarRacing-v3": "its images, which another library draws, have not been compared",
        },
    ),
}
