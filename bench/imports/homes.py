"""Files in; the homes of runs, each with all that tells of its run in the order in which it is asked, out.

The unit is the trained run, and its home is a folder: everything in it and below it that states no other algorithm,
environment or seed tells of the same training. Of several tellings one is taken: evaluations before Monitor files
before event files before tables, those of evaluations before those of training, the ones nearer to the home before
others.
A Monitor file or table with a name of its own has a home of its own.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from bench.imports.found import Refusal
from bench.imports.names import Named, named, natural

SETTINGS = {"config.yml", "args.yml"}
_RANKS = {"evaluations": 0, "monitor": 1, "tensorboard": 2, "table": 3, "json": 4}
_EVALUATING = {"eval", "evals", "evaluation", "evaluations", "eval_logs", "eval_env", "test", "testing"}
_TRAINING = {"train", "training", "train_env"}
_PARTS = {
    *(*_EVALUATING, *_TRAINING),
    *("tb", "tensorboard", "tensorboard_log", "tensorboard_logs", "tb_logs", "tb_log", "log", "logs", "logger"),
    *("csv", "monitor", "monitors", "summaries", "summary", "events", "metrics", "progress", "stats", "tf_logs"),
}
"""Folders that are parts of a run, whatever they hold."""
_LOGS = _EVALUATING | _TRAINING | {"progress", "log", "logs", "metrics", "history"}
"""Names of tables that a run writes into its own folder."""
_STAMP = re.compile(r"\d{9,}(\.\d+)?")
"""What TensorBoard's add_hparams calls the folder that it makes below a run's."""
_WORKER = re.compile(r"((\d+\.)*|(eval|train|training|evaluation|test)\.)monitor\.csv")
_KINDS_ASKED = {
    "": set(_RANKS),
    "rl-zoo": {"evaluations", "monitor"},
    "evaluations": {"evaluations", "monitor"},
    "monitor": {"monitor"},
    "tensorboard": {"tensorboard"},
    **{kind: {"table"} for kind in ("csv", "wandb", "tianshou")},
    **{kind: {"json"} for kind in ("marl-eval", "scores")},
}
_TABLES = {".csv", ".tsv"}
_LOOSE_TABLES = {*_TABLES, ".txt", ".dat"}
"""What is read as tables where these are asked for."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Files of one kind that tell of one run, or a file with several runs."""

    kind: str
    """`evaluations`, `monitor`, `tensorboard`, `table` or `json`."""
    files: tuple[Path, ...]

    @property
    def evaluates(self) -> bool:
        """Whether it is of evaluations by its name; files of training are never."""
        first = self.files[0]
        return bool({first.parent.name.casefold(), _stem(first).casefold()} & _EVALUATING)


@dataclass(frozen=True, slots=True)
class Home:
    """Where a run lives."""

    place: Path
    """What the run is named after: its folder, or the file without its ending."""
    tellings: tuple[Telling, ...]
    """The one that is asked first in front."""
    settings: tuple[Path, ...] = ()
    own: bool = True
    """Whether its tables are the log of one run."""


def homes_of(files: Sequence[Path], root: Path, wanted: str) -> tuple[list[Home], list[Refusal]]:
    """Return the homes under a folder, and the files, by full path, that tell of nothing that is read."""
    kinds: dict[Path, str] = {}
    passed = []
    for file in files:
        kind = _kind(file, wanted, alone=len(files) == 1)
        if kind in _KINDS_ASKED[wanted]:
            kinds[file] = kind
        elif file.name not in SETTINGS:
            told = f"of no kind that --as {wanted} reads" if wanted and kind else _unread(file)
            passed.append(Refusal(str(file), told))
    stamped = {file.parent for file in kinds if "tfevents" in file.name}
    places: dict[Path, list[Path]] = defaultdict(list)
    for file, kind in kinds.items():
        places[_place(file, kind, root, stamped)].append(file)
    moved, above = _below(places, kinds, root)
    passed += [Refusal(str(file), "lies above several runs: of which it tells nobody can say") for file in above]
    settings = _settings_by_home(files, moved)
    return [_home(place, moved[place], kinds, settings) for place in sorted(moved, key=_natural)], passed


def _natural(place: Path) -> list[tuple[int, int, str]]:
    return natural(str(place))


def _kind(file: Path, wanted: str, *, alone: bool) -> str:
    if file.name == "evaluations.npz":
        return "evaluations"
    if file.name.endswith("monitor.csv") and wanted not in {"csv", "wandb", "tianshou"}:
        return "monitor"
    if "tfevents" in file.name and wanted not in {"csv", "wandb", "tianshou"}:
        return "tensorboard"
    tables = _LOOSE_TABLES if wanted in {"csv", "wandb", "tianshou"} else _TABLES
    if file.suffix.casefold() in tables or (alone and wanted in {"csv", "wandb", "tianshou"}):
        return "table"
    return "json" if file.suffix.casefold() == ".json" else ""


def _unread(file: Path) -> str:
    if file.suffix in {".gz", ".zip", ".xz", ".bz2", ".tar", ".tgz", ".zst"}:
        return "packed: unpack it to have it read"
    if file.suffix in {".txt", ".dat"}:
        return "a text: --as csv reads it as a table"
    return f"of no kind that is read ({file.suffix or 'no ending'})"


