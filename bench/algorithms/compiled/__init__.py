"""On-policy learners of stable-baselines3 with their update in one compiled call; the policy alone acts while stepping.

The classes are stable-baselines3's own, network, settings, callbacks and archive included; only how a rollout is
collected and learned from is ours. While stepping, NumPy computes the policy. Then one call that JAX has compiled
computes values, log-probabilities, advantages and every minibatch of every epoch. All weights are one vector, which
the torch network's parameters are views of, so that it is copied once an update and acts, is saved and is read back
like any other.
"""

from bench.algorithms import compilation

compilation.set_up()
