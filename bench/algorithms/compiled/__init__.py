"""Learners of stable-baselines3 with their update in one compiled call.

The classes are stable-baselines3's own, network, settings, callbacks and archive included. On policy, how a rollout is
collected and learned from is ours: while stepping, NumPy computes the policy, then one call that JAX has compiled
computes values, log-probabilities, advantages and every minibatch of every epoch. With a replay buffer, what is learned
from its minibatches is ours. The weights of a network are one vector, which the torch network's parameters are views
of, so that it is copied once an update and acts, is saved and is read back like any other.
"""

from bench.algorithms import compilation

compilation.set_up()
