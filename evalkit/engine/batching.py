"""Which requests are computed together: pure functions of token lengths.

The same lengths always give the same batches, so a resumed run has the batches of the run that was
interrupted. The largest batch comes first: if memory does not suffice, that shows at once.
"""

from __future__ import annotations

from collections.abc import Sequence


def make_batches(
    lengths: Sequence[int], token_budget: int, max_rows: int, extra: Sequence[int] = ()
) -> list[list[int]]:
    """Positions of ``lengths``, grouped into batches of similar length, longest first.

    Parameters
    ----------
    lengths: tokens of each row as it enters the model.
    token_budget: the number of rows times the longest row (padding included) stays within it;
        a row longer than the budget is a batch of its own.
    max_rows: the most rows of a batch.
    extra: tokens that each row may generate; they count towards the budget.

    Returns
    -------
    Batches of positions; every position occurs exactly once.

    Raises
    ------
    ValueError: ``token_budget`` or ``max_rows`` is below 1.
    """
    if token_budget < 1 or max_rows < 1:
        raise ValueError("token_budget and max_rows must be at least 1")
    totals = [n + e for n, e in zip(lengths, extra, strict=True)] if extra else list(lengths)
    order = sorted(range(len(totals)), key=lambda i: (-totals[i], -lengths[i], i))
    found: list[list[int]] = []
    current: list[int] = []
    for position in order:
        # sorted by falling length: the first row of a batch is its longest
        longest = totals[current[0]] if current else totals[position]
        full = len(current) >= max_rows or (len(current) + 1) * longest > token_budget
        if current and full:
            found.append(current)
            current = []
        current.append(position)
    if current:
        found.append(current)
    return found


def split_in_half(batch: Sequence[int]) -> tuple[list[int], list[int]]:
    """The first and the second half of a batch; the second is empty for a single row."""
    middle = (len(batch) + 1) // 2
    return list(batch[:middle]), list(batch[middle:])
