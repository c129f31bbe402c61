"""The path of a run in; the label, the environment and the seed that it is named after out.

What is left of a name after its environment and its seed is its label, the whole of it: `ppo_no_clip_CartPole-v1_seed3`
is of `ppo_no_clip`, never of `ppo`. A known algorithm's name only tells which part of a path holds the label.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

from bench.catalog import algorithms, environments

_OTHERS = (
    *("npg", "acktr", "acer", "her", "c51", "rainbow", "iqn", "fqf", "ppg", "rpo", "redq", "vpg", "droq", "ppo2"),
    *("ppo1", "gail", "a3c", "impala", "apex", "drq", "curl", "dreamer", "dreamerv3", "spr", "pqn", "mappo", "qmix"),
    *("ddqn", "sac_discrete", "awr", "cql", "iql", "td3_bc", "muzero", "es", "cem", "xql", "bro", "simba", "trpo_mpi"),
)
"""Algorithms that folders of other projects are named after and that this project does not run."""
_NAMESPACES = {"ale": "ALE", "minatar": "MinAtar", "dm_control": "dm_control", "phys2d": "phys2d", "tabular": "tabular"}
_NOISE = {"run", "runs", "exp", "exps", "experiment", "experiments", "log", "logs", "result", "results", "training"} | {
    *("monitor", "monitors", "progress", "evaluations", "evaluation", "eval", "train", "data", "output", "outputs"),
    *("cmd", "env", "seed", "seeds", "tb", "tensorboard", "trial", "test"),
}
"""Words at the ends of a name that tell no algorithm."""
_SEED = re.compile(r"(?<![A-Za-z])seeds?[_=-]?(\d{1,9})(?!\d)|(?<=[-_])s(\d{1,9})$", re.IGNORECASE)
_VERSION = re.compile(r"-v\d{1,4}(?![A-Za-z0-9])")
_STAMP = re.compile(
    r"(?<!\d)(?:\d{4}-\d\d-\d\d(?:[-_T ]\d\d[-_:.]?\d\d(?:[-_:.]?\d\d)?)?|\d{8}[-_T]\d{4,6}|\d{9,}(?:\.\d+)?)(?!\d)"
)
_TUNE = re.compile(r"_[0-9a-z]{3,8}_\d{5}(?![0-9A-Za-z]).*$")
"""What Ray Tune appends to a trial's name: experiment, number, settings, date."""
_APART = "-_. =,"
_ENDINGS = (".monitor.csv", ".csv", ".tsv", ".txt", ".json", ".npz", ".monitor")
_MOST_NAME = 100
"""Bytes: a trial's folder is named after its environment, and file systems bound such names."""
_MOST_WORDS = 12
_LONGEST = 255
"""Characters of a name that are looked at: no file system knows longer ones."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a path says of its run."""

    label: str = ""
    environment: str = ""
    seed: int | None = None
    others: tuple[str, ...] = ()
    """What else stands in it, from the end upwards: variants, or names of runs."""


def natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sorting key that puts `10` after `9`."""
    parts = re.split(r"(\d{1,18})", text)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]


def clean(text: str) -> str:
    """Return a name that can stand in a suite and in a folder's name: printable, one line, without `@`."""
    printable = "".join(letter for letter in text if letter.isprintable() and letter != "@")
    return " ".join(printable.split()).encode(errors="ignore")[:_MOST_NAME].decode(errors="ignore")


