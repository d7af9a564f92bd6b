"""Which rows of two datasets are the same after rows are inserted, dropped, moved or edited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalkit.comparing.rows import match_rows


def numbered(rows: str) -> dict[str, str]:
    """Digests of rows without ids."""
    return {str(i): row for i, row in enumerate(rows, 1)}


def test_an_inserted_row_moves_all_others() -> None:
    found = match_rows(numbered("abc"), numbered("xabc"))
    assert found.same == {"1": "2", "2": "3", "3": "4"}
    assert (found.changed, found.gone, found.new) == ([], [], ["1"])


def test_rows_that_are_dropped_and_added() -> None:
    found = match_rows(numbered("abcd"), numbered("bdxy"))
    assert found.same == {"2": "1", "4": "2"}
    assert (found.changed, found.gone, found.new) == (["3"], ["1"], ["4"])
    found = match_rows(numbered("abcd"), numbered("bcd"))
    assert found.same == {"2": "1", "3": "2", "4": "3"}
    assert (found.changed, found.gone, found.new) == ([], ["1"], [])


def test_an_edited_row_is_changed() -> None:
    found = match_rows(numbered("abc"), numbered("aBc"))
    assert found.same == {"1": "1", "3": "3"}
    assert (found.changed, found.gone, found.new) == (["2"], [], [])


def test_equal_rows_match_in_order() -> None:
    found = match_rows(numbered("aab"), numbered("baa"))
    assert found.same == {"1": "3", "2": "2", "3": "1"}
    assert len(match_rows(numbered("aaa"), numbered("aa")).gone) == 1


def test_explicit_ids_match_only_themselves() -> None:
    a = {"x": "row x", "y": "row y"}
    found = match_rows(a, {"y": "row y", "z": "row z", "x": "row x edited"})
    assert found.same == {"y": "y"}
    assert (found.changed, found.gone, found.new) == (["x"], [], ["z"])


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_every_row_is_classified_once_and_matches_an_equal_one(a: str, b: str) -> None:
    first, second = numbered(a), numbered(b)
    found = match_rows(first, second)
    assert sorted([*found.same, *found.changed, *found.gone]) == sorted(first)
    assert sorted([*found.same.values(), *found.changed, *found.new]) == sorted(second)
    assert all(first[one] == second[other] for one, other in found.same.items())
    # As many as two multisets of letters share: no row is left over that could be matched.
    assert len(found.same) == sum(min(a.count(x), b.count(x)) for x in "abc")
