"""An environment's name in, the environment or its traits out."""
