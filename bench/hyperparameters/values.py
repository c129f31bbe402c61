"""A hyperparameter's name and value in, the value as the learning library wants it out, or what is wrong with it.

Only what every algorithm means by a name is judged here; the rest is the library's own to refuse.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.catalog import SETTINGS, algorithms, did_you_mean
from bench.hyperparameters.fields import one_of, shown, whole
from bench.limits import MOST_STEPS, is_finite, is_number

_LITERALS = "wants only literals, names of classes and dict(...), such as dict(net_arch=[64, 64])"


def checked(algorithm: str, name: str, value: Any, implementation: str = "") -> Any:
    """Return `value`, whole numbers written as `1e5` made integers.

    Args:
        algorithm: whose setting it is; one that is not known takes what anybody means by the name.
        name: of the setting.
        value: as it was written.
        implementation: of the algorithm; empty: the first.

    Raises:
        ValueError: the value cannot be meant; the message says what is wanted.
    """
    first = algorithms().get(algorithm)
    entry = first and first.implementations.get(implementation, first)
    kinds = entry.settings if entry and entry.settings else SETTINGS
    kind, _, keywords = kinds.get(name, SETTINGS.get(name, "")).partition(": ")
    found = CHECKS[kind](value)
    return _only(keywords.split(), found) if keywords else found


def schedule(text: str) -> float:
    """Return the initial value of a linear schedule, RL Zoo's `lin_0.001`: from there to 0 over training.

    Raises:
        ValueError: the text is no schedule.
    """
    head, _, start = text.partition("_")
    if head != "lin":
        raise ValueError(f"wants a number or a schedule like 'lin_0.001', not {text!r}")
    try:
        value = float(start)
    except ValueError:
        raise ValueError(f"schedule {text!r} has no number after 'lin_'; write for instance 'lin_0.001'") from None
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"schedule {text!r} must start above 0")
    return value


def is_schedule(value: Any) -> bool:
    """Return whether the value is the text of a schedule."""
    try:
        return isinstance(value, str) and schedule(value) > 0
    except ValueError:
        return False


def literal(text: str) -> Any:
    """Return the value of a Python literal as RL Zoo writes them, `dict(net_arch=[256, 256], activation_fn=nn.ReLU)`.

    The text is parsed, never executed; dotted names stay text (`nn.ReLU`).

    Raises:
        ValueError: the text is anything but literals, dotted names and `dict(...)` calls.
    """
    try:
        return _literal(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError(_LITERALS) from None


def _literal(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            if any(keyword.arg is None for keyword in keywords):
                raise ValueError("`**` has no place in a literal")
            return {keyword.arg: _literal(keyword.value) for keyword in keywords}
        case ast.Name() | ast.Attribute():
            return _dotted(node)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_literal(key): _literal(value) for key, value in zip(keys, values, strict=True) if key is not None}
    try:
        return ast.literal_eval(node)
    except ValueError:
        # Its message names an object's address.
        raise ValueError(_LITERALS) from None


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=name):
            return f"{_dotted(owner)}.{name}"
    raise ValueError(_LITERALS)


def _holds(value: Any) -> bool:
    """Return whether a value is a number that a float can hold; infinities count."""
    return is_finite(value) or (is_number(value) and value in {math.inf, -math.inf})


def _gradient_steps(value: Any) -> int:
    if value == 0:
        raise ValueError("wants a whole number of at least 1, or -1 for as many as steps were collected; not 0")
    return whole(-1, MOST_STEPS)(value)


def _from_0_to(high: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not _holds(value) or not 0 <= value <= high:
            raise ValueError(f"wants a number from 0 to {high:g}, not {shown(value)}")
        return value

    return check


def _share_above_0(value: Any) -> Any:
    if not _holds(value) or not 0 < value <= 1:
        raise ValueError(f"wants a number above 0, up to 1, not {shown(value)}")
    return value


def _positive_or_schedule(value: Any) -> Any:
    if isinstance(value, str):
        schedule(value)
    elif not _holds(value) or value <= 0:
        raise ValueError(f"wants a number above 0 or a schedule like 'lin_0.001', not {shown(value)}")
    return value


def _learning_rate(value: Any) -> Any:
    if value == math.inf:
        raise ValueError("wants a finite number or a schedule like 'lin_0.001'")
    return _positive_or_schedule(value)


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


def _entropy(value: Any) -> Any:
    if isinstance(value, str) and (value == "auto" or value.startswith("auto_")):
        start = value.removeprefix("auto").removeprefix("_")
        try:
            fits = not start or float(start) > 0
        except ValueError:
            fits = False
        if fits:
            return value
    if not _holds(value) or not 0 <= value < math.inf:
        raise ValueError(f"wants a number of at least 0, or 'auto' where the algorithm tunes it; not {shown(value)}")
    return value


def _train_freq(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2 and value[1] in ("step", "episode"):  # noqa: PLR2004 - a pair
        return [whole(1, MOST_STEPS)(value[0]), value[1]]
    return whole(1, MOST_STEPS)(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"wants true or false, not {shown(value)}")  # noqa: TRY004 - one kind of error for every bad value
    return value


def _off(value: Any) -> bool:
    if value is not False:
        raise ValueError(f"wants false: this implementation has no such thing; not {shown(value)}")
    return value


def _normalize(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    given = literal(value) if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        wanted = "true, false or a mapping like {norm_obs: true, norm_reward: false}"
        raise ValueError(f"wants {wanted}, not {shown(value)}")  # noqa: TRY004 - as above
    known: Mapping[str, Callable[[Any], Any]] = {
        **dict.fromkeys(("norm_obs", "norm_reward"), _flag),
        **dict.fromkeys(("clip_obs", "clip_reward"), _from_0_to(math.inf)),
        "epsilon": _positive,
        "gamma": _from_0_to(1),
        "norm_obs_keys": _names,
    }
    for key in given:
        if key not in known:
            raise ValueError(f"has no setting {key!r}; one of {', '.join(sorted(known))}")
        _named(key, known[key], given[key])
    return value


def _names(value: Any) -> Any:
    if value is not None and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        raise ValueError(f"wants a list of names, not {shown(value)}")
    return value


def _positive(value: Any) -> Any:
    if not _holds(value) or not 0 < value < math.inf:
        raise ValueError(f"wants a number above 0, not {shown(value)}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"wants a name, not {shown(value)}")
    return value


def _policy_kwargs(value: Any) -> Any:
    given = literal(value) if isinstance(value, str) else value
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"wants a mapping or a text like 'dict(net_arch=[64, 64])', not {shown(value)}")
    return value


def _only(known: Sequence[str], value: Any) -> Any:
    """Return keywords, as a mapping or as text, that are all among those that are known."""
    given = literal(value) if isinstance(value, str) else value
    for name in given or ():
        if name not in known:
            raise ValueError(f"has no {name!r} in this implementation; it takes {', '.join(sorted(known))}")
    return value


def _two_equal_layers(value: Any) -> Any:
    given = literal(value) if isinstance(value, str) else value
    layers = given.get("net_arch") if isinstance(given, Mapping) else None
    if layers is not None and not (isinstance(layers, list) and len(layers) == 2 and layers[0] == layers[1]):  # noqa: PLR2004 - two layers
        raise ValueError(
            f"net_arch: this implementation has two layers of one width, [64, 64] say, not {shown(layers)}"
        )
    return _policy_kwargs(value)


def _constant(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"wants a number: this implementation keeps its step size and follows no schedule {value!r}")  # noqa: TRY004 - one kind of error for every bad value
    return _learning_rate(value)


def _steps(value: Any) -> Any:
    if value is None:
        return value
    if not isinstance(value, list):
        raise ValueError(f"wants a list of steps, [100000, 200000] say, not {shown(value)}")  # noqa: TRY004 - as above
    return [whole(1, MOST_STEPS)(step) for step in value]


def _replay_buffer_kwargs(value: Any) -> Any:
    if value is None:
        return value
    if not isinstance(value, Mapping) or not set(value) <= _BUFFER_FLAGS:
        raise ValueError(f"wants a mapping with {' or '.join(sorted(_BUFFER_FLAGS))}, not {shown(value)}")
    return {name: _flag(flag) for name, flag in value.items()}


def _env_wrapper(value: Any) -> Any:
    for item in value if isinstance(value, list) else [value]:
        named = isinstance(item, str) or (isinstance(item, Mapping) and len(item) == 1)
        if not named and value is not None:
            raise ValueError("wants a dotted class name, {name: {arguments}} or a list of these")
    return value


_CUTS = ("bins", "tilings", "low", "high")
_MOST_BINS, _MOST_TILINGS = 1_000_000, 1_024


def _discretisation(value: Any) -> Any:
    """Return how the numbers of an observation are cut: each setting is one value for all, or a list, one for each."""
    if value is None:
        return value
    if not isinstance(value, Mapping) or "bins" not in value:
        wanted = "a mapping with `bins`, like {bins: 10} or {bins: [4, 8], low: [-1, -2], high: [1, 2], tilings: 8}"
        raise ValueError(f"wants {wanted}, not {shown(value)}")
    for name in value:
        if name not in _CUTS:
            hint = did_you_mean(str(name), _CUTS) or f"it takes {', '.join(_CUTS)}"
            raise ValueError(f"has no {name!r}; {hint}")
    read: Mapping[str, Callable[[Any], Any]] = {
        "bins": _each(whole(1, _MOST_BINS)),
        "tilings": whole(1, _MOST_TILINGS),
        "low": _each(_optional(_finite)),
        "high": _each(_optional(_finite)),
    }
    return {name: _named(name, read[name], one) for name, one in value.items()}


def _each(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [check(one) for one in value] if isinstance(value, list) else check(value)


def _named(name: str, check: Callable[[Any], Any], value: Any) -> Any:
    try:
        return check(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _finite(value: Any) -> Any:
    if not is_finite(value):
        raise ValueError(f"wants a number, not {shown(value)}")
    return value


_BUFFER_FLAGS = {"handle_timeout_termination"}
"""What stable-baselines3's replay buffer takes beyond arguments of its own in the algorithm's constructor."""
CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "count": whole(1, MOST_STEPS),
    "seed": whole(0, 2**31 - 1),
    "optional count": _optional(whole(1, MOST_STEPS)),
    "count or none": whole(0, MOST_STEPS),
    "count or -1": whole(-1, MOST_STEPS),
    # Environments and frames that one process holds at the same time.
    "copies": whole(1, 1_000),
    "gradient steps": _gradient_steps,
    "frequency": _train_freq,
    "share": _from_0_to(1),
    "share above 0": _share_above_0,
    "amount": _from_0_to(math.inf),
    "number": _finite,
    "optional amount": _optional(_from_0_to(math.inf)),
    "optional step size": _optional(_positive),
    "constant step size": _constant,
    "steps": _steps,
    "flag": _flag,
    "off": _off,
    "schedule": _positive_or_schedule,
    "finite schedule": _learning_rate,
    "optional schedule": _optional(_positive_or_schedule),
    "entropy": _entropy,
    "name": _text,
    "noise": one_of("normal", "ornstein-uhlenbeck"),
    "none, running, mean or value": one_of("none", "running", "mean", "value"),
    "none or mean": one_of("none", "mean"),
    "normalisation": _normalize,
    "policy keywords": _policy_kwargs,
    "policy keywords, two equal layers": _two_equal_layers,
    "buffer keywords": _replay_buffer_kwargs,
    "wrappers": _env_wrapper,
    "discretisation": _discretisation,
    "": lambda value: value,
}
"""Kind of value, as the catalogue names it -> what reads it; after a colon a kind names the keywords that it takes."""
