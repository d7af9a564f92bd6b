"""From judges' replies to grades of samples, scores of cells and judge reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from evalkit.exchange import Status
from evalkit.judging.certificate import Certificate, digest_of
from evalkit.judging.certificates import Standing, corrected, standings, summary_of
from evalkit.judging.judge_set import JudgeSet
from evalkit.judging.judgments import record_judgment, value_of
from evalkit.judging.load import Judged
from evalkit.judging.pairwise_results import Duels, grade_pairs, strengths_of, write_duels
from evalkit.judging.panel import combined, panel_of
from evalkit.judging.prompts import category_name
from evalkit.judging.questions import TARGET, GradedCell, JudgeRequest, Place, places
from evalkit.judging.scores import judged_score
from evalkit.records import ScoreRecord
from evalkit.records.analyses import CorrectedScore, JudgedReport, JudgeRow, RubricSummary
from evalkit.records.judgments import Category
from evalkit.records.names import ScoreName
from evalkit.scoring.measure import Subset, clusters_of, parts_of


def grade_cells(
    cells: Sequence[GradedCell],
    judged: Judged,
    queries: Sequence[JudgeRequest],
    judge_set: JudgeSet,
) -> None:
    """Write the grades of one entry of a suite into its cells."""
    judges = [judge.name for judge in judge_set.of(judged)]
    paired = judged.rubric.mode == "pairwise"
    by_cell = {id(cell): _empty(judges) for cell in cells}
    duels: Duels = {}
    if paired:
        grade_pairs(cells, judged, queries, judges, by_cell, duels)
    for query in queries:
        cell = query.case.cell
        place = (query.case.sample, query.case.repeat)
        record_judgment(cell, query)
        if query.case.paired and query.case.other is not None:
            record_judgment(query.case.other, query, mirrored=True)
        value = value_of(query)
        if value is not None and not paired:
            by_cell[id(cell)][query.judge.name].setdefault(query.aspect.name, {})[place] = value
    table = strengths_of(cells, judged, duels) if paired else None
    folder = cells[0].done.cell.suite.path.parent if cells else judge_set.root
    standing = standings(judged, judge_set, folder)
    for cell in cells:
        own = [query for query in queries if cell in (query.case.cell, query.case.other)]
        report = _write(cell, judged, own, by_cell[id(cell)], standing)
        cell.done.standings[judged.score] = standing
        made, left = _corrections(cell, judged, standing, own)
        cell.done.record.analyses.append(replace(report, corrected=made, uncorrected=left))
        if table is not None:
            write_duels(cell, cells, judged, own, duels, table)


def _empty(judges: Sequence[str]) -> dict[str, dict[str, dict[Place, float]]]:
    return {judge: {} for judge in judges}


def _write(
    cell: GradedCell,
    judged: Judged,
    queries: Sequence[JudgeRequest],
    grades: Mapping[str, Mapping[str, Mapping[Place, float]]],
    standing: Sequence[Standing],
) -> JudgedReport:
    """Write a cell's judged scores, whole and by criterion and group; returns the judges."""
    graded = places(cell, judged)
    weights = {c.name: c.weight for c in judged.rubric.criteria}
    names = list(weights) if judged.rubric.mode == "binary" else [""]
    by_judge = {
        judge: [_weighted([grades[judge].get(n, {}).get(p) for n in names], weights, names)
                for p in graded]
        for judge in grades
    }  # fmt: skip
    how = judged.spec.aggregate
    whole = dict(zip(graded, combine_judges(list(by_judge.values()), how), strict=True))
    better = judged.rubric.better if judged.rubric.mode == "pointwise" else "higher"
    write_score(cell, judged, judged.score, whole, queries, judged.range, better=better)
    for full in judged.score_names[1:]:
        name = ScoreName.parse(full).key or ""
        of_one = {
            place: _combined([grades[judge].get(name, {}).get(place) for judge in grades], how)
            for place in graded
        }
        write_score(cell, judged, full, of_one, queries)
    return judged_report(judged, by_judge, queries, standing)


def _corrections(
    cell: GradedCell, judged: Judged, standing: Sequence[Standing], queries: Sequence[JudgeRequest]
) -> tuple[dict[str, CorrectedScore], dict[str, str]]:
    """A single judge's scores, corrected by its certificate; and why others are not."""
    certificate = standing[0].certificate if len(standing) == 1 else None
    if certificate is None or cell.done.cell.suite.data.cluster is not None:
        return {}, {}
    grades = {
        name: [sample.scores[name] for sample in cell.samples if name in sample.scores]
        for name in judged.score_names
    }
    scores = cell.done.record.scores
    return corrected(judged, certificate, grades, scores, _shown(cell, judged, queries))


def _shown(cell: GradedCell, judged: Judged, queries: Sequence[JudgeRequest]) -> list[str]:
    """Digests of what the judge saw of each sample with a grade; none with several answers each."""
    if any(query.case.repeat for query in queries):
        return []
    seen = {
        query.case.sample: digest_of(query.question.case) for query in queries if query.question
    }
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


def combine_judges(by_judge: Sequence[Sequence[float | None]], how: str) -> list[float | None]:
    """The grades of a panel, answer by answer. by_judge: in the same order of answers."""
    return [_combined(grades, how) for grades in zip(*by_judge, strict=True)]