def _stem(file: Path) -> str:
    return file.name.split(".")[0]


def _place(file: Path, kind: str, root: Path, stamped: set[Path]) -> Path:
    """Return the home that a file by itself speaks of."""
    if kind == "monitor" and not _WORKER.fullmatch(file.name):
        return file.parent / file.name.removesuffix("monitor.csv").rstrip(".")
    if kind in {"table", "json"} and not _is_log(file):
        return file.parent / file.stem
    place = file.parent
    while place != root and (
        place.name.casefold() in _PARTS or (_STAMP.fullmatch(place.name) and place.parent in stamped)
    ):
        place = place.parent
    return place


def _is_log(file: Path) -> bool:
    """Return whether a table is the log of a run, by its name: progress.csv, eval.csv, progress-2.csv."""
    return _word(file) in _LOGS


def _word(file: Path) -> str:
    """Return a table's name without the number of a session: `progress` of progress-2.csv and progress (3).csv."""
    return re.sub(r"[-_. (]*\d*\)?$", "", file.stem.casefold())


def _states(path: PurePath) -> Named:
    found = named(path)
    return Named(found.label, found.environment, found.seed)


def _below(
    places: Mapping[Path, list[Path]], kinds: Mapping[Path, str], root: Path
) -> tuple[dict[Path, list[Path]], list[Path]]:
    """Return the places, those that tell of the run of a folder above moved there; and files above several runs."""
    moved = {place: list(files) for place, files in places.items()}
    children: dict[Path | None, list[Path]] = defaultdict(list)
    for place in places:
        children[_nearest(place, places)].append(place)
    above: list[Path] = []
    for place in sorted(places, key=lambda one: len(one.parts), reverse=True):
        below = children[place]
        mine = min(_RANKS[kinds[file]] for file in moved[place])
        joining = {*_joining(place, below, moved, kinds, root)}
        apart = [one for one in below if one not in joining]
        best = [one for one in apart if min(_RANKS[kinds[file]] for file in moved[one]) < mine]
        for one in joining:
            moved[place] += moved.pop(one)
        if len(best) > 1 and mine < _RANKS["table"]:
            above += moved.pop(place)
            children[_nearest(place, moved)] += apart
    return moved, above


def _nearest(place: Path, places: Mapping[Path, object]) -> Path | None:
    return next((one for one in place.parents if one in places), None)


def _joining(
    place: Path, below: Sequence[Path], files: Mapping[Path, list[Path]], kinds: Mapping[Path, str], root: Path
) -> list[Path]:
    """Return the places below that tell of the same run."""
    whole = _states(place.relative_to(root.parent))
    tellers = Counter(kind for one in below for kind in {kinds[file] for file in files[one]})
    found = []
    for one in below:
        said = _states(one.relative_to(place))
        other = any(
            value and known and str(value).casefold() != str(known).casefold()
            for value, known in ((said.label, whole.label), (said.environment, whole.environment))
        ) or (said.seed is not None and said.seed != whole.seed)
        mine = {kinds[file] for file in files[one]}
        rivals = any(tellers[kind] > 1 for kind in mine)
        silent = said == Named() and mine <= {"tensorboard", "json", "table"}
        named_file = mine == {"monitor"} and all(file.parent != one for file in files[one])
        if not (other or named_file) and (silent or not rivals):
            found.append(one)
    return found


def _settings_by_home(files: Sequence[Path], places: Mapping[Path, object]) -> dict[Path, list[Path]]:
    """Return the settings files by the folder of the run that may have them: theirs, or the one above it."""
    found: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        if file.name in SETTINGS:
            found[file.parent].append(file)
            if file.parent not in places:
                found[file.parent.parent].append(file)
    return found


def _home(
    place: Path,
    files: Sequence[Path],
    kinds: Mapping[Path, str],
    settings: Mapping[Path, list[Path]],
) -> Home:
    groups: dict[tuple[str, Path, str], list[Path]] = defaultdict(list)
    for file in files:
        kind = kinds[file]
        # Every folder tells by itself; so does every table, but those of one log's sessions.
        word = _stem(file).casefold() if kind == "monitor" and _stem(file).casefold() in _EVALUATING | _TRAINING else ""
        word = _word(file) if kind in {"table", "json"} else word
        groups[kind, file.parent, word].append(file)
    tellings = [Telling(kind, tuple(sorted(mine, key=_natural))) for (kind, _, _), mine in groups.items()]
    folders = sorted({file.parent for file in files} | {place}, key=_natural)
    told = [file for folder in folders for file in settings.get(folder, ())]
    own = any(kinds[file] != "table" or _is_log(file) for file in files)
    return Home(place, tuple(sorted(tellings, key=_asked_first)), tuple(dict.fromkeys(told)), own)


def _asked_first(telling: Telling) -> tuple[int, bool, int, str]:
    # Monitor files of an evaluation environment know nothing of the steps of training.
    last = telling.evaluates if telling.kind == "monitor" else not telling.evaluates
    return _RANKS[telling.kind], last, len(telling.files[0].parts), str(telling.files[0])
