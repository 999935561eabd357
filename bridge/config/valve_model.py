"""A form that Open WebUI fills in and that no value can break.

Open WebUI builds such a model anew before every call, with the same constructor that checks the
form, and in 0.6.28 a stored value that does not validate takes the whole model list down. So
building it never fails over a value: what cannot be obeyed is reported by `problems()`, stays in
the form as it was typed, and the default rules meanwhile. A field that is left blank counts as
unset; where a default is set and blank is allowed as well, it says "none". What is unknown here
is ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType
from typing import Any, ClassVar, Final, NamedTuple, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from bridge.config.errors import ValveProblem, shown_value
from bridge.config.secret_text import SECRET_KEY_VARIABLE, SecretText

# What a stored form is made of, and what cannot change behind our back.
_PLAIN: Final = frozenset({str, int, float, bool, NoneType})


class _Made(NamedTuple):
    """A form as it was filled in last, and what became of it."""

    given: dict[str, Any]
    types: list[type]
    environment: tuple[str | None, ...]
    values: dict[str, Any]
    fields_set: set[str]
    problems: tuple[ValveProblem, ...]


class ForgivingModel(BaseModel):
    """See the module docstring.

    Attributes:
        stored_blank: fields whose default is stored as a blank, because it comes out of the
            environment: it neither freezes in the database nor puts a key there that nobody typed.
        stores_chosen_only: leave out of the stored form what nobody has set.
        variables: the environment variable behind the default of a field, where there is one.
    """

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    stored_blank: ClassVar[tuple[str, ...]] = ()
    stores_chosen_only: ClassVar[bool] = False
    variables: ClassVar[Mapping[str, str]] = {}

    _last_made: ClassVar[dict[type, _Made]] = {}

    _problems: tuple[ValveProblem, ...] = PrivateAttr(default=())
    _read: tuple[str | None, ...] = PrivateAttr(default=())

    def __init__(self, /, **data: Any) -> None:  # Any: a form may hold whatever was stored
        """Check a form, or copy what came of the same one the last time.

        Open WebUI builds the form before every call, nearly always out of the same values, and to
        check a hundred of them costs more than all else that is done for them.
        """
        cls = type(self)
        made = cls._last_made.get(cls)
        environment = cls._environment(data)
        if (
            made is not None
            and made.given == data
            and made.types == [*map(type, data.values())]
            and made.environment == environment
        ):
            self.__setstate__(
                {
                    "__dict__": made.values.copy(),
                    "__pydantic_fields_set__": made.fields_set.copy(),
                    "__pydantic_extra__": None,
                    "__pydantic_private__": {"_problems": made.problems, "_read": environment},
                }
            )
            return
        super().__init__(**data)
        self._read = environment
        types = [*map(type, data.values())]
        if _PLAIN.issuperset(types):
            cls._last_made[cls] = _Made(
                given=data,
                types=types,
                environment=environment,
                values=self.__dict__.copy(),
                fields_set=self.model_fields_set.copy(),
                problems=self._problems,
            )

    @classmethod
    def _environment(cls, data: Mapping[str, object]) -> tuple[str | None, ...]:
        """Read what has a say in the values beside the form itself."""
        read = os.environ.get
        found = [read(SECRET_KEY_VARIABLE)]
        for name, variable in cls.variables.items():
            if not (value := data.get(name)) or _is_blank(value):
                found.append(read(variable))
        return tuple(found)

    def problems(self) -> tuple[ValveProblem, ...]:
        """Return what was set and cannot be obeyed; the default rules in its place."""
        # Past pydantic's `__getattr__`, which is asked for every private attribute.
        private = self.__pydantic_private__
        return private["_problems"] if private else ()

    def environment(self) -> tuple[str | None, ...]:
        """Return what stood in the variables that have a say, when the form was filled in."""
        private = self.__pydantic_private__
        return private["_read"] if private else ()

    @model_validator(mode="wrap")
    @classmethod
    def _obey_what_fits(cls, data: object, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, Mapping):
            return handler(data)
        may_be_none = _fields_with_none(cls)
        given = {
            name: None if name in may_be_none and _is_blank(value) else value
            for name, value in data.items()
            if name in may_be_none or not cls.is_unset(value)
        }
        try:
            return handler(given)
        except ValidationError as error:
            problems = _problems_in(cls, error, given)
            if not problems:
                raise
        unfit = {problem.valve for problem in problems}
        made = handler({name: value for name, value in given.items() if name not in unfit})
        made._problems = problems
        return made

    @classmethod
    def is_unset(cls, value: object) -> bool:
        """Say whether a value stands for a field that nobody has filled in."""
        return _is_blank(value)

    @model_serializer(mode="wrap")
    def _as_stored(self, handler: SerializerFunctionWrapHandler) -> dict[str, object]:
        stored: dict[str, object] = handler(self)
        if self.stores_chosen_only:
            chosen = self.model_fields_set
            stored = {name: value for name, value in stored.items() if name in chosen}
        # The newer Open WebUI forgets a stored null; it has to be a blank to come back.
        blank = [name for name in _fields_with_none(type(self)) if stored.get(name, "") is None]
        blank += [name for name in self.stored_blank if name not in self.model_fields_set]
        stored.update(dict.fromkeys((name for name in blank if name in stored), ""))
        # The form goes on showing what was typed, and every load reports it again.
        stored.update({unfit.valve: unfit.value for unfit in self._problems if unfit.value})
        return stored


@lru_cache(maxsize=8)
def _fields_with_none(model: type[BaseModel]) -> frozenset[str]:
    """Name the fields in which "none" means something else than the default."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if field.default is not None and NoneType in get_args(field.annotation)
    )


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _problems_in(
    model: type[BaseModel], error: ValidationError, given: Mapping[str, object]
) -> tuple[ValveProblem, ...]:
    """Read one problem per valve out of pydantic's report."""
    problems: dict[str, ValveProblem] = {}
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        valve = str(fault["loc"][0]) if fault["loc"] else ""
        if valve in given and valve not in problems:
            is_secret = model.model_fields[valve].annotation is SecretText
            value = "" if is_secret else shown_value(str(given[valve]))
            accepted = _accepted(fault["msg"])
            problems[valve] = ValveProblem(valve=valve, value=value, accepted=accepted)
    return tuple(problems.values())


def _accepted(message: str) -> str:
    """Return what pydantic says would be taken: `greater than or equal to 1`, `'on' or 'off'`."""
    return message.removeprefix("Input should be ").partition(", unable to ")[0]
