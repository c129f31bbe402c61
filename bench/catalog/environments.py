"""The environments the catalogue describes: what is known of each before it is made."""

from __future__ import annotations

import math

from bench.catalog.entries import Environment
from bench.records import Reference

_FEWEST_UPRIGHT = 8.0
"""Steps that CartPole's pole takes at least to fall, whatever is done, from where episodes begin: each pays 1."""
_WORST_SWING = -200 * (math.pi**2 + 0.1 * 8**2 + 0.001 * 2**2)
"""What Pendulum's 200 steps cost at most: the angle, the speed and the torque each at their bound in every step."""


def _registered(random: float, target: float, how: str = "measured by this harness") -> Reference:
    return Reference(random, target, f"random: {how}; target: Gymnasium's registered reward threshold")


def _sentence(name: str, summary: str) -> Environment:
    return Environment(
        f"bench/{name}-v0",
        "discrete",
        "vector",
        12,
        # 3 x (1.5 - 2 x 0.06612): the mean count of a good token, and by how much it passes three.
        Reference(4.1033, 9.0, "exact: the true reward of tokens drawn evenly, and three of each good token"),
        summary=summary,
        ceiling=9.0,
        module="bench.rlhf.environment",
        steps_per_second=40_000,
        apart="it is trained on another reward than the one that counts",
    )


def _minatar(
    game: str, summary: str, steps_per_second: int, reference: Reference | None = None, horizon: int | None = None
) -> Environment:
    return Environment(
        f"bench/MinAtar{game}-v0",
        "discrete",
        "image",
        horizon,
        reference,
        ("gymnasium", "minatar"),
        summary=f"MinAtar: {summary}",
        module="bench.environments.minatar",
        # What is hit or reached pays, and nothing costs.
        floor=0.0,
        steps_per_second=steps_per_second,
        extra="minatar",
        observation_bytes=10 * 10 * 10,
    )


def _atari(game: str) -> Environment:
    return Environment(
        f"{game}NoFrameskip-v4",
        "discrete",
        "image",
        None,
        None,
        ("gymnasium", "ale-py"),
        summary="Atari, a frame a step: wants env_wrapper and frame_stack",
        module="ale_py",
        steps_per_second=1_500,
        extra="atari",
        # As learners have them: four frames after the usual wrapper.
        observation_bytes=84 * 84 * 4,
    )


_MIXES = "exact: equal chances of all actions, and the best stochastic policy of the observation"

