"""Configurations as nested mappings: laid over one another, walked through, faults in words."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from mocoda.errors import suggestion

# Text that Python reads as a number which is not finite.
NOT_FINITE = ("inf", "infinity", "nan")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` laid over `base`: mappings are merged, everything else is replaced."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def leaves(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Each value below a section that is no mapping or list, with its key."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from leaves(f"{at}.{key}", below)
    elif isinstance(value, list | tuple):
        for number, below in enumerate(value):
            yield from leaves(f"{at}.{number}", below)
    else:
        yield at, value


def describe(at: str, error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Pydantic's findings, one line each: the key, what was expected, what was found."""
    lines = []
    for fault in error.errors():
        location = fault["loc"]
        key = ".".join([at, *map(str, location)])
        if fault["type"] == "extra_forbidden":
            near = suggestion(str(location[-1]), fields_at(model, location[:-1]))
            lines.append(f"{key}: no such setting. {near}")
        elif fault["type"] == "missing":
            lines.append(f"{key}: expected a value; found none.")
        else:
            lines.append(
                f"{key}: {fault['msg'].removeprefix('Value error, ')}; found {fault['input']!r}."
            )
    return lines


def fields_at(model: Any, location: tuple[Any, ...]) -> list[str]:
    """Names of the settings of the model that lies at a location within another model."""
    for part in location:
        field = getattr(model, "model_fields", {}).get(part)
        if field is not None:
            model = field.annotation
            if getattr(model, "__args__", None) and not hasattr(model, "model_fields"):
                model = next((a for a in model.__args__ if hasattr(a, "model_fields")), model)
    return list(getattr(model, "model_fields", {}))
