"""A value in, one line of YAML that reads back as that value out."""

from __future__ import annotations

import json
import math
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def bare(value: Any) -> str:
    """Return a value with as few quotes as YAML needs, for a reader; with all of them where it would be misread."""
    emitter = YAML(typ="safe", pure=True)
    emitter.width = 2**31
    # Its annotations know only what these are before anyone sets them.
    emitter.default_flow_style = True
    emitter.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = StringIO()
    # Within a list, so that a word is quoted where a comma would end it.
    emitter.dump([value], stream)
    text = stream.getvalue().strip()[1:-1]
    return text if _reads_back(text, value) else flow(value)


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
