"""The text of RL Zoo's YAML files in, plain values out; no tag is ever executed.

The files hold `!!python/object/apply:collections.OrderedDict` and the like. They are read as nodes of the YAML parser,
and only scalars, lists and mappings are built from these, whatever their tags say.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.imports.found import RefusedError

_DEEPEST = 40
_MOST_VALUES = 20_000
_MOST_TEXT = 1_000_000
_WORDS = {"null": None, "~": None, "": None, "true": True, "false": False}


def read_settings(text: str) -> dict[str, Any]:
    """Return the mapping that the text holds, an ordered one included.

    Raises:
        RefusedError: it is no YAML, or no mapping.
    """
    if len(text) > _MOST_TEXT:
        raise RefusedError("larger than any settings file")
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except (Exception, RecursionError) as error:  # noqa: BLE001 - the parser fails on garbage in many ways
        raise RefusedError(f"no readable YAML ({type(error).__name__})") from None
    value = _Reader().read(node, 0) if node is not None else None
    value = _mapping(value)
    if value is None:
        raise RefusedError("holds no mapping of settings")
    return value


class _Reader:
    """Builds plain values, and stops where a text of aliases would grow without end."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, node: Node, depth: int) -> Any:
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST_VALUES:
            raise RefusedError("nested deeper, or holds more values, than any settings file")
        if isinstance(node, MappingNode):
            return {str(self.read(key, depth + 1)): self.read(value, depth + 1) for key, value in node.value}
        if isinstance(node, SequenceNode):
            values = [self.read(one, depth + 1) for one in node.value]
            ordered = "OrderedDict" in str(node.tag)
            return _mapping(values) if ordered and _mapping(values) is not None else values
        return _scalar(node)


def _mapping(value: Any) -> dict[str, Any] | None:
    """Return a mapping, or what `OrderedDict([[key, value], ...])` was written as, one list deeper, as a mapping."""
    if isinstance(value, dict):
        return value
    while isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    pairs = isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)  # noqa: PLR2004 - key and value
    return {str(key): item for key, item in value} if pairs and value else None


def _scalar(node: Node) -> Any:
    if not isinstance(node, ScalarNode):
        return None
    text = str(node.value)
    if node.style in {"'", '"'}:
        return text
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
