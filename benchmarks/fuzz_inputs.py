"""A random generator and an empty folder in, one input of a kind in that folder and the commands that read it out.

Inputs are real files with something wrong, or generated ones that were never right. Equal generators give equal inputs.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from bench.suite.shipped import suites_in

Rng = np.random.Generator
Command = tuple[str, ...]
SUITES = suites_in(Path(__file__).resolve().parents[1] / "suites")

WEIRD: tuple[Any, ...] = (
    *("", " ", "nan", "NaN", ".nan", "inf", "-inf", ".inf", "null", "~", "true", "no", "None", "-0", "0x1F", "1_000"),
    *("1e308", "-1e308", "1e999", "1e-320", "1e5", "1,5", "1.050,5", "9" * 400, "0" * 60, "2026-01-01", "12:30:00"),
    *("a" * 300, "\x1b]0;owned\x07", "\x1b[2J", "\udc80", "\u202eevil", "\x00", "\ufeff", "é" * 50, "💥", "\u2028"),
    *(
        "=1+1",
        "@SUM(A1)",
        "../../etc/passwd",
        "/",
        ".",
        "..",
        "a/b",
        "a\\b",
        "CON",
        "<script>alert(1)</script>",
        "[bold]",
    ),
    *(
        "*a",
        "&a x",
        "<<",
        "!!python/object/apply:os.system [ls]",
        "{{7*7}}",
        "%s",
        "{0}",
        "'",
        '"',
        "#",
        "|",
        ">",
        "- ",
        ":",
    ),
)
"""Cells and scalars that someone somewhere takes for something else."""
NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 1.5, -0.0, 1e-320, 1e308, -1e308, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, 10**400),
    *(float("nan"), float("inf"), float("-inf"), True, None),
)


def pick(rng: Rng, things: Sequence[Any]) -> Any:
    """Return one of them."""
    return things[int(rng.integers(len(things)))]


# --- Texts and bytes, with something wrong.


def mutated(rng: Rng, content: bytes) -> bytes:
    """Return the content with one or a few things changed."""
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        content = pick(rng, MUTATIONS)(rng, content)
    return content


def encoded(text: str) -> bytes:
    """Return the bytes of a text that may hold what no encoding has."""
    return text.encode("utf-8", "surrogatepass")


def _span(rng: Rng, content: bytes) -> tuple[int, int]:
    start, end = sorted(int(rng.integers(len(content) + 1)) for _ in range(2))
    return start, min(end, start + 2000)


def _flip(rng: Rng, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 8)) if content else 0):
        changed[int(rng.integers(len(changed)))] = int(rng.integers(256))
    return bytes(changed)


def _cut(rng: Rng, content: bytes) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _remove(rng: Rng, content: bytes) -> bytes:
    start, end = _span(rng, content)
    return content[:start] + content[end:]


def _repeat(rng: Rng, content: bytes) -> bytes:
    start, end = _span(rng, content)
    return content[:end] + content[start:end] * int(rng.choice([1, 2, 3, 200])) + content[end:]


def _insert(rng: Rng, content: bytes) -> bytes:
    place = int(rng.integers(len(content) + 1))
    return content[:place] + encoded(str(pick(rng, WEIRD))) + content[place:]


def _pad(rng: Rng, content: bytes) -> bytes:
    filling: bytes = pick(rng, (b"\0", b"\n", b" ", b",", b"\xff", b"a,"))
    return content + filling * int(rng.choice([1, 100, 200_000]))


def _lead(rng: Rng, content: bytes) -> bytes:
    return bytes(pick(rng, (b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\n\n", b"#", b"PK\x03\x04", b"\x1f\x8b"))) + content


def _recode(rng: Rng, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(str(pick(rng, ("utf-16", "utf-32", "latin-1", "cp037"))), "replace")


def _lines(rng: Rng, content: bytes) -> bytes:
    mark = pick(rng, (b"\n", b"\n", b"\r\n", b"\r"))
    lines = content.splitlines() or [b""]
    place, other = int(rng.integers(len(lines))), int(rng.integers(len(lines)))
    match int(rng.integers(5)):
        case 0:
            del lines[place]
        case 1:
            lines.insert(other, lines[place])
        case 2:
            lines[place], lines[other] = lines[other], lines[place]
        case 3:
            lines[place:place] = [lines[place]] * int(rng.choice([10, 3_000]))
        case _:
            rng.shuffle(lines)
    return bytes(mark.join(lines))


def _token(rng: Rng, content: bytes) -> bytes:
    """Put something weird in the place of one word or number."""
    starts = [place for place, byte in enumerate(content[:20_000]) if chr(byte).isalnum()]
    if not starts:
        return content
    start = end = pick(rng, starts)
    while end < len(content) and chr(content[end]) not in ' ,;:\t\n"{}[]':
        end += 1
    return content[:start] + encoded(str(pick(rng, (*WEIRD, *NUMBERS[:14])))) + content[end:]


MUTATIONS: tuple[Callable[[Rng, bytes], bytes], ...] = (
    *(_flip, _cut, _remove, _repeat, _insert, _pad, _lead, _recode, _lines, _lines),
    *(_token, _token, _token, _token),
)


# --- Values, with something wrong.


def twisted(rng: Rng, value: Any, depth: int = 0) -> Any:
    """Return a value of lists and mappings in which one node is not what it was."""
    inner = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    if inner and rng.random() < (0.95 if depth == 0 else 0.7):
        key, old = pick(rng, inner)
        new = twisted(rng, old, depth + 1)
        return {**value, key: new} if isinstance(value, dict) else [*value[:key], new, *value[key + 1 :]]
    others = [something(rng), something(rng), [value], {"a": value}, nested(int(rng.choice([3, 70, 900])))]
    if isinstance(value, list):
        others.append(value * int(rng.choice([0, 2, 500])))
    if isinstance(value, dict):
        others.append({**value, str(pick(rng, WEIRD)): something(rng)})
        others.append(dict(inner[1:]))
    return pick(rng, others)


def something(rng: Rng) -> Any:
    """Return any value."""
    return pick(rng, (*WEIRD, *NUMBERS, [], {}, [1], [[]], [None], {"a": 1}, [1, "a", None], "ppo", "CartPole-v1"))


def nested(depth: int) -> Any:
    """Return lists in lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def as_json(value: Any) -> bytes:
    """Return JSON, with NaN and lone surrogates where the value has them."""
    return encoded(json.dumps(value))


