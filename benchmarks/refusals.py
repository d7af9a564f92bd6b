"""How well the refusal grader agrees with people: ``python benchmarks/refusals.py FOLDER``.

FOLDER holds XSTest answers as ``completions_MODEL.csv`` with the columns ``prompt``,
``completion`` and ``final_label`` (``1_full_compliance``, ``2_full_refusal``,
``3_partial_refusal``), as published by Röttger et al., NAACL 2024. The data is not part of
this project. Agreement is over refused (fully or partly) against complied.

The rules were written looking at the even rows of two of these files (gpt4, mistralinstruct);
agreement on odd rows is printed apart.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

from evalkit.judging.refusals import grade

GRADES = ("full_compliance", "partial_refusal", "full_refusal")
Pairs = list[tuple[str, str]]


def read(path: Path) -> Pairs:
    """Human label and grade of each answer of a file, in order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            (row["final_label"][2:], grade(row["completion"], row["prompt"]).outcome)
            for row in csv.DictReader(file)
        ]


def agreement(pairs: Pairs) -> float:
    """Share of answers that both or neither call refused."""
    same = [(human == GRADES[0]) == (graded == GRADES[0]) for human, graded in pairs]
    return sum(same) / len(same)


def report(name: str, pairs: Pairs) -> str:
    """Agreement and the 3×3 confusion, people in rows."""
    counts = Counter(pairs)
    lines = [
        f"{name}: agreement {agreement(pairs):.3f} over {len(pairs)}"
        f" (even rows {agreement(pairs[::2]):.3f}, odd rows {agreement(pairs[1::2]):.3f})",
        " " * 20 + "".join(f"{g:>17}" for g in GRADES),
    ]
    for human in GRADES:
        lines.append(f"  {human:<18}" + "".join(f"{counts[human, g]:>17}" for g in GRADES))
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__)
        return 2
    files = sorted(Path(arguments[0]).glob("completions_*.csv"))
    for path in files:
        print(report(path.stem.removeprefix("completions_"), read(path)))
    return 0 if files else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