def slug(text: str) -> str:
    """Return an algorithm's name as a folder may be named after."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip("._") or "unknown"


def named(path: PurePath) -> Named:
    """Return what a path is named after: what stands nearer to its end counts."""
    environment, seed = "", None
    labels: list[tuple[str, bool]] = []
    parts = _parts(path)
    for place, part in enumerate(parts):
        one = _part(part)
        if one.environment and not environment:
            above = parts[place + 1] if place + 1 < len(parts) else ""
            environment, rest = _namespaced(above, one.environment)
            # `ALE/Pong-v5` makes two folders: the namespace is no part of a label.
            parts[place + 1 : place + 2] = [rest] * bool(above)
        seed = one.seed if seed is None else seed
        if one.label:
            labels.append((one.label, bool(one.environment)))
    found = next((label for label, _ in labels if _speaks_of_algorithm(label)), "")
    found = found or next((label for label, beside in labels if beside), "")
    return Named(found, environment, seed, tuple(label for label, _ in labels if label != found))


def seed_in(text: str) -> int | None:
    """Return the seed that a name states as `seed_3`, `seed-3` or `env__algorithm__3__time`; None where none is."""
    return _part(text).seed


def seed_of(folder: str) -> int | None:
    """Return the seed that a folder is named after, or else one above it; None where none is."""
    return named(PurePath(folder)).seed


def is_known(label: str) -> bool:
    """Return whether the whole label is the name of an algorithm."""
    return label.casefold() in _known()


def _parts(path: PurePath) -> list[str]:
    name = path.name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return [part[:_LONGEST] for part in (name, *reversed(path.parts[:-1])) if part not in {"/", "", "."}]


@cache
def _known() -> frozenset[str]:
    return frozenset({*algorithms(), *_OTHERS})


@cache
def _bases() -> dict[str, str]:
    """Return the environments of the catalogue without their versions: as a name may write them -> as they are."""
    found: dict[str, str] = {}
    for name in environments():
        base = _VERSION.sub("", name)
        found |= {base.replace("/", mark): base for mark in "/-_"}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _speaks_of_algorithm(label: str) -> bool:
    """Return whether one of a label's words is the name of an algorithm, or begins like `ppo2` does."""
    return is_known(label) or any(word.casefold() in _known() for word in re.split(r"[-_. ]", label))


def _part(text: str) -> Named:
    """Return what one folder's or file's name says; its label is all that it says beside environment and seed."""
    text = text[:_LONGEST]
    first, _, rest = text.partition("__")
    last = rest.rsplit("__", 2)
    if len(last) == 3 and last[1].isdecimal() and len(last[1]) < 10:  # noqa: PLR2004 - CleanRL's env__experiment__seed__time
        found = _environment(first)
        stated = found[2] if found else first if last[2].isdecimal() and len(last[2]) > 8 else ""  # noqa: PLR2004 - seconds
        return Named(last[0], stated, int(last[1]))
    return _loose(text)


def _loose(text: str) -> Named:
    seed = _SEED.search(text)
    number = int(seed[1] or seed[2]) if seed else None
    rest = text[: seed.start()] + " " + text[seed.end() :] if seed else text
    found = _environment(rest)
    # Of `ppo_CartPole-v1_3` what comes before and after the environment is looked at apart: 3 numbers the run.
    pieces = [rest[: found[0]], rest[found[1] :]] if found else [rest]
    left = [piece for piece in map(_left, pieces) if piece]
    return Named("_".join(left), found[2] if found else "", number)


def _left(text: str) -> str:
    """Return what of a name may be a label: no dates, no numbers of runs, no words like `logs` at its ends."""
    text = _TUNE.sub("", _STAMP.sub(" ", text)).strip(_APART)
    while text:
        words = re.split(f"[{_APART}]+", text)
        ends = [word for word in (words[0], words[-1]) if word.casefold() in _NOISE]
        if not ends:
            break
        text = (text[len(ends[0]) :] if text.startswith(ends[0]) else text[: -len(ends[0])]).strip(_APART)
    numbered = re.fullmatch(rf"(.*?)[{_APART}]+\d+", text)
    if numbered and is_known(numbered[1]):
        text = numbered[1]
    return "" if not re.search(r"[^\W\d_]", text) else text