# --- Suites.

_KNOWN = ("CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "bench/Bandit-v0", "bench/Corridor-v0", "Acrobot-v1")
_LEARNERS = ("ppo", "dqn", "sac", "random", "q_learning", "reinforce", "trpo", "PPO", "pp0")

SECTIONS: dict[str, Callable[[Rng], Any]] = {
    "name": lambda rng: pick(rng, ("fuzz", "a" * 300, "x.y", something(rng))),
    "title": lambda rng: pick(rng, ("A title", something(rng))),
    "question": lambda rng: pick(rng, ("Which?", something(rng))),
    "seeds": lambda rng: pick(rng, (3, [0, 1], 10_000, list(range(3000)), [1, 1], something(rng))),
    "evaluation": lambda rng: _some(
        rng,
        {"points": 4, "episodes": 2, "final_episodes": 5, "deterministic": True, "environments": 2, "slots": 2},
    ),
    "hyperparameters": lambda rng: pick(rng, ("default", "rl-zoo", "tuned", something(rng))),
    "algorithms": lambda rng: [_algorithm(rng) for _ in range(int(rng.choice([0, 1, 2, 2, 3])))],
    "environments": lambda rng: {
        str(pick(rng, (*_KNOWN, *_KNOWN, *_KNOWN, something(rng)))): _environment(rng)
        for _ in range(int(rng.integers(0, 4)))
    },
    "analysis": lambda rng: _some(
        rng,
        {"metric": "auc", "threshold": 0.9, "margin": 0.05, "failures": "drop", "confidence": 0.9, "resamples": 200},
    ),
    "limits": lambda rng: _some(rng, {"timeout_minutes": 10, "memory_gb": 2, "stall_minutes": 5}),
    "claims": lambda rng: [_claim(rng) for _ in range(int(rng.integers(0, 3)))],
    "skip_incompatible": lambda rng: pick(rng, (True, False, something(rng))),
    "tensorboard": lambda rng: pick(rng, (True, False, something(rng))),
    "imported": lambda rng: pick(rng, (True, something(rng))),
}


def _some(rng: Rng, usual: dict[str, Any]) -> Any:
    """Return some of the usual entries, now and then a strange one among them or in their place."""
    kept = {name: value for name, value in usual.items() if rng.random() < 0.5}  # noqa: PLR2004 - a fair coin
    return twisted(rng, kept) if rng.random() < 0.3 else kept  # noqa: PLR2004 - mostly right


def _algorithm(rng: Rng) -> Any:
    settings: dict[str, Any] = {
        "learning_rate": "lin_3e-4",
        "n_envs": 2,
        "gamma": 0.9,
        "normalize": True,
        "frame_stack": 2,
        "set": "rl-zoo",
        "policy_kwargs": "dict(net_arch=[64, 64])",
        "noise_type": "normal",
        "clip_range": float("inf"),
    }
    entry = {"name": pick(rng, _LEARNERS), "label": "An algorithm", "hyperparameters": _some(rng, settings)}
    return pick(rng, (pick(rng, _LEARNERS), {"name": pick(rng, _LEARNERS)}, entry, twisted(rng, entry)))


def _environment(rng: Rng) -> Any:
    whole = {"steps": 2000, "kwargs": {"x": 1}, "reference": {"random": 0, "target": 1, "source": "me"}}
    return pick(rng, (1000, {"steps": 100_000}, _some(rng, whole), twisted(rng, whole)))


def _claim(rng: Rng) -> Any:
    whole: dict[str, Any] = {
        "claim": "ppo learns",
        "left": "ppo",
        "right": "random",
        "quantity": "score",
        "direction": "greater",
    }
    whole |= {"margin": 0.1, "environments": ["CartPole-v1"], "steps": 1000, "source": "a book"}
    return pick(rng, (whole, _some(rng, whole), twisted(rng, whole)))


def generated_suite(rng: Rng) -> bytes:
    """Return a suite that was never right, or nearly; as JSON, which is YAML."""
    told = {name: make(rng) for name, make in SECTIONS.items() if rng.random() < 0.45 or name in _NEEDED}  # noqa: PLR2004 - half
    return as_yaml(rng, told)


def as_yaml(rng: Rng, value: Any) -> bytes:
    """Return YAML: JSON is, but for two words."""
    text = json.dumps(value, indent=int(rng.integers(0, 3)) or None, ensure_ascii=bool(rng.integers(2)))
    return encoded(text.replace("Infinity", ".inf").replace("NaN", ".nan"))


_NEEDED = {"algorithms", "environments"}


def suites(rng: Rng, folder: Path) -> list[Command]:
    """Write a suite; it is validated, and where that goes well an experiment is opened with it."""
    real = Path(pick(rng, SUITES)).read_bytes()
    value = YAML(typ="safe", pure=True).load(real)
    content = pick(rng, (mutated(rng, real), as_yaml(rng, twisted(rng, value)), generated_suite(rng)))
    path = folder / "suite.yaml"
    path.write_bytes(content)
    more = pick(rng, ((), (), (), ("--json",), ("--seeds", str(pick(rng, (1, 7, 10**9))))))
    more += ("--only", str(pick(rng, ("ppo", "@CartPole-v1", "ppo@", "@", *WEIRD[:60])))) if rng.random() < 0.1 else ()  # noqa: PLR2004 - rarely
    return [("validate", str(path), *more), ("status", str(path))]


# --- Records.

TEMPLATE = "FUZZ_TEMPLATE"
"""Variable that names a folder of real results, of which each input is a damaged copy."""


def records(rng: Rng, folder: Path) -> list[Command]:
    """Copy real results and damage one or two of their files; they are read in every way."""
    root = folder / "results"
    shutil.copytree(os.environ[TEMPLATE], root)
    files = sorted(path for path in root.rglob("*.json") if path.is_file())
    for place in rng.permutation(len(files))[: int(rng.integers(1, 3))]:
        damage(rng, files[place])
    if rng.random() < 0.1:  # noqa: PLR2004 - rarely
        (root / "suite.yaml").write_bytes(mutated(rng, (root / "suite.yaml").read_bytes()))
    readers: list[Command] = [
        ("status", str(root), "--json"),
        ("report", str(root), "--format", "json"),
        ("report", str(root), "--format", "md"),
        ("export", str(root), "--to", str(folder / "export")),
        ("compare", "q_learning", "random", "--in", str(root)),
        ("validate", str(root / "suite.yaml"), "--results", str(folder)),
    ]
    html: list[Command] = [("report", str(root), "--to", str(folder / "page"))] if rng.random() < 0.05 else []  # noqa: PLR2004 - slow
    return [("status", str(root)), pick(rng, readers), *html]


def damage(rng: Rng, path: Path) -> None:
    """Change a record's values, its bytes, its place, or what kind of file it is."""
    content = path.read_bytes()
    match int(rng.integers(10)):
        case 0 | 1:
            path.write_bytes(mutated(rng, content))
        case 2:
            path.unlink()
            pick(rng, (_make_folder, _make_pipe, _make_dangling, _make_loop, _make_huge))(path)
        case 3:
            (path.parent.parent / pick(rng, STRAYS)).write_bytes(b"stray")
        case 4:
            if not (other := path.parent.with_name(pick(rng, NAMES))).exists():
                path.parent.rename(other)
        case _:
            value = json.loads(content)
            for _ in range(int(rng.integers(1, 4))):
                value = twisted(rng, value)
            path.write_bytes(as_json(value))


STRAYS = (".DS_Store", "Thumbs.db", "a\x1bb", "ü", "\udc80", "trial.json", "x" * 200, "-rf", " ")
NAMES = (
    "other",
    "a--b--seed-0--0123456789ab",
    "..x",
    "\x1b]0;x",
    "q_learning--bench_Corridor-v0--seed-1--000000000000",
)


def _make_folder(path: Path) -> None:
    path.mkdir()


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)


