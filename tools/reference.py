"""Writes the generated parts of docs/reference-experiment.md and docs/reference-commands.md from the code.

    python -m tools.reference

What may stand in an experiment is read from the models that check it, and described by their docstrings'
``Attributes``; the commands are those of the command line, with their own help.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from harness.commands.app import app
from harness.degradations.spec import GaussianNoiseSpec, SecondOrderSpec, StageSpec
from harness.evaluation.external_entry import ExternalEntry
from harness.evaluation.metrics import MetricEntry
from harness.experiment.ablations import AblationFile, Level
from harness.experiment.catalogues import VariantEntry
from harness.experiment.file import (
    AnalysisEntry,
    EvaluationEntry,
    ExperimentFile,
    PrimaryEntry,
    SelectionEntry,
    SystematicEntry,
    TuningEntry,
)
from harness.experiment.stages import SeedsEntry
from harness.spec import NetworkEntry, PassesSpec, ScheduleSpec, TrainingSpec

ROOT = Path(__file__).resolve().parent.parent
EXPERIMENT = ROOT / "docs" / "reference-experiment.md"
COMMANDS = ROOT / "docs" / "reference-commands.md"

_PARTS = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SECTION = re.compile(r"^Attributes:\n(.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
_ITEM = re.compile(r"^    (\w[\w, ]*):\s+(.*?)(?=^    \w[\w, ]*:\s|\Z)", re.DOTALL | re.MULTILINE)


def described(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a model and its parents say of each field, in Markdown."""
    found: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        section = _SECTION.search(_dedented(parent.__doc__ or ""))
        for names, text in _ITEM.findall(section[1]) if section else ():
            words = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", " ".join(text.split())).replace("``", "`")
            found |= dict.fromkeys(re.split(r",\s*", names), words)
    return found


def fields(model: type[BaseModel]) -> str:
    """Return the table of a model's fields: name, type, default, meaning.

    Raises:
        ValueError: a field has no description in the docstring.
    """
    said = described(model)
    lines = ["| key | value | default | |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        if name not in said:
            raise ValueError(f"{model.__module__}.{model.__name__}: say in Attributes what {name!r} is")
        lines.append(f"| `{name}` | {_cell(_type(field))} | {_cell(_default(field))} | {_cell(said[name])} |")
    return "\n".join(lines)


def commands() -> str:
    """Return every command with its help, arguments and options."""
    group: Any = typer.main.get_command(app)
    shown = sorted(name for name, command in group.commands.items() if not command.hidden)
    return "\n\n".join(_command(name, group.commands[name]) for name in shown)


def _command(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=name)
    usage = " ".join(["python -m harness", name, *command.collect_usage_pieces(context)])
    lines = [f"### {name}", "", f"    {usage}", "", _flowing(command.help or "")]
    rows = [_parameter(one, context) for one in command.params if not one.hidden]
    if rows:
        lines += ["", "| | |", "|---|---|", *rows]
    return "\n".join(lines)


def _parameter(one: Any, context: Any) -> str:
    option = one.param_type_name == "option"
    names = " / ".join(map(", ".join, filter(None, (one.opts, one.secondary_opts)))) if option else one.name
    needed = " (needed)" if option and one.required else ""
    value = one.get_default(context)
    default = f" Default: `{value}`." if option and value not in (None, False, (), []) and not callable(value) else ""
    return f"| `{names}`{needed} | {_cell(_flowing(one.help or '') + default)} |"


def _dedented(text: str) -> str:
    first, _, rest = text.partition("\n")
    lines = rest.split("\n")
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join([first.strip(), *(line[indent:] for line in lines)])


def _flowing(text: str) -> str:
    """Return paragraphs as one line each; what is indented stays as it is."""
    paragraphs = re.split(r"\n\s*\n", text.replace("\b\n", "").strip())
    return "\n\n".join(" ".join(one.split()) for one in paragraphs)


def _type(field: FieldInfo) -> str:
    shown = _named(field.annotation)
    bounds = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [f"{sign} {getattr(m, key):g}" for m in field.metadata for key, sign in bounds.items() if hasattr(m, key)]
    return f"{shown} {', '.join(limits)}".strip()


def _named(kind: Any) -> str:
    plain = {int: "integer", float: "number", str: "text", bool: "true or false", Any: "anything", type(None): "none"}
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in plain:
        return plain[kind]
    if origin is typing.Annotated:
        return _named(inner[0])
    if origin is typing.Literal:
        return " or ".join(f"`{str(one).lower() if isinstance(one, bool) else one}`" for one in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_named, inner)))
    if origin in (tuple, list):
        several = len(inner) == 2 and inner[1] is Ellipsis
        return f"list of {_named(inner[0])}" if several else f"list of {len(inner)}: {_named(inner[0])}"
    if origin is dict:
        return f"{_named(inner[0])} to {_named(inner[1])}"
    return f"`{kind.__name__}`"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its defaults"
    if value is None or value == () or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"`{key}`" for key in value)
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


MODELS: dict[str, type[BaseModel]] = {
    "experiment": ExperimentFile,
    "evaluation": EvaluationEntry,
    "systematic": SystematicEntry,
    "primary": PrimaryEntry,
    "tuning": TuningEntry,
    "analysis": AnalysisEntry,
    "selection": SelectionEntry,
    "seeds": SeedsEntry,
    "external": ExternalEntry,
    "training": TrainingSpec,
    "schedule": ScheduleSpec,
    "network": NetworkEntry,
    "passes": PassesSpec,
    "variant": VariantEntry,
    "second_order": SecondOrderSpec,
    "stage": StageSpec,
    "gaussian": GaussianNoiseSpec,
    "metric": MetricEntry,
    "study": AblationFile,
    "level": Level,
}


def page(text: str) -> str:
    """Return the text of a page with its generated parts made anew."""
    makers: dict[str, Callable[[], str]] = {name: partial(fields, model) for name, model in MODELS.items()}
    makers["commands"] = commands
    return _PARTS.sub(lambda match: f"{match[1]}{makers[match[2]]()}\n{match[3]}", text)


def main() -> None:
    """Write the pages."""
    for path in (EXPERIMENT, COMMANDS):
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
