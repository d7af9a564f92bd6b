"use strict";
// Two cells sample by sample: who was right where, and a scatter of their scores.

const SIDE = 320; // of the scatter, in CSS pixels
const MARGIN = 34;
const NEAR = 12;

class Paired {
  /** go(changes): asks for a new address. open(row): shows a sample. */
  constructor(data, go, open) {
    this.data = data;
    this.go = go;
    this.open = open;
    this.points = [];
    const { index } = data;
    const choice = (name) => {
      const select = el(
        "select",
        { "aria-label": name },
        index.cells.map((cell, k) => el("option", { value: String(k) }, cellName(cell))),
      );
      return select;
    };
    this.from = choice("First cell");
    if (index.baseline)
      this.from.prepend(el("option", { value: "before" }, "the same cell in the baseline"));
    this.to = choice("Second cell");
    for (const [select, part] of [
      [this.from, "base"],
      [this.to, "cell"],
    ])
      select.addEventListener("change", () => this.go({ [part]: select.value, gold: "", predicted: "" }, true));
    this.canvas = el("canvas", { role: "img" });
    this.canvas.addEventListener("click", (event) => this.choose(event));
    this.canvas.addEventListener("mousemove", (event) => this.point(event));
    this.hint = el("p.muted", {});
    this.table = el("div", {});
    this.element = el(
      "details.fold.paired",
      {},
      el("summary", {}, "Two cells, sample by sample"),
      el(".pick", {}, this.from, el("span", {}, "against"), this.to),
      el(".pair", {}, this.table, el("figure", {}, this.canvas, this.hint)),
    );
    this.element.addEventListener("toggle", () => this.draw());
  }

  show(state) {
    const { index } = this.data;
    this.base = state.base;
    const other = [...index.cells.keys()].find((k) => k !== this.base);
    this.cell = state.cell !== null && state.cell !== this.base ? state.cell : other;
    this.from.value = String(this.base);
    this.to.value = String(this.cell);
    this.draw();
  }

  draw() {
    if (!this.element.open || this.base === undefined) return;
    const { index } = this.data;
    const before = sideOf(index, this.base, this.cell);
    this.drawTable(before, index.cells[this.cell]);
    this.drawScatter(before, index.cells[this.cell]);
  }

  /** Counts of right and wrong in both, or of better, equal and worse where there is no right. */
  drawTable(before, now) {
    const { index } = this.data;
    const pairs = { 11: 0, 10: 0, "01": 0, "00": 0 };
    const found = { "-1": 0, 0: 0, 1: 0 };
    let binary = false;
    for (let row = 0; row < index.n; row++) {
      const key = before ? before.correct[row] + now.correct[row] : "--";
      if (key in pairs) {
        pairs[key]++;
        binary = true;
      }
      const way = outcome(index, before, now, row);
      if (way !== null) found[way]++;
    }
    const link = (count, show) =>
      count
        ? el("button", { type: "button", on: { click: () => this.filter(show) } }, count.toLocaleString("en"))
        : "0";
    const line = (name, ...cells) =>
      el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td.number", {}, cell)));
    const head = (...names) =>
      el("thead", {}, el("tr", {}, el("td", {}), names.map((name) => el("th", { scope: "col" }, name))));
    this.table.replaceChildren(
      binary
        ? el(
            "table.quarters",
            {},
            head("second right", "second wrong"),
            el(
              "tbody",
              {},
              line("first right", pairs["11"].toLocaleString("en"), link(pairs["10"], "regressed")),
              line("first wrong", link(pairs["01"], "fixed"), pairs["00"].toLocaleString("en")),
            ),
          )
        : el(
            "table.quarters",
            {},
            head("samples"),
            el(
              "tbody",
              {},
              line("second better", link(found[1], "fixed")),
              line("equal", found[0].toLocaleString("en")),
              line("second worse", link(found["-1"], "regressed")),
            ),
          ),
    );
  }

  filter(show) {
    this.go({ show, base: String(this.base), cell: String(this.cell) });
  }

  drawScatter(before, now) {
    const { index } = this.data;
    const figure = this.canvas.parentElement;
    figure.hidden = !index.score || !before;
    if (figure.hidden) return;
    const values = [];
    for (let row = 0; row < index.n; row++) {
      const [x, y] = [before.scores[row], now.scores[row]];
      if (x !== null && y !== null && x !== undefined && y !== undefined) values.push([row, x, y]);
    }
    let low = 0;
    let high = 1;
    for (const [, x, y] of values) {
      low = Math.min(low, x, y);
      high = Math.max(high, x, y);
    }
    const scale = (value) => ((value - low) / (high - low)) * (SIDE - 2 * MARGIN) + MARGIN;
    this.points = values.map(([row, x, y]) => [row, scale(x), SIDE - scale(y)]);
    this.canvas.setAttribute(
      "aria-label",
      `${values.length.toLocaleString("en")} samples by ${index.score}: first cell on the x-axis, second on the y-axis`,
    );
    this.told = `${index.score}; x: first cell, y: second. Click a point to see its sample.`;
    this.hint.textContent = this.told;
    this.paint(before, now, low, high);
  }

  paint(before, now, low, high) {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = this.canvas.height = SIDE * ratio;
    const pen = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    const colour = (name) => {
      this.hint.style.color = `var(--${name})`;
      const found = getComputedStyle(this.hint).color;
      this.hint.style.color = "";
      return found;
    };
    const tones = { "-1": colour("fail"), 0: colour("muted"), 1: colour("pass"), null: colour("muted") };
    pen.scale(ratio, ratio);
    pen.strokeStyle = colour("line");
    pen.strokeRect(MARGIN, MARGIN, SIDE - 2 * MARGIN, SIDE - 2 * MARGIN);
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(MARGIN, SIDE - MARGIN);
    pen.lineTo(SIDE - MARGIN, MARGIN);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = colour("muted");
    pen.font = `12px ${style.fontFamily}`;
    pen.textAlign = "center";
    pen.fillText(number(low), MARGIN, SIDE - MARGIN + 18);
    pen.fillText(number(high), SIDE - MARGIN, SIDE - MARGIN + 18);
    pen.textAlign = "right";
    pen.fillText(number(high), MARGIN - 4, MARGIN + 4);
    pen.globalAlpha = Math.min(0.75, Math.max(0.08, 300 / this.points.length));
    for (const [row, x, y] of this.points) {
      pen.fillStyle = tones[outcome(this.data.index, before, now, row)];
      pen.fillRect(x - 2.5, y - 2.5, 5, 5);
    }
  }

  nearest({ offsetX, offsetY }) {
    const shrunk = SIDE / this.canvas.clientWidth;
    offsetX *= shrunk;
    offsetY *= shrunk;
    let best = null;
    let least = NEAR ** 2;
    for (const [row, x, y] of this.points) {
      const distance = (x - offsetX) ** 2 + (y - offsetY) ** 2;
      if (distance < least) [best, least] = [row, distance];
    }
    return best;
  }

  choose(event) {
    const row = this.nearest(event);
    if (row !== null) this.open(row);
  }

  point(event) {
    const row = this.nearest(event);
    this.canvas.style.cursor = row === null ? "" : "pointer";
    this.hint.textContent = row === null ? this.told : this.data.index.ids[row];
  }
}
