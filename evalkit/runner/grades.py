"""From the replies of judges to grades of samples, scores of cells and what the report shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from evalkit.exchange import Status
from evalkit.judging.certificate import digest_of
from evalkit.judging.load import Judged
from evalkit.judging.panel import combined, panel_table
from evalkit.judging.prompts import category_name
from evalkit.judging.scores import judged_score
from evalkit.records import ScoreRecord
from evalkit.records.names import ScoreName
from evalkit.runner.bench import Bench
from evalkit.runner.certified import Standing, corrected, standings, told
from evalkit.runner.duels import Duels, fight, strengths_of, write_duels
from evalkit.runner.judgments import CATEGORY, keep, worth
from evalkit.runner.measure import Part, clusters_of, parts_of
from evalkit.runner.questions import TARGET, Ask, GradedCell, Place, places


def grade_cells(
    cells: Sequence[GradedCell], judged: Judged, asks: Sequence[Ask], bench: Bench
) -> None:
    """Write the grades of one entry of a suite into its cells."""
    judges = [judge.name for judge in bench.of(judged)]
    paired = judged.rubric.mode == "pairwise"
    by_cell = {id(cell): _empty(judges) for cell in cells}
    duels: Duels = {}
    if paired:
        fight(cells, judged, asks, judges, by_cell, duels)
    for ask in asks:
        cell = ask.case.cell
        place = (ask.case.sample, ask.case.repeat)
        keep(cell, ask)
        if ask.case.paired and ask.case.other is not None:
            keep(ask.case.other, ask, mirrored=True)
        value = worth(ask)
        if value is not None and not paired and ask.criterion != CATEGORY:
            by_cell[id(cell)][ask.judge.name].setdefault(ask.criterion, {})[place] = value
    table = strengths_of(cells, judged, duels) if paired else None
    folder = cells[0].done.cell.suite.path.parent if cells else bench.root
    standing = standings(judged, bench, folder)
    for cell in cells:
        own = [ask for ask in asks if cell in (ask.case.cell, ask.case.other)]
        _write(cell, judged, own, by_cell[id(cell)], judges)
        _certify(cell, judged, standing, own)
        if table is not None:
            write_duels(cell, cells, judged, own, duels, table)


def _empty(judges: Sequence[str]) -> dict[str, dict[str, dict[Place, float]]]:
    return {judge: {} for judge in judges}


def _write(
    cell: GradedCell,
    judged: Judged,
    asks: Sequence[Ask],
    grades: Mapping[str, Mapping[str, Mapping[Place, float]]],
    judges: Sequence[str],
) -> None:
    """A cell's judged scores, whole and by criterion and group, and the table of its judges."""
    graded = places(cell, judged)
    weights = {c.name: c.weight for c in judged.rubric.criteria}
    names = list(weights) if judged.rubric.mode == "binary" else [""]
    by_judge = {
        judge: [_weighted([grades[judge].get(n, {}).get(p) for n in names], weights, names)
                for p in graded]
        for judge in judges
    }  # fmt: skip
    panel = panel_table(judged.score, judged.rubric.mode, by_judge)
    cell.done.record.analyses.append(table_of(judged, panel, asks))
    how = judged.spec.aggregate
    whole = dict(zip(graded, (_combined(g, how) for g in zip(*by_judge.values(), strict=True)),
                     strict=True))  # fmt: skip
    _score(cell, judged, judged.score, whole, judged.range, asks)
    for full in judged.score_names[1:]:
        name = ScoreName.parse(full).key or ""
        of_one = {
            place: _combined([grades[judge].get(name, {}).get(place) for judge in judges], how)
            for place in graded
        }
        _score(cell, judged, full, of_one, (0.0, 1.0), asks)


def _certify(
    cell: GradedCell, judged: Judged, standing: list[Standing], asks: Sequence[Ask]
) -> None:
    """What certificates tell of the judges; and of one judge's scores, corrected by its own."""
    cell.done.standings[judged.score] = standing
    table = next(
        a for a in cell.done.record.analyses
        if a["kind"] == "judged" and a["score"] == judged.score
    )  # fmt: skip
    for row, one in zip(table["judges"], standing, strict=True):
        row["certificate"] = told(one.certificate)
    clustered = cell.done.cell.suite.data.cluster is not None
    if len(standing) == 1 and standing[0].certificate is not None and not clustered:
        grades = {
            name: [sample.scores[name] for sample in cell.samples if name in sample.scores]
            for name in judged.score_names
        }
        scores = cell.done.record.scores
        table["corrected"], table["uncorrected"] = corrected(
            judged, standing[0].certificate, grades, scores, _shown(cell, judged, asks)
        )


def _shown(cell: GradedCell, judged: Judged, asks: Sequence[Ask]) -> list[str]:
    """Digests of what the judge saw of each sample with a grade; none with several answers each."""
    if any(ask.case.repeat for ask in asks):
        return []
    seen = {ask.case.sample: digest_of(ask.question.case) for ask in asks if ask.question}
    graded = [i for i, sample in enumerate(cell.samples) if judged.score in sample.scores]
    return [seen.get(i, "") for i in graded]


