"""A value in, YAML that reads back as that value out: on one line, or as a document."""

from __future__ import annotations

import json
import math
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def bare(value: Any) -> str:
    """Return a value with as few quotes as YAML needs, for a reader; with all of them where it would be misread."""
    # Within a list, so that a word is quoted where a comma would end it.
    text = _emitted([value], width=2**31, in_flow=True).strip()[1:-1]
    return text if _reads_back(text, value) else flow(value)


def block(value: Any) -> str:
    """Return a document: mappings and lists that hold others on lines of their own, the rest within a line."""
    return _emitted(value, width=120, in_flow=None)


def _emitted(value: Any, *, width: int, in_flow: bool | None) -> str:
    emitter, stream = YAML(typ="safe", pure=True), StringIO()
    emitter.width, emitter.default_flow_style = width, in_flow
    # Its annotations know only what this is before anyone sets it.
    emitter.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    emitter.representer.ignore_aliases = lambda _: True
    emitter.dump(value, stream)
    return stream.getvalue()


def _reads_back(text: str, value: Any) -> bool:
    try:
        return bool(YAML(typ="safe", pure=True).load(f"a: [{text}]") == {"a": [value]})
    except YAMLError:
        return False


def flow(value: Any) -> str:
    """Return a value on one line. Emitters of YAML leave some words bare that it then reads as something else."""
    match value:
        case dict():
            return f"{{{', '.join(f'{flow(name)}: {flow(own)}' for name, own in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(flow, value))}]"
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        case str():
            quoted = json.dumps(value, ensure_ascii=False)
            return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in quoted)
    return json.dumps(value)
