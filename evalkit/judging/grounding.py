"""From verdicts on claims to the share of supported claims of each answer.

A score is the mean over answers, so its interval treats the claims of one answer as one unit. An
answer without claims has no share: it is counted, and neither scored nor lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from evalkit.judging.certificates import Standing, standings
from evalkit.judging.claims import Listings
from evalkit.judging.grades import combine_judges, judged_report, write_score
from evalkit.judging.judge_set import JudgeSet
from evalkit.judging.judgments import record_judgment, value_of
from evalkit.judging.load import VERDICT_KEYS, Judged
from evalkit.judging.panel import panel_of
from evalkit.judging.questions import GradedCell, JudgeRequest, Place, places
from evalkit.judging.rubric import CLAIM_STEPS, SUPPORTED
from evalkit.records.analyses import ClaimCounts, JudgedReport, Panel
from evalkit.records.judgments import ByClaim
from evalkit.records.names import score_name

ByJudge = Mapping[str, Mapping[Place, Sequence[JudgeRequest]]]
"""The queries about each answer, by judge."""


def grade_claims(
    cells: Sequence[GradedCell],
    judged: Judged,
    queries: Sequence[JudgeRequest],
    judge_set: JudgeSet,
    listings: Listings,
) -> None:
    """Write the shares of supported, contradicted and missing claims into the cells of a suite."""
    folder = cells[0].done.cell.suite.path.parent if cells else judge_set.root
    standing = standings(judged, judge_set, folder)
    judges = [judge.name for judge in judge_set.of(judged)]
    for cell in cells:
        by_judge: dict[str, dict[Place, list[JudgeRequest]]] = {judge: {} for judge in judges}
        for query in queries:
            if query.case.cell is cell:
                record_judgment(cell, query)
                place = (query.case.sample, query.case.repeat)
                by_judge[query.judge.name].setdefault(place, []).append(query)
        cell.done.standings[judged.score] = standing
        cell.done.record.analyses.append(_write(cell, judged, by_judge, listings, standing))


def _write(
    cell: GradedCell,
    judged: Judged,
    by_judge: ByJudge,
    listings: Listings,
    standing: Sequence[Standing],
) -> JudgedReport:
    """Write a cell's scores; returns the report on its judges."""
    own = [
        query for of_place in by_judge.values() for group in of_place.values() for query in group
    ]
    asked = places(cell, judged)
    graded = [place for place in asked if any(place in given for given in by_judge.values())]
    counts = _counts(cell, judged, asked, graded, by_judge, listings)
    left_out = {i for i, _ in asked} - {i for i, _ in graded}
    note = f"{counts.claims:,} claims in {counts.answers:,} answers"
    note += f"; {counts.without:,} without claims, not scored" if counts.without else ""
    shares: dict[str, list[float | None]] = {}
    for verdict in (SUPPORTED, *VERDICT_KEYS):
        of_judge = {
            judge: [share(given.get(place, ()), verdict) for place in graded]
            for judge, given in by_judge.items()
        }
        if verdict == SUPPORTED:
            shares = of_judge
        name = judged.score
        if verdict in VERDICT_KEYS:
            name = score_name(judged.score, VERDICT_KEYS[verdict])
        combined = combine_judges(list(of_judge.values()), judged.spec.aggregate)
        write_score(
            cell,
            judged,
            name,
            dict(zip(graded, combined, strict=True)),
            own,
            better="higher" if verdict == SUPPORTED else "lower",
            note=note,
            left_out=left_out,
        )
    report = judged_report(judged, shares, own, standing)
    return replace(report, claims=counts, panel=_panel(judged, by_judge))


def share(queries: Sequence[JudgeRequest], verdict: str) -> float | None:
    """The share of an answer's claims with a verdict; None if one of them has no verdict."""
    if not queries or any(value_of(query) is None for query in queries):
        return None
    return sum(query.reply.answer == verdict for query in queries) / len(queries)


def _counts(
    cell: GradedCell,
    judged: Judged,
    asked: Sequence[Place],
    graded: Sequence[Place],
    by_judge: ByJudge,
    listings: Listings,
) -> ClaimCounts:
    failed = {p for p in asked if listings[judged.score, id(cell), p].failure is not None}
    first: Mapping[Place, Sequence[JudgeRequest]] = next(iter(by_judge.values()), {})
    claims = Counter(
        place for place, of_place in first.items() for one in of_place if _is_claim(one)
    )
    return ClaimCounts(
        answers=len(claims),
        without=len(asked) - len(graded),
        unlisted=len(failed),
        claims=claims.total(),
    )


def _is_claim(query: JudgeRequest) -> bool:
    return isinstance(query.aspect, ByClaim)


def _panel(judged: Judged, by_judge: ByJudge) -> Panel:
    """How well judges agree on the verdicts, claim by claim."""

    def steps(queries: Iterable[JudgeRequest]) -> dict[tuple[Place, str], float | None]:
        return {
            ((query.case.sample, query.case.repeat), query.aspect.name): (
                None if value_of(query) is None else 2 * CLAIM_STEPS[str(query.reply.answer)]
            )
            for query in queries
            if _is_claim(query)
        }

    given = [steps(q for group in of.values() for q in group) for of in by_judge.values()]
    claims = list(dict.fromkeys(key for one in given for key in one))
    return panel_of(judged.rubric.mode, [[one.get(key) for key in claims] for one in given])
