"""Small images in, features out: the network that the harness takes where stable-baselines3's has no pixel left."""

from __future__ import annotations

import gymnasium as gym
import torch
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

KERNEL = 3
"""Height and width of what each filter looks at: the smallest image that it can look at."""


class MinAtarCNN(BaseFeaturesExtractor):
    """The network of MinAtar's authors (Young and Tian 2019, section 3): a convolution, and a layer of units.

    16 filters of 3 x 3 with stride 1, then 128 units, each followed by a ReLU. Images have their channels first.
    """

    def __init__(self, observation_space: gym.spaces.Box, features_dim: int = 128, filters: int = 16) -> None:
        """Build it for images of (channels, height, width).

        Args:
            observation_space: of the images.
            features_dim: units of the layer.
            filters: of the convolution.
        """
        super().__init__(observation_space, features_dim)
        channels, height, width = observation_space.shape
        pixels = (height - KERNEL + 1) * (width - KERNEL + 1)
        self.layers = nn.Sequential(
            nn.Conv2d(channels, filters, KERNEL),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(filters * pixels, features_dim),
            nn.ReLU(),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return (batch, features_dim) of (batch, channels, height, width) in [0, 1]."""
        features: torch.Tensor = self.layers(observations)
        return features
