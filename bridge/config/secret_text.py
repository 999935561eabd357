"""The type of a valve that holds a secret."""

from __future__ import annotations

import os

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from bridge.crypto.secret_box import encrypt_valve

SECRET_KEY_VARIABLE = "WEBUI_SECRET_KEY"  # noqa: S105 - the name of a variable, not its value


class SecretText(str):
    """Text that validation turns into its stored form, and that never shows itself in a log.

    Open WebUI stores what a validated model dumps, so encryption happens in validation. It
    does nothing to text that is encrypted already: every load validates again (SPEC 13). To
    a form the type is a plain string.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "SecretText(***)"

    @classmethod
    def closed(cls, text: str) -> SecretText:
        """Return the text in its stored form, under the key of this process, if it has one."""
        return cls(encrypt_valve(text.strip(), os.environ.get(SECRET_KEY_VARIABLE, "")))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Describe the type to pydantic: a string in, the stored form out."""
        return core_schema.no_info_after_validator_function(
            cls.closed,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str.__str__),
        )
