"""Unpacked samples equal the packed ones; a few independent lines unpack them here."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evalkit.messages import Message
from evalkit.records import CellRecord, RunRecord
from evalkit.reporting.answers import details_of
from evalkit.reporting.pack import CHUNK_ROWS, _split, pack

from .runs import large_run


def unpacked(block: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(block)))


def at(column: Any, row: int) -> Any:
    if isinstance(column, list):
        return column[row]
    if "k" in column:
        return {
            name: at(values, row) for name, values in zip(column["k"], column["v"], strict=True)
        }
    return column["d"][column["i"][row]] if "i" in column else column["c"]


def filled(parts: list[Any], values: list[Any]) -> str:
    texts = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, list):
            texts.append(values[part[0]].strip(" \t\r\n"))
        else:
            texts.append(values[part])
    return "".join(texts)


def cells_of(run: RunRecord, suite: str) -> list[CellRecord]:
    return [cell for cell in run.cells if cell.suite == suite]


def test_every_sample_survives_packing(run: RunRecord) -> None:
    for suite in run.suites.values():
        cells = cells_of(run, suite.name)
        packed = pack(suite, cells)
        index = unpacked(packed.index)
        chunks = [unpacked(chunk) for chunk in packed.chunks]
        assert index["n"] == max(len(cell.samples) for cell in cells)
        for k, cell in enumerate(cells):
            for row, sample in enumerate(cell.samples):
                chunk, i = chunks[row // CHUNK_ROWS], row % CHUNK_ROWS
                packed_cell = chunk["cells"][k]
                values = [at(column, i) for column in chunk["fields"]]
                names = [index["fields"][f] for f in at(chunk["present"], i)]
                fields = {name: values[index["fields"].index(name)] for name in names}
                roles = chunk["templates"][at(packed_cell["prompt"], i)]
                contents = [filled(parts, values) for _, parts in roles]
                sent = filled(chunk["templates"][at(packed_cell["sent"], i)], contents)
                output = at(packed_cell["output"], i)
                assert index["ids"][row] == sample.id
                assert fields == sample.fields
                assert at(chunk["targets"], i) == sample.targets
                assert sent == sample.sent
                if isinstance(sample.prompt, str):
                    assert contents == [sample.prompt]
                else:
                    assert [
                        Message(role, content)
                        for (role, _), content in zip(roles, contents, strict=True)
                    ] == list(sample.prompt)
                assert (sample.prediction if output == 0 else output) == sample.output
                for name in ("prediction", "how", "status", "error", "correct", "cached"):
                    assert at(packed_cell[name], i) == getattr(sample, name)
                assert at(packed_cell["finish"], i) == sample.answer.finish
                assert at(packed_cell["details"], i) == details_of(sample)
                assert [tuple(c) for c in at(packed_cell["checks"], i)] == [
                    (c.rule, c.passed, c.reason) for c in sample.checks
                ]
                assert list(at(packed_cell["scores"], i)) == list(sample.scores)


def test_repeated_text_compresses_well() -> None:
    run = large_run(500, 2)
    packed = pack(run.suites["large"], run.cells)
    chunk = unpacked(packed.chunks[0])
    assert len(chunk["templates"]) == 2  # one prompt, one chat template
    assert chunk["cells"][0]["output"] == {"c": 0}  # the prediction itself
    assert len(packed.chunks[0]) < 60_000


@given(st.text(), st.lists(st.text(min_size=1), max_size=4), st.randoms())
def test_splitting_a_text_loses_nothing(literal: str, values: list[str], random: Any) -> None:
    pieces = [literal, *values, *(value.strip() for value in values)] * 2
    random.shuffle(pieces)
    text = "".join(pieces)
    long = [value * 9 for value in values]
    for some in (values, long):
        assert filled(_split(text + "".join(long), some), some) == text + "".join(long)
