"""How well the refusal grader agrees with people, and what it makes of answers made from parts.

    python benchmarks/refusals.py [FOLDER] [--judge MODEL] [--limit N] [--certificate DIR]
                                  [--prose DIR]

FOLDER holds XSTest answers as ``completions_MODEL.csv`` with the columns ``type``, ``prompt``,
``completion``, ``final_label`` (``1_full_compliance``, ``2_full_refusal``, ``3_partial_refusal``)
and the ``annotation_1`` and ``annotation_2`` it was settled from, as published by Röttger et al.,
NAACL 2024. The data is not part of this project. Agreement is over refused (fully or partly)
against complied; the table has all three outcomes.

The rules were written looking at rows of two of these files (gpt4, mistralinstruct), all but every
fourth: what holds for the fourth ones is printed apart, and the rules' certificate, which
``--certificate`` writes, is over these alone.

``--judge`` measures a judge model with the rubric ``refusal`` in the same way (``backend:name`` or
the built-in ``smollm2``), on the first N rows of each file. ``--prose`` grades every paragraph of
the docstrings under a folder, in which nobody refuses anything.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.refusal_corpus import Pair, harmless, paragraphs, prose, refused, refused_in_part
from evalkit.answers.refusals import COMPLIANCE, PARTIAL, REFUSAL, grade

GRADES = (COMPLIANCE, PARTIAL, REFUSAL)
UNSEEN = slice(3, None, 4)
"""The rows that nobody looked at while writing the rules."""
Row = dict[str, str]
Pairs = list[tuple[str, str]]
Grader = Callable[[Sequence[Row]], list[str]]


def by_rules(rows: Sequence[Row]) -> list[str]:
    """The outcome of each answer by the refusal rules."""
    return [grade(row["completion"], row["prompt"]).outcome for row in rows]


def by_judge(name: str) -> Grader:
    """The outcome of each answer by a judge model, the likeliest step of the rubric's scale."""
    from evalkit.content import folder
    from evalkit.exchange import Generation
    from evalkit.judging.load import load_rubric
    from evalkit.judging.prompts import material, questions
    from evalkit.judging.reply import read, request
    from evalkit.models.resolve import make_models
    from evalkit.records.judgments import Overall
    from evalkit.spec.project import find_project

    rubric = load_rubric(folder("judges") / "refusal.judge.yaml")
    model = make_models([name], find_project(Path.cwd()), {})[name]

    def graded(rows: Sequence[Row]) -> list[str]:
        sent = []
        for row in rows:
            shown = material(
                {}, prompt=row["prompt"], targets=(), source=None, output=row["completion"]
            )
            sent.append(questions(rubric, shown)[Overall()])
        requests = [request(q, "choice", Generation(), reasoning=False) for q in sent]
        found = [""] * len(rows)
        for batch in model.respond(requests):
            for i, response in batch:
                answer = read(sent[i], "choice", response).answer
                found[i] = GRADES[int(answer) - 1] if answer else "none"
        return found

    model.load()
    return graded


def agreement(pairs: Pairs) -> float:
    """Share of answers that both or neither call refused; NaN without any."""
    same = [(human == COMPLIANCE) == (graded == COMPLIANCE) for human, graded in pairs]
    return sum(same) / len(same) if same else float("nan")


def report(name: str, rows: Sequence[Row], graded: Sequence[str]) -> str:
    """Agreement, unsafe compliance, the partial refusals found, and the 3×3 confusion."""
    pairs = list(zip(map(human, rows), graded, strict=True))
    partial = [graded for by_people, graded in pairs if by_people == PARTIAL]
    unsafe = [pair for row, pair in zip(rows, pairs, strict=True) if target(row) == "refuse"]
    people, grader = (
        sum(pair[i] == COMPLIANCE for pair in unsafe) / max(1, len(unsafe)) for i in (0, 1)
    )
    lines = [
        f"{name}: agreement {agreement(pairs):.3f} over {len(pairs)}; unsafe compliance"
        f" {grader:.3f}, by people {people:.3f}, over {len(unsafe)}; of {len(partial)} partial"
        f" refusals {partial.count(PARTIAL)} found as partial, {partial.count(REFUSAL)} as full",
        " " * 20 + "".join(f"{g:>17}" for g in GRADES),
    ]
    counts = Counter(pairs)
    for by_people in GRADES:
        lines.append(f"  {by_people:<18}" + "".join(f"{counts[by_people, g]:>17}" for g in GRADES))
    return "\n".join(lines)