# Random returns are those of uniformly random actions: measured by `python benchmarks/random_references.py` (seed 0)
# and rounded to about the standard error, or, where the whole transition table is known, exact by backward induction.
# CliffWalking-v1 has no reference: without a time limit a random walk loses some 70,000; with one, what the limit says,
# so the one with a limit has an id of its own.
# MinAtar's authors show curves without numbers. Where the rules say what a whole task is, that is the target; the other
# three games have none. Atari's games are the seven of Mnih et al. (2013), as RL Zoo names them.
ENVIRONMENTS: tuple[Environment, ...] = (
    Environment(
        "CartPole-v1",
        "discrete",
        "vector",
        500,
        _registered(22.4, 475.0),
        summary="balance a pole",
        # A reward of 1 for each of at most 500 steps.
        ceiling=500.0,
        floor=_FEWEST_UPRIGHT,
        steps_per_second=165_000,
    ),
    Environment(
        "bench/CartPoleNoVelocity-v0",
        "discrete",
        "vector",
        500,
        Reference(22.4, 475.0, "those of CartPole-v1, which it is"),
        summary="balance a pole, velocities hidden",
        module="bench.environments.textbook",
        ceiling=500.0,
        floor=_FEWEST_UPRIGHT,
        steps_per_second=140_000,
        apart="it hides what a memory finds out",
    ),
    Environment(
        "Acrobot-v1",
        "discrete",
        "vector",
        500,
        _registered(-499.0, -100.0),
        lasts="at random",
        summary="swing up two links",
        # Every step costs 1, and the last is free where the goal is reached.
        floor=-500.0,
        steps_per_second=41_000,
    ),
    Environment(
        "MountainCar-v0",
        "discrete",
        "vector",
        200,
        _registered(-200.0, -110.0),
        lasts="at random",
        summary="sparse goal uphill",
        # Every step costs 1.
        floor=-200.0,
        steps_per_second=133_000,
    ),
    Environment(
        "MountainCarContinuous-v0",
        "continuous",
        "vector",
        999,
        _registered(-32.9, 90.0),
        lasts="at random",
        summary="sparse goal uphill, costly actions",
        # 100 at the goal, less what the actions cost.
        ceiling=100.0,
        # An action costs a tenth of its square, which is 1 at most.
        floor=-99.9,
        steps_per_second=100_000,
    ),
    Environment(
        "Pendulum-v1",
        "continuous",
        "vector",
        200,
        Reference(
            -1227.0,
            -150.0,
            "random: measured by this harness; target: about what RL Zoo's tuned agents reach "
            "(its benchmark lists -151 to -172); Gymnasium registers no threshold",
        ),
        lasts="always",
        summary="swing up and hold",
        # Every step costs, or nothing.
        ceiling=0.0,
        floor=_WORST_SWING,
        steps_per_second=125_000,
    ),
    Environment(
        "bench/PendulumAgain-v0",
        "continuous",
        "vector",
        200,
        Reference(-1227.0, -150.0, "those of Pendulum-v1, which it is"),
        lasts="always",
        summary="Pendulum-v1, to stand beside it",
        module="bench.environments.textbook",
        ceiling=0.0,
        floor=_WORST_SWING,
        steps_per_second=125_000,
    ),
    Environment(
        "LunarLander-v3",
        "discrete",
        "vector",
        1000,
        _registered(-186.0, 200.0),
        ("gymnasium", "box2d"),
        summary="land softly",
        steps_per_second=34_000,
    ),
    Environment(
        "LunarLanderContinuous-v3",
        "continuous",
        "vector",
        1000,
        _registered(-217.0, 200.0),
        ("gymnasium", "box2d"),
        summary="land softly, throttled engines",
        steps_per_second=34_000,
    ),
    Environment(
        "BipedalWalker-v3",
        "continuous",
        "vector",
        1600,
        _registered(-98.4, 300.0),
        ("gymnasium", "box2d"),
        summary="walk on two legs",
        steps_per_second=8_000,
    ),
    Environment(
        "BipedalWalkerHardcore-v3",
        "continuous",
        "vector",
        2000,
        _registered(-106.8, 300.0, "as SLM Lab lists it, 100 episodes"),
        ("gymnasium", "box2d"),
        summary="walk over obstacles",
        steps_per_second=7_000,
    ),
    Environment(
        "CarRacing-v3",
        "continuous",
        "image",
        1000,
        None,
        ("gymnasium", "box2d"),
        summary="drive from pixels",
        steps_per_second=300,
        observation_bytes=96 * 96 * 3,
    ),
    Environment(
        "FrozenLake-v1",
        "discrete",
        "discrete",
        100,
        _registered(0.0139, 0.70, "exact"),
        summary="slippery grid, sparse goal",
        # 1 at the goal, once.
        ceiling=1.0,
        floor=0.0,
        steps_per_second=207_000,
    ),
    Environment(
        "CliffWalking-v1",
        "discrete",
        "discrete",
        None,
        None,
        summary="short way along a cliff",
        steps_per_second=200_000,
    ),
    Environment(
        "CliffWalkingSlippery-v1",
        "discrete",
        "discrete",
        None,
        None,
        summary="the cliff on ice",
        steps_per_second=200_000,
    ),
    Environment(
        "bench/FrozenLakeNotSlippery-v0",
        "discrete",
        "discrete",
        100,
        Reference(0.0139, 1.0, "exact, by backward induction: uniformly random actions, and the optimum"),
        summary="the lake without ice: every move as intended",
        module="bench.environments.textbook",
        ceiling=1.0,
        floor=0.0,
        steps_per_second=207_000,
    ),
    Environment(
        "bench/CliffWalking200-v0",
        "discrete",
        "discrete",
        200,
        Reference(-2079.1, -13.0, "exact, by backward induction: uniformly random actions, and the optimum"),
        summary="short way along a cliff, in 200 steps at most",
        module="bench.environments.textbook",
        ceiling=-13.0,
        # The cliff lies beside the start: a fall, which costs 100, in every step.
        floor=-20_000.0,
        steps_per_second=200_000,
    ),
    Environment(
        "Taxi-v4",
        "discrete",
        "discrete",
        200,
        _registered(-771.1, 8.0, "exact"),
        summary="fetch and deliver",
        # Nothing costs more than to pick up or put down in the wrong place: 10.
        floor=-2_000.0,
        steps_per_second=152_000,
    ),
    Environment("Blackjack-v1", "discrete", "composite", None, None, summary="the card game", steps_per_second=150_000),
    Environment(
        "bench/Bandit-v0",
        "discrete",
        "discrete",
        1,
        Reference(0.5, 0.9, "exact: the mean and the best of the arms' success probabilities"),
        lasts="always",
        summary="five Bernoulli arms, one step",
        floor=0.0,
        module="bench.environments.toy",
        steps_per_second=200_000,
    ),
    Environment(
        "bench/Corridor-v0",
        "discrete",
        "discrete",
        50,
        Reference(-0.0696, 0.8891, "exact, by backward induction: uniformly random actions, and the optimum"),
        summary="walk right through a corridor",
        # 0.01 a step.
        floor=-0.5,
        module="bench.environments.toy",
        steps_per_second=200_000,
    ),
    Environment(
        "bench/Point-v0",
        "continuous",
        "vector",
        20,
        Reference(-142 / 15, -4 / 15, "exact: uniformly random actions, and full speed to the middle"),
        lasts="always",
        summary="bring a point to the middle of a line",
        # Every step costs, or nothing; the most where it starts at an end and goes on outwards at full speed.
        ceiling=0.0,
        floor=-218.8,
        module="bench.environments.toy",
        steps_per_second=200_000,
    ),
    Environment(
        "bench/RockPaperScissors-v0",
        "discrete",
        "discrete",
        50,
        Reference(-14.7176, 1.0321, _MIXES),
        lasts="always",
        summary="rock-paper-scissors against one who best-responds",
        # Against rock, with which a win pays 3.
        floor=-150.0,
        module="bench.environments.stochastic",
        steps_per_second=50_000,
        apart="its best policy draws",
    ),
    Environment(
        "bench/MatchingPennies-v0",
        "discrete",
        "discrete",
        50,
        Reference(4.8134, 17.2936, _MIXES),
        lasts="always",
        summary="matching pennies against one who best-responds",
        floor=-50.0,
        module="bench.environments.stochastic",
        steps_per_second=50_000,
        apart="its best policy draws",
    ),
    Environment(
        "bench/AliasedGrid-v0",
        "discrete",
        "discrete",
        50,
        Reference(-0.7277, 0.9, _MIXES),
        summary="a corridor in which two cells look alike",
        # 0.02 a step, and a pit at the end.
        floor=-2.0,
        module="bench.environments.stochastic",
        steps_per_second=300_000,
        apart="its best policy draws",
    ),
    Environment(
        "bench/Keyring-v0",
        "discrete",
        "discrete",
        100,
        Reference(
            0.6,
            0.9,
            "exact, by backward induction: a key drawn from those that fit, and the optimum; "
            "from all forty -0.75, which scores -4.5",
        ),
        summary="ten locks, forty keys, of which masks tell the four that fit",
        masks=True,
        module="bench.environments.masked",
        ceiling=0.9,
        # No door in a hundred steps.
        floor=-1.0,
        steps_per_second=200_000,
        apart="only masks tell which actions fit",
    ),
    _sentence("Sentence", "write a sentence that a reward model likes; RLHF in small"),
    _sentence("SentenceB", "the same, with a reward model of another survey's preferences"),
    _sentence("SentenceC", "the same, with a third survey's"),
    _minatar("Asterix", "collect treasures, dodge enemies", 60_000),
    _minatar(
        "Breakout",
        "bounce a ball, break bricks",
        60_000,
        Reference(0.515, 30.0, "random: measured by this harness; target: the first wall, of 30 bricks, is down"),
    ),
    _minatar("Freeway", "cross a road of eight lanes, again and again", 45_000, horizon=2501),
    _minatar("Seaquest", "shoot, and rescue divers before the air is out", 50_000),
    _minatar(
        "SpaceInvaders",
        "shoot a wave of aliens before it lands",
        20_000,
        Reference(2.79, 24.0, "random: measured by this harness; target: the first wave, of 24 aliens, is shot"),
    ),
    *(_atari(game) for game in ("BeamRider", "Breakout", "Enduro", "Pong", "Qbert", "Seaquest", "SpaceInvaders")),
)
