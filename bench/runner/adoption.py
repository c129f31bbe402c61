"""Nothing in, what the fork server needs before it loads and forks anything: to be imported by it alone.

A keeper adopts what its trial leaves behind; should the keeper itself be killed, that falls to its parent, which is the
fork server. There it is found (see `bench.runner.orphans`) instead of running on for ever.
All trials run the code that it loads, which is why it finds out first which that is.
"""

import warnings

from bench.runner import provenance
from bench.runner.worker import adopt_orphans

provenance.code()
adopt_orphans()
# The fork server collects every dead child, and wonders aloud about those that it has not forked itself.
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
