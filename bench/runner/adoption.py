"""Nothing in, orphans of this process's descendants in its care: to be imported by the fork server alone.

A keeper adopts what its trial leaves behind; should the keeper itself be killed, that falls to its parent, which is the
fork server. There it is found (see `bench.runner.orphans`) instead of running on for ever.
"""

import warnings

from bench.runner.worker import adopt_orphans

adopt_orphans()
# The fork server collects every dead child, and wonders aloud about those that it has not forked itself.
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