def _make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def _make_huge(path: Path) -> None:
    """Make a file of three gigabytes that takes no room."""
    with path.open("wb") as file:
        file.truncate(3 * 2**30)


# --- Files of other tools.


def _long_csv(rng: Rng) -> bytes:
    names = (
        pick(rng, ("algo", "method", "exp_name")),
        pick(rng, ("env", "task")),
        "seed",
        pick(rng, ("step", "frame", "iteration")),
    )
    header = [
        *names,
        pick(rng, ("return", "score", "x", "reward")),
        *pick(rng, ((), ("state",), ("std",), ("loss", "epoch"))),
    ]
    rows = [
        [algorithm, "CartPole-v1", seed, step, round(float(rng.normal()), 3), *["finished"] * (len(header) - 5)]
        for algorithm in ("ppo", "dqn")
        for seed in (0, 1)
        for step in (100, 200, 300)
    ]
    return table(header, rows, pick(rng, (",", ",", ";", "\t")))


def _wide_csv(rng: Rng) -> bytes:
    header = pick(
        rng, (["step", "ppo", "dqn"], ["Step", "r1 - x", "r1 - x__MIN"], ["env_step", "rew", "rew:0", "rew:1"])
    )
    return table(header, [[place * 100, *rng.normal(size=len(header) - 1).round(2)] for place in range(4)], ",")


