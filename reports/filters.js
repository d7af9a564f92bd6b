"use strict";
// Which rows to show. All but the search looks only at the index, which is always at hand.

const MODES = [
  ["all", "all"],
  ["wrong", "wrong"],
  ["errors", "errors, losses"],
  ["differ", "cells differ"],
  ["checks", "failed checks"],
  ["regressed", "regressed"],
  ["fixed", "fixed"],
  ["flaky", "flaky"],
  ["panel", "judges differ"],
];

const LOST = new Set("etfu");

/** The modes that can find something in a suite: comparing needs two cells or a baseline, flaky
 * questions asked more than once, judges that differ a panel. */
function modesOf(index) {
  const compared = index.cells.length > 1 || index.baseline;
  return MODES.filter(([mode]) => {
    if (mode === "regressed" || mode === "fixed") return compared;
    if (mode !== "flaky" && mode !== "panel") return true;
    return index.cells.some((cell) => /[01]/.test(cell[mode]));
  });
}

const cellName = (cell) => `${cell.model} / ${cell.prompt}`;

/** What a cell is compared with: another cell, or itself in the baseline (null: not there). */
function sideOf(index, base, cell) {
  return base === "before" ? index.cells[cell].before : index.cells[base];
}

/** 1 where a row became better from one side to the other, -1 where worse, 0 where neither, null
 * where that cannot be said. Right and wrong decide where both are known, else the score. */
function outcome(index, before, now, row) {
  if (!before) return null;
  const [was, is] = [before.correct[row], now.correct[row]];
  if ((was === "0" || was === "1") && (is === "0" || is === "1")) return Number(is) - Number(was);
  const [from, to] = [before.scores[row] ?? null, now.scores[row] ?? null];
  if (from === null || to === null) return null;
  return Math.sign(to - from) * (index.better === "lower" ? -1 : 1);
}

function changedTest(index, way, cell, base) {
  const cells = cell === null ? [...index.cells.keys()] : [cell];
  const pairs = cells
    .filter((k) => k !== base)
    .map((k) => [sideOf(index, base, k), index.cells[k]]);
  return (row) => pairs.some(([before, now]) => outcome(index, before, now, row) === way);
}

/** A test of rows by mode, over one cell (a number) or all of them (null). */
function modeTest(index, mode, cell, base) {
  if (mode === "regressed") return changedTest(index, -1, cell, base);
  if (mode === "fixed") return changedTest(index, 1, cell, base);
  const cells = cell === null ? index.cells : [index.cells[cell]];
  if (mode === "wrong") return (row) => cells.some((c) => c.correct[row] === "0");
  if (mode === "errors") return (row) => cells.some((c) => LOST.has(c.status[row]));
  if (mode === "checks") return (row) => cells.some((c) => c.checks[row] === "0");
  if (mode === "flaky" || mode === "panel")
    return (row) => cells.some((c) => c[mode][row] === "1");
  if (mode === "differ") return (row) => index.differ[row] === "1";
  return () => true;
}

/** Whether a row counts in an entry of the confusion matrix; a row with calls may be in several. */
function isEntry(index, column, row, gold, predicted) {
  if (column.entries.length)
    return column.entries[row].some(([one, other]) => one === gold && other === predicted);
  return index.gold[row] === gold && column.predicted[row] === predicted;
}

/** The rows that pass mode, cell and confusion field, in the order of the data. */
function filteredRows(index, { mode, cell, gold, predicted, base }) {
  const test = modeTest(index, mode, cell, base);
  const column = cell === null ? null : index.cells[cell];
  const confused = gold !== null && predicted !== null && column;
  const rows = [];
  for (let row = 0; row < index.n; row++) {
    if (confused && !isEntry(index, column, row, gold, predicted)) continue;
    if (test(row)) rows.push(row);
  }
  return rows;
}

const SORTS = { low: "lowest", high: "highest", apart: "cells farthest apart" };

/** What a row is sorted by: its score in one cell, else the mean or the spread over all. */
function sortValue(index, { sort, cell }, row) {
  const cells = cell === null || sort === "apart" ? index.cells : [index.cells[cell]];
  const values = cells.map((c) => c.scores[row]).filter((value) => value !== null);
  if (!values.length) return null;
  if (sort === "apart") return Math.max(...values) - Math.min(...values);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The rows in the order asked for; those without a score at the end. */
function sortedRows(index, rows, filter) {
  if (!filter.sort) return rows;
  const sign = filter.sort === "low" ? 1 : -1;
  const keyed = rows.map((row) => [sortValue(index, filter, row), row]);
  const last = (value) => (value === null ? Infinity : sign * value);
  keyed.sort(([a, i], [b, j]) => (last(a) === last(b) ? i - j : last(a) - last(b)));
  return keyed.map(([, row]) => row);
}

/** How many rows each mode would show. */
function modeCounts(index, filter) {
  return Object.fromEntries(
    MODES.map(([mode]) => [mode, filteredRows(index, { ...filter, mode }).length]),
  );
}

/** The rows whose text contains every word of a query; ``tell`` hears of those found so far. */
async function searchedRows(data, rows, query, { tell, stopped }) {
  const needles = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!needles.length) return rows;
  const found = [];
  let texts = null;
  let held = -1;
  let told = performance.now();
  for (const row of rows) {
    const [number, i] = data.place(row);
    if (number !== held) {
      texts = data.haystacks[number] || (await data.haystack(number));
      held = number;
      if (stopped()) return null;
      if (performance.now() - told > 120) {
        tell([...found]);
        told = performance.now();
        await new Promise((resume) => setTimeout(resume));
      }
    }
    if (needles.every((needle) => texts[i].includes(needle))) found.push(row);
  }
  return stopped() ? null : found;
}
