"""Configuration files: YAML read strictly, and every mistake told in one line with file, field and choices."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from harness.foundation.errors import HarnessError
from harness.foundation.names import check_distinct, check_name

Model = TypeVar("Model", bound=BaseModel)

_NUMBER_AS_TEXT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


_MOST_VALUES = 1_000_000
"""More values than any configuration has: aliases of aliases can mean billions in a few lines."""


class StrictModel(BaseModel):
    """The base of all configuration: unknown keys are errors, nothing is converted, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error instead of a silent override.

    The key ``on`` is text, though YAML 1.1 takes the word for a truth value.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value == "on":
                key_node.tag = "tag:yaml.org,2002:str"
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)):
                problem = f"a key must be text or a number, not {_kind(key)}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key is None or isinstance(key, bool):
                problem = f"YAML reads this key as {key}, not as text; write it in quotes"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if str(key) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is given twice", key_node.start_mark)
            seen.add(str(key))
        return super().construct_mapping(node, deep)


def load_yaml(path: str | Path) -> Any:
    """Read a YAML file.

    Raises:
        HarnessError: the file is missing, does not parse, gives a key twice, or its aliases unfold without end.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        siblings = ", ".join(sorted(p.name for p in path.parent.glob("*.y*ml"))) or "none"
        raise HarnessError(f"{path}: no such file; files there: {siblings}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise HarnessError(f"{path}: cannot be read ({error})") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Any:
    """Read YAML from ``text``; errors name ``source``.

    Raises:
        HarnessError: it does not parse, gives a key twice, or its aliases unfold without end.
    """
    try:
        data = yaml.load(text, Loader=_Loader)
        _unfolded(data, source, {})
        return data
    except RecursionError as error:
        raise HarnessError(f"{source}: nested too deeply to be read; write it flatter") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "unknown place"
        raise HarnessError(f"{source}: {place}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise HarnessError(f"{source}: not valid YAML: {' '.join(str(error).split())}") from error


def _unfolded(data: Any, source: str, known: dict[int, int]) -> int:
    """Return how many values ``data`` holds when its aliases are written out, which JSON will do.

    Args:
        data: a value.
        source: the file.
        known: object to its number, 0 for those that are being counted.
    """
    if not isinstance(data, (list, dict)):
        return 1
    if known.get(id(data)) == 0:
        raise HarnessError(f"{source}: an alias stands inside its own value; write out what it means")
    if id(data) not in known:
        known[id(data)] = 0
        parts = data.values() if isinstance(data, dict) else data
        known[id(data)] = 1 + sum(_unfolded(part, source, known) for part in parts)
    if known[id(data)] > _MOST_VALUES:
        raise HarnessError(f"{source}: unfolds to more than {_MOST_VALUES:,} values; write out what it means")
    return known[id(data)]


def load_model(path: str | Path, model: type[Model]) -> Model:
    """Read a YAML file into ``model``; see :func:`validate`."""
    return validate(load_yaml(path), model, str(path))


def load_mapping(path: str | Path, model: type[Model], kind: str) -> dict[str, Model]:
    """Read a YAML file that maps names to ``model``: a catalogue.

    Args:
        path: the file.
        model: of each entry.
        kind: what the names name, such as ``data set``; see :mod:`harness.foundation.names`.

    Raises:
        HarnessError: a name that cannot be used; or as :func:`validate`, the field being ``<name>.<field>``.
    """
    return {
        name: validate(entry, model, str(path), name)
        for name, entry in named_entries(load_yaml(path), kind, str(path)).items()
    }


def named_entries(data: Any, kind: str, place: str) -> dict[str, Any]:
    """Return a mapping of names to entries after checking the names.

    Args:
        data: what YAML gave; nothing stands for no entries.
        kind: what the names name.
        place: the file and the field, for errors.

    Raises:
        HarnessError: it is no mapping, or a name cannot be used.
    """
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise HarnessError(f"{place}: must map names to entries, not be {_kind(data)}")
    entries = {check_name(name, kind, place): entry for name, entry in data.items()}
    check_distinct(entries, kind, place)
    return entries


def validate(data: Any, model: type[Model], source: str, field: str = "") -> Model:
    """Check ``data`` against ``model``, strictly.

    Args:
        data: what YAML gave.
        model: a pydantic model.
        source: the file, named in errors.
        field: where in the file ``data`` stands, dotted; empty for the whole file.

    Raises:
        HarnessError: one line per mistake, ``file: field: problem``, with the value and the allowed choices.
    """
    try:
        text = json.dumps(data)
    except TypeError as error:
        raise HarnessError(
            f"{source}: {field or 'file'}: only text, numbers, lists and mappings are allowed ({error})"
        ) from error
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        lines = [_explain(problem, model, source, field) for problem in _primary(error.errors())]
        raise HarnessError("\n".join(dict.fromkeys(lines))) from error


def _primary(problems: Iterable[Any]) -> list[Any]:
    """Drop "too short" of a list whose items are wrong themselves: pydantic does not count those."""
    found = list(problems)
    inner = {problem["loc"][:-1] for problem in found}
    return [problem for problem in found if problem["type"] != "too_short" or problem["loc"] not in inner]


def _explain(problem: Any, model: type[BaseModel], source: str, field: str) -> str:
    location = ".".join([field] * bool(field) + [str(part) for part in problem["loc"]]) or "file"
    return f"{source}: {location}: {_reason(problem, model)}"


def _reason(problem: Any, model: type[BaseModel]) -> str:
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        allowed = ", ".join(_fields_at(model, problem["loc"][:-1])) or "none"
        return f"unknown key; allowed: {allowed}"
    if kind == "too_short":
        return f"an empty list; give at least {problem['ctx']['min_length']}"
    if kind == "missing":
        return "required, but not given"
    if kind in ("float_type", "int_type") and isinstance(value, str) and _NUMBER_AS_TEXT.fullmatch(value):
        mantissa, exponent = value.lower().split("e")
        mantissa = mantissa if "." in mantissa else mantissa + ".0"
        sign = exponent if exponent[0] in "+-" else "+" + exponent
        return f"{value!r} is text to YAML, not a number; write {mantissa}e{sign}"
    if kind == "value_error":
        return str(problem["ctx"]["error"])
    shown = _kind(value) if value is None or isinstance(value, (dict, list)) else repr(value)
    return f"{shown}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed at a place in ``model``, following lists, mappings and optional fields."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
        elif typing.get_args(current):
            current = typing.get_args(current)[-1]
        if typing.get_origin(current) in (typing.Union, types.UnionType):
            models = [a for a in typing.get_args(current) if isinstance(a, type) and issubclass(a, BaseModel)]
            current = models[0] if models else current
    if isinstance(current, type) and issubclass(current, BaseModel):
        return sorted(current.model_fields)
    return []


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", type(None): "empty"}.get(type(value), repr(value))
