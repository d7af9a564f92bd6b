"""Whether records that were read from a file or a store have the types that they declare.

JSON from elsewhere, of another version or damaged, may have a text where a number belongs. What
reads the records may then rely on their types.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any


def check_shape(records: Sequence[Any], kind: type) -> None:
    """Raise ValueError with the first place that has another type than ``kind`` declares."""
    from pydantic import ValidationError

    try:
        _validator(kind).validate_python(list(records))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"][1:]))
        raise ValueError(f"{place[:200]}: {first['msg']}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@functools.cache
def _validator(kind: type) -> Any:
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(
        revalidate_instances="always", strict=True, arbitrary_types_allowed=True, frozen=False
    )
    return TypeAdapter(list[kind], config=config)  # type: ignore[valid-type]