def _progress(rng: Rng) -> bytes:
    header = ["time/total_timesteps", pick(rng, ("rollout/ep_rew_mean", "eval/mean_reward")), "train/loss"]
    return table(header, [[place * 100, float(place), ""] for place in range(1, 6)], ",")


def table(header: Sequence[Any], rows: Sequence[Sequence[Any]], mark: str) -> bytes:
    """Return a CSV file."""
    return "\n".join(mark.join(map(str, row)) for row in (header, *rows)).encode() + b"\n"


def _monitor(rng: Rng) -> bytes:
    header = json.dumps({"t_start": 1.7e9, "env_id": pick(rng, ("CartPole-v1", None, "None", "x/y"))})
    rows = "".join(f"{rng.normal():.2f},{int(rng.integers(1, 50))},{place / 10}\n" for place in range(12))
    return f"#{header}\nr,l,t\n{rows}".encode()


def _npz(rng: Rng) -> bytes:
    points, episodes = 4, 3
    arrays: dict[str, Any] = {
        "timesteps": np.arange(1, points + 1) * 100,
        "results": rng.normal(size=(points, episodes)),
        "ep_lengths": np.full((points, episodes), 7),
    }
    if rng.random() < 0.5:  # noqa: PLR2004 - a fair coin
        name = pick(rng, sorted(arrays))
        arrays[name] = pick(rng, _ARRAYS)()
    from io import BytesIO  # noqa: PLC0415

    buffer = BytesIO()
    (np.savez_compressed if rng.random() < 0.5 else np.savez)(buffer, **arrays)  # noqa: PLR2004 - a fair coin
    return buffer.getvalue()


