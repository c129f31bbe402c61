"""A learner's request in, a learner out: the harness's own algorithms and its adapters to learning libraries."""