def _combined(grades: Sequence[float | None], how: str) -> float | None:
    """The grade of a panel; none unless every judge gave one, because severity differs."""
    known = [grade for grade in grades if grade is not None]
    return combined(known, how) if known and len(known) == len(grades) else None


def write_score(
    cell: GradedCell,
    judged: Judged,
    name: str,
    grades: Mapping[Place, float | None],
    queries: Sequence[JudgeRequest],
    ends: tuple[float, float] = (0.0, 1.0),
    *,
    better: str = "higher",
    note: str = "",
    left_out: Container[int] = (),
) -> None:
    """One judged score of a cell: per sample, over all of them, by group, at every confidence.

    left_out: samples that have nothing to grade, which are not lost.
    """
    done, suite = cell.done, cell.done.cell.suite
    of_sample = _by_sample(grades)
    for i, value in of_sample.items():
        cell.samples[i].scores[name] = value
    graded_samples = {i for i, _ in grades}
    missing = graded_samples - of_sample.keys()
    if len(missing) > suite.max_errors:
        done.record.distrust[name] = _why(
            judged, len(missing), len(graded_samples), queries, suite.max_errors
        )
    chosen = [i for i, sample in enumerate(cell.samples) if sample.id in cell.chosen[judged.score]]
    kept = [i for i in chosen if i in of_sample]
    clusters = clusters_of(suite, [cell.samples[i] for i in kept])
    note = "; ".join(filter(None, (_note(cell, len(chosen)), note)))

    def made(part: Subset, lost: int, confidence: float) -> ScoreRecord:
        return judged_score(
            part.of(name),
            [of_sample[kept[i]] for i in part.index],
            low=ends[0],
            high=ends[1],
            better=better,
            lost=lost,
            clusters=[clusters[i] for i in part.index] if clusters else None,
            confidence=confidence,
            note=note,
        )

    rows = [cell.samples[i] for i in chosen]
    columns = () if ScoreName.parse(name).key else suite.data.group
    parts = parts_of(rows, [i in of_sample for i in chosen], columns)
    known = parts_of(rows, [i in of_sample or i in left_out for i in chosen], columns)
    done.add(
        lambda confidence: {
            part.of(name): made(part, all_known.lost, confidence)
            for part, all_known in zip(parts, known, strict=True)
        }
    )


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


def _note(cell: GradedCell, chosen: int) -> str:
    return f"judged: {chosen} of {len(cell.samples)}" if chosen < len(cell.samples) else ""


def _why(
    judged: Judged, missing: int, total: int, queries: Sequence[JudgeRequest], allowed: int
) -> str:
    """Why a judged score cannot be trusted."""
    lacking = f"{missing} of {total} samples have no {judged.score}"
    bad = [query for query in queries if query.reply.status is not Status.OK]
    if not bad:
        against = judged.spec.against
        other = against if against not in (None, TARGET) else "other answer"
        return f"{lacking}: there was no {other} to compare with"
    counts = Counter(query.reply.status.value for query in bad)
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    first_error = " ".join(bad[0].reply.error.split())[:120]
    return (
        f"{lacking} ({listed} of {len(queries)} judgments), more than max_errors: {allowed};"
        f" first: judge {bad[0].judge.name}: {first_error}"
    )


def judged_report(
    judged: Judged,
    grades: Mapping[str, Sequence[float | None]],
    queries: Sequence[JudgeRequest],
    standing: Sequence[Standing],
) -> JudgedReport:
    """What the report shows of an entry in one cell: the judges, their replies, their agreement.

    grades: by judge, one for each answer in the same order, None where it gave none.
    """
    rubric = judged.rubric
    certificates = {one.judge: one.certificate for one in standing}
    named = [
        category_name(rubric, query.reply.answer)
        for query in queries
        if isinstance(query.aspect, Category) and query.reply.answer
    ]
    return JudgedReport(
        score=judged.score,
        judges=tuple(
            _row(
                judge,
                given,
                [query for query in queries if query.judge.name == judge],
                certificates,
            )
            for judge, given in grades.items()
        ),
        panel=panel_of(rubric.mode, list(grades.values())),
        about=RubricSummary(
            rubric=rubric.name,
            hash=rubric.hash[:12],
            mode=rubric.mode,
            description=rubric.description,
            better=rubric.better,
            scale={str(step): text for step, text in (rubric.scale or {}).items()},
            aggregate=judged.spec.aggregate,
        ),
        categories=dict(Counter(named)) if rubric.categories else {},
    )


def _row(
    judge: str,
    grades: Sequence[float | None],
    queries: Sequence[JudgeRequest],
    certificates: Mapping[str, Certificate | None],
) -> JudgeRow:
    given = [grade for grade in grades if grade is not None]
    masses = [query.reply.mass for query in queries if query.reply.mass is not None]
    answers = [
        query.reply.answer
        for query in queries
        if query.reply.answer and not isinstance(query.aspect, Category)
    ]
    return JudgeRow(
        judge=judge,
        n=len(given),
        mean=fmean(given) if given else None,
        method=queries[0].method if queries else "",
        judgments=len(queries),
        statuses=dict(Counter(query.reply.status.value for query in queries)),
        mass=fmean(masses) if masses else None,
        answers=dict(Counter(answers)),
        certificate=summary_of(certificates.get(judge)),
    )
