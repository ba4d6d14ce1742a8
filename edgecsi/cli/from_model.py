"""Command-line options from a pydantic class: name, default, help and bounds stand there and nowhere else.

    @click.command()
    @model_options(DataOptions, skip=("seed",))
    def command(**values): options = build_model(DataOptions, values)

A field `speed_kmh` becomes `--speed-kmh`; `alias` gives an option another name. A value that the class
refuses is a usage error that names the option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from edgecsi.option_values import is_list, parse, plain

Model = TypeVar("Model", bound=BaseModel)
NULL = object()  # an option that says null, where None would mean that it was not given
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class FieldType(click.ParamType):
    """Text -> a field's value, judged by pydantic; ranges are written `10-100`, or `-5:25` with signs."""

    def __init__(self, annotation: Any, field: FieldInfo) -> None:
        self._annotation = annotation
        self._adapter: TypeAdapter[Any] = TypeAdapter(_constrained(annotation, field))
        self.name = _metavar(annotation)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or a usage error."""
        if not isinstance(value, str):
            return value
        try:
            found = self._adapter.validate_python(parse(value, self._annotation))
        except (ValidationError, ValueError) as error:
            self.fail(f"{value!r}: {_said(error)}", param, ctx)
        return NULL if found is None else found

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """What stands for the value in help."""
        return self.name


def model_options(
    model: type[BaseModel], skip: Iterable[str] = (), alias: Mapping[str, str] | None = None
) -> Decorator:
    """A decorator that adds an option per field of `model`, in their order.

    skip: fields that get none. alias: field -> name of its option, as "--speed".
    """
    alias = alias or {}
    left_out = set(skip)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, field in reversed(model.model_fields.items()):
            if name not in left_out:
                command = _option(name, field, alias.get(name))(command)
        return command

    return decorate


def build_model(
    model: type[Model], values: Mapping[str, Any], alias: Mapping[str, str] | None = None
) -> Model:
    """An instance from option values; None means the field's default. click.BadParameter where it refuses."""
    given = given_fields(model, values)
    try:
        return model(**given)
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        hint = (alias or {}).get(field) or (option_name(field) if field else None)
        raise click.BadParameter(_said(error), param_hint=hint) from None


def given_fields(model: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `model` that the command line gave a value."""
    given = {name: value for name, value in values.items() if name in model.model_fields}
    for name in given:
        if is_list(model.model_fields[name].annotation):
            # The option may be repeated, `--snr-db 20 --snr-db 10,5`; never given, there is nothing in it.
            given[name] = tuple(item for part in given[name] for item in part) or None
    return {name: None if value is NULL else value for name, value in given.items() if value is not None}


def option_name(field: str) -> str:
    """`max_users` -> `--max-users`."""
    return f"--{field.replace('_', '-')}"


def _option(name: str, field: FieldInfo, alias: str | None) -> Decorator:
    annotation = field.annotation
    kind_of = plain(annotation)
    help_text = field.description or ""
    required = field.is_required()
    if kind_of is bool:
        flag = option_name(name)
        names = alias or f"{flag}/--no-{flag[2:]}"
        if isinstance(field.default, bool):
            help_text += f"  [default: {names.split('/')[not field.default].lstrip('-')}]"
        return click.option(names, name, default=None, help=help_text)
    kind: click.ParamType
    if get_origin(kind_of) is Literal:
        kind = click.Choice([str(choice) for choice in get_args(kind_of)])
    elif kind_of is Path:
        kind = click.Path(path_type=Path)
    else:
        kind = FieldType(annotation, field)
    return click.option(
        alias or option_name(name),
        name,
        type=kind,
        required=required,
        multiple=is_list(annotation),
        help=_with_default(help_text, field),
    )


def _with_default(text: str, field: FieldInfo) -> str:
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default is None:
        return text
    if isinstance(default, tuple):
        between = "," if any(isinstance(value, str) for value in default) else "-"
        shown = between.join(map(_short, default))
    else:
        shown = _short(default)
    return f"{text}  [default: {shown}]"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _constrained(annotation: Any, field: FieldInfo) -> Any:
    """The annotation with the field's own bounds."""
    from typing import Annotated

    return Annotated[(annotation, *field.metadata)] if field.metadata else annotation


def _metavar(annotation: Any) -> str:
    kind_of = plain(annotation)
    if get_origin(kind_of) is tuple:
        return "LIST" if is_list(annotation) else "LOW-HIGH"
    return {int: "INTEGER", float: "NUMBER"}.get(kind_of, "TEXT")


def _said(error: ValidationError | ValueError) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return str(error)
