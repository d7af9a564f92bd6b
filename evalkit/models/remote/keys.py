"""API keys. They are read from the environment when they are sent, and stored nowhere."""

from __future__ import annotations

import os
import re

from evalkit.errors import ModelError

HIDDEN = "[key]"


class ApiKey:
    """An API key in an environment variable. variable: its name; "" if no key is needed."""

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def read(self) -> str:
        """The key. Raises ModelError if the variable is not set."""
        if not self.variable:
            return ""
        value = os.environ.get(self.variable, "").strip()
        if not value:
            raise ModelError(
                f"the environment variable {self.variable} is not set: set it to the API key "
                f"(export {self.variable}=…), or declare another variable with api_key_env"
            )
        return value

    def redact(self, text: str) -> str:
        """A text without this key and all others (see ``redact``)."""
        return redact(text, self.variable)

    @property
    def advice(self) -> str:
        """What to do if the service rejects the key."""
        if not self.variable:
            return "Set an environment variable to the API key, and declare api_key_env: VARIABLE"
        return f"Check that the key in {self.variable} is valid and may use this model"


_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS)$", re.IGNORECASE)
MIN_KEY_LENGTH = 8
"""A shorter value is not a key and may occur in any text."""


def redact(text: str, variable: str = "") -> str:
    """A text without the keys in the environment, which some services repeat in their messages.

    variable: one that contains a key whatever its name.
    """
    for name, value in os.environ.items():
        secret = name == variable or _SECRET.search(name) is not None
        if secret and len(value.strip()) >= MIN_KEY_LENGTH:
            text = text.replace(value.strip(), HIDDEN)
    return text
