"""Random streams: derived, disjoint, and the same everywhere."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from bench.runner.seeds import Role, evaluation_seeds, seed

ROLES: tuple[Role, ...] = ("learner", "training", "evaluation", "tuning")


def test_a_seed_is_the_first_31_bits_of_the_hash_of_role_and_key() -> None:
    digest = hashlib.sha256(b'["learner", "ppo", "CartPole-v1", 3]').hexdigest()
    assert seed("learner", "ppo", "CartPole-v1", 3) == int(digest[:8], 16) // 2


@given(st.lists(st.one_of(st.text(max_size=8), st.integers(0, 10**6)), max_size=4))
def test_the_same_key_gives_another_seed_in_every_role(key: list[str | int]) -> None:
    assert len({seed(role, *key) for role in ROLES}) == len(ROLES)


def test_the_streams_of_a_whole_suite_are_disjoint() -> None:
    # 5 algorithms x 4 environments x 10 seeds with 16 training environments, and all evaluation episodes: about
    # 20,000 numbers of 31 bits, of which a handful could coincide by chance within a role, but none across these keys.
    algorithms, environments = ("reinforce", "a2c", "ppo", "dqn", "random"), ("A", "B", "C", "D")
    cells = [(algorithm, place, number) for algorithm in algorithms for place in environments for number in range(10)]
    learners = {seed("learner", *cell) for cell in cells}
    training = {seed("training", *cell, index) for cell in cells for index in range(16)}
    evaluation = {
        found
        for place in environments
        for number in range(10)
        for point in (*range(1, 21), "final")
        for found in evaluation_seeds(place, number, point, 100 if point == "final" else 10)
    }
    assert not learners & training
    assert not learners & evaluation
    assert not training & evaluation


def test_evaluation_episodes_differ_between_seeds_and_points_and_no_algorithm_is_asked_for() -> None:
    first = evaluation_seeds("CartPole-v1", 0, 1, 10)
    assert first == evaluation_seeds("CartPole-v1", 0, 1, 10)
    assert not set(first) & set(evaluation_seeds("CartPole-v1", 1, 1, 10))
    assert not set(first) & set(evaluation_seeds("CartPole-v1", 0, "final", 10))
