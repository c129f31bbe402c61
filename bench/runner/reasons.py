"""Slurm's words for how a job stands in, whether it is over, waits, or waits in vain, and what helps then, out."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OVER = frozenset(
    "COMPLETED CANCELLED FAILED TIMEOUT NODE_FAIL PREEMPTED OUT_OF_MEMORY BOOT_FAIL DEADLINE".split()  # noqa: SIM905
)
"""What it will not run again."""
_WAITING = frozenset("PENDING REQUEUED REQUEUE_HOLD REQUEUE_FED SPECIAL_EXIT RESV_DEL_HOLD".split())  # noqa: SIM905
_ENDINGS = {
    "PREEMPTED": "was preempted",
    "CANCELLED": "was cancelled (scancel)",
    "NODE_FAIL": "was lost with its machine (NODE_FAIL)",
    "BOOT_FAIL": "was lost with its machine (BOOT_FAIL)",
    "TIMEOUT": "took longer than the profile's minutes (TIMEOUT)",
    "DEADLINE": "took longer than its deadline (DEADLINE)",
    "OUT_OF_MEMORY": "took more memory than the profile asks for (OUT_OF_MEMORY)",
}
"""What tells why a job has ended; of one that completed, or failed, it is the job that could have told."""
_HELD = (
    "JobHeldUser|JobHeldAdmin|JobHoldMaxRequeue|(launch failed|user env retrieval failed) requeued held",
    "it is held: its log and `sinfo -R` may say why; give the same command again when that is mended",
)
_REMEDIES = (
    (
        "PartitionTimeLimit|(Assoc|QOS)MaxWallDurationPerJobLimit",
        "lower `minutes` in the profile, or name another partition, account or qos there",
    ),
    (
        r"BadConstraints|Constraints|PartitionNodeLimit|MaxMemPerLimit|(Assoc|QOS)Max\w+Per(Job(Limit)?|Node)|QOSMin\w+",
        "ask for what there is: memory_gb, gpus, constraint, partition and options of the profile, and --threads",
    ),
    (
        "InvalidAccount|InvalidQOS|AccountNotAllowed|QOSNotAllowed|Reservation(Deleted|Invalid)",
        "name a partition, account and qos in the profile that go together",
    ),
)
"""A limit for one job, or something that is not there, and what to do. What all jobs of somebody share comes free."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands at Slurm, in its words."""

    word: str
    """`PENDING`, `RUNNING`, `PREEMPTED`, ..."""
    reason: str = ""
    """Why it waits: `Priority`, `PartitionTimeLimit`, ..."""
    partitions: str = ""
    """Where it may run, names with commas between."""

    @property
    def over(self) -> bool:
        """Whether Slurm will not run it again."""
        return self.word in _OVER

    @property
    def waits(self) -> bool:
        """Whether it has not begun, or not begun again."""
        return self.word in _WAITING

    @property
    def ending(self) -> str:
        """What has ended it, in words to follow its name; empty where that is not known."""
        return _ENDINGS.get(self.word, "")

    @property
    def remedy(self) -> str:
        """What a person has to do, as it will never begin by itself; empty where it may.

        Of several partitions Slurm tells what it has last found in one of them, and it may begin in another.
        """
        known = (_HELD,) if "," in self.partitions else (_HELD, *_REMEDIES)
        return next((remedy for reasons, remedy in known if self.waits and re.fullmatch(reasons, self.reason)), "")