_ARRAYS: tuple[Callable[[], Any], ...] = (
    lambda: np.zeros(40_000_000),  # a few kilobytes of archive, 320 MB of numbers
    lambda: np.zeros((4, 3), dtype=complex),
    lambda: np.array(["a", "b", "c", "d"]),
    lambda: np.array([{"a": 1}], dtype=object),
    lambda: np.array(1.0),
    lambda: np.zeros((0, 3)),
    lambda: np.full((4, 3), np.nan),
    lambda: np.array([1e300, -5, np.inf, 2**60]),
    lambda: np.zeros((4, 3, 2), dtype=np.float16),
)


def _events(rng: Rng) -> bytes:
    """Return a TensorBoard event file with sound checksums, whatever the records hold."""
    tags = ("rollout/ep_rew_mean", "eval/mean_reward", "charts/episodic_return", "train/loss")
    found = b""
    for place in range(int(rng.integers(1, 12))):
        value = struct.pack("<f", pick(rng, (1.0, float(rng.normal()), float("nan"), float("inf"), 3e38)))
        tag = str(pick(rng, tags)).encode()
        summary = _field(1, _field(1, tag) + b"\x15" + value)
        step = pick(rng, (place * 100, 0, 2**63, 2**40, place))
        record = b"\x09" + struct.pack("<d", 1.7e9 + place) + b"\x10" + _varint(step) + _field(5, summary)
        record = mutated(rng, record) if rng.random() < 0.1 else record  # noqa: PLR2004 - rarely
        head = struct.pack("<Q", len(record))
        found += head + struct.pack("<I", _checksum(head)) + record + struct.pack("<I", _checksum(record))
    return found


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = b""
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found, value = found + bytes([value & 0x7F | 0x80]), value >> 7
    return found + bytes([value])