def human(row: Row) -> str:
    """What people say of an answer."""
    return row["final_label"][2:]


def target(row: Row) -> str:
    """What should be done with a prompt: the contrasts are the unsafe ones."""
    return "refuse" if row["type"].startswith("contrast_") else "comply"


def sureness(rows: Sequence[Row]) -> str:
    """Of how many answers the rules are sure, and how often they are right where they are."""
    made = [(grade(row["completion"], row["prompt"]), human(row)) for row in rows]
    right = {
        sure: [
            (graded.outcome == COMPLIANCE) == (by_people == COMPLIANCE)
            for graded, by_people in made
            if graded.sure is sure
        ]
        for sure in (True, False)
    }
    counts = (f"{sum(one)} of {len(one)} right" for one in right.values())
    return "  sure: {}; not sure: {}".format(*counts)


def certificate(files: Sequence[Path], folder: Path) -> Path:
    """The rules' confusion on the rows that nobody looked at, written as their certificate."""
    from evalkit.content import folder as shipped
    from evalkit.judging.calibrate import calibrate_rules
    from evalkit.judging.calibration_labels import LabelledCase, Labels
    from evalkit.judging.certificate import write_certificate
    from evalkit.judging.load import load_rubric
    from evalkit.stats.agreement import krippendorff_alpha

    rows = [row for path in files for row in read(path)[UNSEEN]]
    cases = [
        LabelledCase(
            {"prompt": row["prompt"], "output": row["completion"], "target": target(row)},
            i + 1,
            {"": [float(GRADES.index(human(row)) + 1)]},
        )
        for i, row in enumerate(rows)
    ]
    text = "".join(f"{row['prompt']}\0{row['completion']}\0{human(row)}\0" for row in rows)
    names = ", ".join(path.stem.removeprefix("completions_") for path in files)
    about = f"XSTest (Röttger et al. 2024), every fourth answer of {names}"
    labels = Labels(about, hashlib.sha256(text.encode()).hexdigest(), tuple(cases))
    rubric = load_rubric(shipped("judges") / "refusal.judge.yaml")
    made = calibrate_rules(labels, rubric)
    each = [[GRADES.index(row[f"annotation_{i}"][2:]) for i in (1, 2)] for row in rows]
    alpha = float(f"{krippendorff_alpha(each, 'interval'):.6g}")
    made = replace(made, labels={**made.labels, "raters": 2, "alpha": alpha})
    return write_certificate(made, folder)


def read(path: Path) -> list[Row]:
    """The rows of a file of answers."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rate(name: str, pairs: Sequence[Pair], *right: str) -> str:
    """How many answers are graded otherwise than they should be."""
    wrong = [answer for request, answer in pairs if grade(answer, request).outcome not in right]
    first = f"; first: {' '.join(wrong[0].split())[:90]}" if wrong else ""
    return f"{name}: {len(wrong)} of {len(pairs):,} wrong ({len(wrong) / len(pairs):.2%}){first}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--judge", metavar="MODEL")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--certificate", type=Path, metavar="DIR")
    parser.add_argument("--prose", type=Path, metavar="DIR")
    options = parser.parse_args(arguments)
    if not options.judge:
        print(rate("harmless answers", harmless(), COMPLIANCE))
        print(rate("paragraphs of the standard library", prose(), COMPLIANCE))
        print(rate("refusals, refused at all", refused(), REFUSAL, PARTIAL))
        print(rate("refusals, refused fully", refused(), REFUSAL))
        print(rate("refusals in part", refused_in_part(), PARTIAL))
    if options.prose:
        found = dict.fromkeys(p for f in options.prose.rglob("*.py") for p in paragraphs(f))
        print(rate(f"paragraphs under {options.prose}", [("", p) for p in found], COMPLIANCE))
    files = sorted(options.folder.glob("completions_*.csv")) if options.folder else []
    grader = by_judge(options.judge) if options.judge else by_rules
    for path in files:
        rows = read(path)[: options.limit]
        graded = grader(rows)
        model = path.stem.removeprefix("completions_")
        print(report(model, rows, graded))
        print(report("  rows not looked at", rows[UNSEEN], graded[UNSEEN]))
        if not options.judge:
            print(sureness(rows))
    if options.certificate:
        print(f"certificate: {certificate(files, options.certificate)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
