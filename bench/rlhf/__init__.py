"""Preference pairs in, a reward model and an environment that pays by it out; and the policy that tuning begins with.

The loop of Christiano et al. 2017 and Ouyang et al. 2022 at a size that trains in seconds: sentences of a small
vocabulary instead of texts, a policy pretrained on a corpus, a Bradley-Terry reward model fitted to noisy preferences
of a hidden true reward, and reinforcement learning against it. All of it is derived from the number of a world.
"""