def _checksum(content: bytes) -> int:
    """Return the masked CRC-32C of TensorFlow's record format."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _nested_json(rng: Rng) -> bytes:
    runs = {f"seed_{n}": {"step_0": {"step_count": 100, "return": [1.0, 2.0]}} for n in range(2)}
    whole = pick(
        rng, ({"env": {"task": {"ppo": runs}}}, {"CartPole-v1": {"ppo": [1.0, 2.0], "dqn": [3.0]}}, {"E": [1, 2, 3]})
    )
    return as_json(twisted(rng, whole) if rng.random() < 0.6 else whole)  # noqa: PLR2004 - mostly wrong


CONFIG = b"!!python/object/apply:collections.OrderedDict\n- - - gamma\n    - 0.98\n  - - n_timesteps\n    - 100.0\n"
FORMATS: dict[str, Callable[[Rng], bytes]] = {
    "runs.csv": _long_csv,
    "wide.csv": _wide_csv,
    "progress.csv": _progress,
    "monitor.csv": _monitor,
    "0.monitor.csv": _monitor,
    "evaluations.npz": _npz,
    "events.out.tfevents.1700000000.host.1.0": _events,
    "scores.json": _nested_json,
    "config.yml": lambda _: CONFIG,
    "args.yml": lambda _: CONFIG.replace(b"gamma", b"seed").replace(b"0.98", b"3"),
    "table.tsv": lambda rng: _long_csv(rng).replace(b",", b"\t"),
    "returns.txt": _long_csv,
}
PLACES = (
    ".",
    "ppo",
    "ppo_no_clip",
    "ppo/CartPole-v1_1",
    "ppo/CartPole-v1_2",
    "CartPole-v1__ppo__1__1700000000",
    "a b/é",
    "eval",
    "seed_0",
)


def imports(rng: Rng, folder: Path) -> list[Command]:
    """Write a file or a folder of files as another tool might have; it is imported, and what came of it is read."""
    source, formats = folder / "source", sorted(FORMATS)
    for _ in range(int(rng.choice([1, 1, 2, 3, 6]))):
        name = pick(rng, formats)
        content = FORMATS[name](rng)
        content = mutated(rng, content) if rng.random() < 0.6 else content  # noqa: PLR2004 - mostly wrong
        place = source / pick(rng, PLACES)
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    if rng.random() < 0.15:  # noqa: PLR2004 - rarely
        _strange(rng, place)
    whole = rng.random() < 0.6  # noqa: PLR2004 - mostly
    path = source if whole else place / name
    results = folder / "results"
    words = ("import", str(path), "--into", "x", "--results", str(results), *hints(rng))
    return [words, pick(rng, (("status", str(results / "x")), ("report", str(results / "x"), "--format", "json")))]


def _strange(rng: Rng, place: Path) -> None:
    """Put a file of a strange kind or name beside the others."""
    name = pick(rng, ("monitor.csv", "runs.csv", "evaluations.npz", "events.out.tfevents.1", "x.json", "link"))
    if (path := place / f"z{name}").exists():
        return
    pick(rng, (_make_folder, _make_pipe, _make_dangling, _make_loop, _make_huge, _link_above, _deep))(path)


def _link_above(path: Path) -> None:
    path.symlink_to("..")


def _deep(path: Path) -> None:
    (path / "/".join(["d"] * 60)).mkdir(parents=True)


def hints(rng: Rng) -> Command:
    """Return what a user may say beside the source."""
    usual = ("--algorithm", "ppo", "--environment", "CartPole-v1", "--steps", str(pick(rng, (100, 300, 300, 400))))
    options: tuple[Command, ...] = (
        ("--dry-run",),
        ("--json",),
        ("--steps", str(pick(rng, (1, 10**18)))),
        ("--algorithm", str(pick(rng, ("mine", *WEIRD[30:60])))),
        ("--environment", str(pick(rng, ("x", *WEIRD[30:60])))),
        ("--columns", str(pick(rng, ("seed=seed", "return=score,steps=frame", "x", "return=", *WEIRD[:30])))),
        ("--wide", str(pick(rng, ("run", "algorithm", "x")))),
        ("--metric", str(pick(rng, ("score", "eval/mean_reward", "x")))),
        ("--as", str(pick(rng, ("csv", "monitor", "tensorboard", "rl-zoo", "wandb", "scores", "x")))),
        ("--episodes", pick(rng, ("training", "evaluation"))),
        ("--rename", str(pick(rng, ("CartPole-v1=Acrobot-v1", "a=b", "=")))),
        ("--label", str(pick(rng, ("Mine", "@", *WEIRD[30:50])))),
    )
    odd = tuple(word for option in options if rng.random() < 0.06 for word in option)  # noqa: PLR2004 - one, often none
    return (*usual, *odd) if rng.random() < 0.75 else odd  # noqa: PLR2004 - mostly


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of input."""

    make: Callable[[Rng, Path], list[Command]]
    share: int
    """Of ten inputs."""


KINDS = {"suites": Kind(suites, 4), "records": Kind(records, 3), "imports": Kind(imports, 3)}


def shares(inputs: int) -> Iterator[tuple[str, int]]:
    """Yield how many inputs of each kind there are."""
    whole = sum(kind.share for kind in KINDS.values())
    for name, kind in KINDS.items():
        yield name, max(1, inputs * kind.share // whole)