def _weighted(
    values: Sequence[float | None], weights: Mapping[str, float], names: Sequence[str]
) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    if names == [""]:
        return known[0]
    total = sum(weights[name] for name in names)
    return sum(weights[n] * v for n, v in zip(names, known, strict=True)) / total


def _combined(grades: Sequence[float | None], how: str) -> float | None:
    """The grade of a panel; none unless every judge gave one, since judges differ in severity."""
    known = [grade for grade in grades if grade is not None]
    return combined(known, how) if known and len(known) == len(grades) else None


def _score(
    cell: GradedCell,
    judged: Judged,
    name: str,
    grades: Mapping[Place, float | None],
    ends: tuple[float, float],
    asks: Sequence[Ask],
) -> None:
    """One judged score of a cell: per sample, over all of them, by group, at every confidence."""
    done, suite = cell.done, cell.done.cell.suite
    of_sample = _by_sample(grades)
    for i, value in of_sample.items():
        cell.samples[i].scores[name] = value
    asked = {i for i, _ in grades}
    missing = asked - of_sample.keys()
    if len(missing) > suite.max_errors:
        done.distrust[name] = _why(judged, len(missing), len(asked), asks, suite.max_errors)
    chosen = [i for i, sample in enumerate(cell.samples) if sample.id in cell.chosen[judged.score]]
    kept = [i for i in chosen if i in of_sample]
    clusters = clusters_of(suite, [cell.samples[i] for i in kept])
    note = _note(cell, judged, len(chosen))

    def made(part: Part, confidence: float) -> ScoreRecord:
        return judged_score(
            part.of(name),
            [of_sample[kept[i]] for i in part.index],
            low=ends[0],
            high=ends[1],
            better="higher" if judged.rubric.mode != "pointwise" else judged.rubric.better,
            lost=part.lost,
            clusters=[clusters[i] for i in part.index] if clusters else None,
            confidence=confidence,
            note=note,
        )

    parts = parts_of(
        [cell.samples[i] for i in chosen],
        [i in of_sample for i in chosen],
        () if ScoreName.parse(name).key else suite.data.group,
    )
    done.add(lambda confidence: {part.of(name): made(part, confidence) for part in parts})


def _by_sample(grades: Mapping[Place, float | None]) -> dict[int, float]:
    """The mean over the answers to each question; none where an answer has no grade."""
    answers_of: dict[int, list[float | None]] = {}
    for (sample, _), grade in grades.items():
        answers_of.setdefault(sample, []).append(grade)
    means = {}
    for sample, values in answers_of.items():
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            means[sample] = fmean(known)
    return means


def _note(cell: GradedCell, judged: Judged, chosen: int) -> str:
    return f"judged: {chosen} of {len(cell.samples)}" if chosen < len(cell.samples) else ""


def _why(judged: Judged, missing: int, total: int, asks: Sequence[Ask], allowed: int) -> str:
    """Why a judged score cannot be trusted."""
    lacking = f"{missing} of {total} samples have no {judged.score}"
    bad = [ask for ask in asks if ask.reply.status is not Status.OK]
    if not bad:
        against = judged.spec.against
        other = against if against not in (None, TARGET) else "other answer"
        return f"{lacking}: there was no {other} to compare with"
    counts = Counter(ask.reply.status.value for ask in bad)
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    said = " ".join(bad[0].reply.error.split())[:120]
    return (
        f"{lacking} ({listed} of {len(asks)} judgments), more than max_errors: {allowed};"
        f" first: judge {bad[0].judge.name}: {said}"
    )


def table_of(judged: Judged, panel: dict[str, Any], asks: Sequence[Ask]) -> dict[str, Any]:
    """What the report tells of an entry in one cell: the judges, their replies, their agreement."""
    rubric = judged.rubric
    table = {
        **panel,
        "kind": "judged",
        "rubric": rubric.name,
        "hash": rubric.hash[:12],
        "mode": rubric.mode,
        "description": rubric.description,
        "better": rubric.better,
        "scale": {str(step): text for step, text in (rubric.scale or {}).items()},
        "aggregate": judged.spec.aggregate,
    }
    for row in table["judges"]:
        own = [ask for ask in asks if ask.judge.name == row["judge"]]
        masses = [ask.reply.mass for ask in own if ask.reply.mass is not None]
        row["method"] = own[0].method if own else ""
        row["judgments"] = len(own)
        row["statuses"] = dict(Counter(ask.reply.status.value for ask in own))
        row["mass"] = fmean(masses) if masses else None
        row["answers"] = dict(
            Counter(
                ask.reply.answer for ask in own if ask.reply.answer and ask.criterion != CATEGORY
            )
        )
    named = [
        category_name(rubric, ask.reply.answer)
        for ask in asks
        if ask.criterion == CATEGORY and ask.reply.answer
    ]
    if rubric.categories:
        table["categories"] = dict(Counter(named))
    return table
