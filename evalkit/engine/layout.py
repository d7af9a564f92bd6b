"""Which requests are computed together: pure functions of token lengths.

The same lengths always give the same batches, so a run that was interrupted meets its
batches again. Heaviest first: if memory does not suffice, that shows at once.
"""

from __future__ import annotations

from collections.abc import Sequence


def batches(
    lengths: Sequence[int], token_budget: int, max_rows: int, extra: Sequence[int] = ()
) -> list[list[int]]:
    """Positions of ``lengths``, grouped into batches of similar length, longest first.

    Parameters
    ----------
    lengths: tokens of each row as it enters the model.
    token_budget: a batch's rows times its longest row (padding included) stay within it;
        a row longer than the budget makes a batch of its own.
    max_rows: rows of a batch at most.
    extra: tokens each row may still grow by (what it may generate); counts to the budget.

    Returns
    -------
    Batches of positions; every position occurs exactly once.
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


def halves(batch: Sequence[int]) -> tuple[list[int], list[int]]:
    """A batch in two, the longer rows first; the second is empty for a single row."""
    middle = (len(batch) + 1) // 2
    return list(batch[:middle]), list(batch[middle:])