def _environment(text: str) -> tuple[int, int, str] | None:
    """Return where a name holds an environment id, and which; one of the catalogue's before any other."""
    found = []
    for version in _VERSION.finditer(text):
        head = text[: version.start()]
        base = next((name for name in _bases() if _ends_with(head, name)), "")
        start = len(head) - len(base) if base else _start(head)
        if start < len(head):
            name = _bases().get(base) or _spelled(head[start:])
            start, name = (start, name) if "/" in name else _with_namespace(head, start, name)
            found.append((bool(base), start, version.end(), name + version[0]))
    # Of several the last one, unless only another is known.
    best = max(found, default=None, key=lambda one: one[:2])
    return best[1:] if best else None


def _ends_with(head: str, name: str) -> bool:
    before = head[: -len(name)]
    return head.endswith(name) and (not before or not before[-1].isalnum())


def _with_namespace(head: str, start: int, name: str) -> tuple[int, str]:
    """Return start and id with a namespace that a name writes flat: `ALE-Pong-v5` is ALE/Pong-v5."""
    for flat, space in _NAMESPACES.items():
        before = head[:start]
        if before[:-1].casefold().endswith(flat) and before[-1] in "-_/" and _ends_with(before[:-1].casefold(), flat):
            return start - len(flat) - 1, f"{space}/{name}"
    return start, name


def _spelled(base: str) -> str:
    for flat, space in _NAMESPACES.items():
        if base.casefold().startswith(flat) and base[len(flat) : len(flat) + 1] in {"-", "_", "/"}:
            return f"{space}/{base[len(flat) + 1 :]}"
    return base


def _start(head: str) -> int:
    """Return where the id begins whose version follows: words are taken to the left as long as they look like it."""
    tokens = re.split(r"([-_/ .=,]+)", head)
    word = tokens[-1]
    if not word:
        return len(head)
    start = len(head) - len(word)
    for place in range(len(tokens) - 2, max(0, len(tokens) - 2 * _MOST_WORDS), -2):
        mark, before = tokens[place], tokens[place - 1]
        pair = "".join(tokens[max(0, place - 3) : place])
        if pair.casefold() in _known() or not _belongs(before, mark, word):
            break
        start -= len(mark) + len(before)
        word = before
        if mark == "/":
            break
    return start


def _belongs(before: str, mark: str, word: str) -> bool:
    """Return whether `before` and `word` are of one id: `MiniGrid-Empty-5x5`, `My_Env`, `halfcheetah-medium`."""
    if not before or before.casefold() in _known() or mark not in {"-", "_", "/"}:
        return False
    if mark == "/" or before.casefold() in _NAMESPACES:
        return True
    camel = before[0].isupper() and any(letter.islower() for letter in before)
    if mark == "_":
        return camel and word[0].isupper()
    return camel or not word[0].isalpha() or (before.islower() and word.islower())


def _namespaced(above: str, environment: str) -> tuple[str, str]:
    """Return the id with the end of the folder above it as its namespace, where that is one; and what is left of that.

    `dqn_ALE/Pong-v5_seed1` makes two folders of a name.
    """
    rest, mark, space = above[: -len(above.rsplit("_", maxsplit=1)[-1])], "_", above.rpartition("_")[2]
    spelled = f"{_NAMESPACES.get(space.casefold(), space)}/{environment}"
    known = space and (space.casefold() in _NAMESPACES or spelled in environments())
    return (spelled, rest.rstrip(mark)) if known and "/" not in environment else (environment, above)


def variants(labels: Collection[tuple[str, ...]]) -> list[str]:
    """Return for each run of a cell what its folders call its variant, from their other names; empty where nothing.

    A folder's name that differs between the runs tells variants where several runs lie below it; where every run has
    its own, it names the run.

    Args:
        labels: for each run, what stands in its path beside algorithm, environment and seed.
    """
    deepest = max((len(one) for one in labels), default=0)
    padded = [(*reversed(one), *[""] * (deepest - len(one))) for one in labels]
    told = [
        place
        for place in range(deepest)
        if len({one[place] for one in padded}) > 1 and len({one[: place + 1] for one in padded}) < len(padded)
    ]
    return [" ".join(one[place] for place in told if one[place]) for one in padded]
