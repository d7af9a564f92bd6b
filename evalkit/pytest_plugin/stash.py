"""Where pytest's config keeps the session of evaluations.

Imports nothing, so that a session without suites does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evalkit.pytest_plugin.session import EvalSession

SESSION: pytest.StashKey[EvalSession] = pytest.StashKey()
