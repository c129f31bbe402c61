"""Labels in; colours, lines and markers that stay apart without colour out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import count

NEUTRALS = {"ink": "#1d2126", "muted": "#5c626b", "rule": "#d9d7d0", "paper": "#ffffff"}
"""Text, axes and grid of a figure that stands alone; on the page they are variables that turn over in dark mode."""

LIGHT = ("#0072b2", "#d55e00", "#008763", "#b3508b", "#a87400", "#2f8fc9", "#565656", "#7d4a2d")
"""Okabe and Ito's hues in their order for lines, darkened where needed to stand 3:1 against white."""
DARK = ("#52a9e6", "#f2823a", "#35c49a", "#e195c2", "#e8b73a", "#a5d8f8", "#b9b9b9", "#cf9f7e")
"""The same hues, lightened to stand 3:1 against the dark page."""
_DASHES: tuple[tuple[float, ...], ...] = ((), (4.7, 1.5), (1.9, 1.1), (5.6, 1.5, 1.1, 1.5))
"""On, off, ... in line widths, as matplotlib counts them; empty: solid."""
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_PREFERRED = {
    "reinforce": 0, "a2c": 1, "ppo": 2, "dqn": 3, "sac": 4, "td3": 5, "random": 6, "trpo": 7,
    "ddpg": 8, "tqc": 9, "qrdqn": 11, "ars": 12, "crossq": 13, "q_learning": 16, "softmax_reinforce": 8,
    "sarsa": 17, "expected_sarsa": 20, "ppo_lstm": 10, "maskable_ppo": 18, "dqn_mse": 19,
}  # fmt: skip
"""Algorithm -> its look wherever it stands alone under its name: the same on every page."""


@dataclass(frozen=True, slots=True)
class Style:
    """How one algorithm looks in every figure."""

    place: int
    """Of the algorithm on this page: what the page's script knows it by."""
    turn: int
    """Which of all looks: colours repeat after eight, but then with another line and marker."""

    @property
    def slot(self) -> int:
        """Its colour's place in the palette."""
        return self.turn % len(LIGHT)

    @property
    def colour(self) -> str:
        """Its colour as `#rrggbb`, as on white paper."""
        return LIGHT[self.slot]

    @property
    def dash(self) -> tuple[float, ...]:
        """On, off, ... in line widths; empty: solid."""
        return _DASHES[self._other % len(_DASHES)]

    @property
    def marker(self) -> str:
        """Its marker, by matplotlib's letter."""
        return _MARKERS[self._other % len(_MARKERS)]

    @property
    def _other(self) -> int:
        return self.turn + self.turn // len(LIGHT)


def styles(labels: Sequence[str], algorithms: Mapping[str, str] | None = None) -> dict[str, Style]:
    """Return a style for each label: an algorithm's own where it is free, else the next that nobody here has.

    `ppo (tuned)` beside `ppo` has its colour, with another line and marker.

    Args:
        labels: in the page's order.
        algorithms: label -> algorithm, for labels that are not an algorithm's name; a variant gives way to it.
    """
    wanted = {label: _PREFERRED.get(label.casefold().replace("-", "")) for label in labels}
    variants = {label: _PREFERRED.get((algorithms or {}).get(label, "")) for label in labels}
    turns: dict[str, int] = {}
    for source in (wanted, variants):
        for label, turn in source.items():
            if turn is not None and label not in turns and turn not in turns.values():
                turns[label] = turn
    # Other colours first: a line of its own beside a colour of its own is easier to follow than either alone.
    for label in labels:
        if label not in turns:
            taken, alike = set(turns.values()), turns.get(label.rpartition(" (")[0])
            turns[label] = _free(taken) if alike is None else _beside(alike, taken)
    return {label: Style(place, turns[label]) for place, label in enumerate(labels)}


def _beside(turn: int, taken: AbstractSet[int]) -> int:
    """Return the next look of the same colour that nobody has."""
    return next(other for other in count(turn, len(LIGHT)) if other not in taken)


def _free(taken: AbstractSet[int]) -> int:
    used = {turn % len(LIGHT) for turn in taken}
    return next(
        turn
        for turn in range(len(LIGHT) * (len(taken) // len(LIGHT) + 2))
        if turn not in taken and (turn % len(LIGHT) not in used or len(used) == len(LIGHT))
    )
