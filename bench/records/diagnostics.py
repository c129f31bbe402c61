"""What can be told of an algorithm while it trains: one table for whoever records, claims or shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One number along a training: of every update, or of the policy and its critic as they then are."""

    title: str
    """What stands above a plot of it."""
    words: str
    """As a statement says it."""
    unit: str
    played: bool = False
    """Whether it takes episodes of its own (a suite's `evaluation: {value_episodes: ...}`), and not updates."""


DIAGNOSTICS: Mapping[str, Diagnostic] = {
    "entropy": Diagnostic("Entropy of the policy", "entropy of the policy", "nats"),
    "approx_kl": Diagnostic(
        "KL divergence of an update (approximate)",
        "approximate KL divergence of an update's policy from the one that collected the data",
        "nats",
    ),
    "kl_to_start": Diagnostic(
        "KL divergence from the policy that training began with",
        "KL divergence, over an episode, from the policy that training began with",
        "nats",
    ),
    "penalised_return": Diagnostic(
        "Return of the last hundred training episodes, less the price of leaving the start",
        "return of the last hundred training episodes less the price of leaving the policy that training began with",
        "return",
    ),
    "training_return": Diagnostic(
        "Return of the last hundred training episodes", "return of the last hundred training episodes", "return"
    ),
    "clip_fraction": Diagnostic(
        "Share of samples beyond the clip", "share of samples whose probability ratio is beyond the clip", "share"
    ),
    "value_loss": Diagnostic(
        "Squared error of the value function", "mean squared error of the value function", "squared return"
    ),
    "explained_variance": Diagnostic(
        "Variance of returns that values explain",
        "share of the returns' variance that the value function explains",
        "share",
    ),
    "gradient_norm": Diagnostic(
        "Length of the gradient, before it is cut", "length of a minibatch's gradient before it is cut", "norm"
    ),
    "critic_loss": Diagnostic("Loss of the action values", "loss of the action values", "loss"),
    "entropy_coefficient": Diagnostic("Entropy coefficient", "entropy coefficient", "return per nat"),
    "predicted_value": Diagnostic(
        "Discounted return that the critic predicts",
        "discounted return that the critic predicts along the policy's episodes",
        "discounted return",
        played=True,
    ),
    "overestimation": Diagnostic(
        "Overestimation: predicted minus realised discounted return",
        "predicted minus realised discounted return of the policy",
        "discounted return",
        played=True,
    ),
}
"""Name, as records and claims have it -> what it is. docs/declaring.md says who tells which."""
