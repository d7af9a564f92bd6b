"use strict";
// The list of samples: only the lines in sight exist, so its length does not matter.

const ROW_HEIGHT = 52;
const SPARE_ROWS = 6;
const LOST_WORDS = { e: "error", t: "truncated", f: "overflow", u: "unparsed" };

class SampleList {
  /** columns: the cells shown, as numbers. open(row): what choosing a line does. */
  constructor(data, open) {
    this.data = data;
    this.open = open;
    this.rows = [];
    this.columns = data.index.cells.map((_, k) => k);
    this.active = 0;
    this.lines = new Map(); // place in the list → the line drawn for it
    this.body = el(".body", { role: "rowgroup" });
    this.head = el(".head", { role: "row" });
    this.element = el(
      ".grid",
      { role: "grid", "aria-label": "Samples", tabIndex: -1 },
      el("", { role: "rowgroup" }, this.head),
      this.body,
    );
    this.element.addEventListener("scroll", () => this.later(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.later()).observe(this.element);
    this.element.setAttribute("aria-colcount", this.columns.length + 2);
    this.drawHead();
  }

  drawHead() {
    const cells = this.columns.map((k) => this.data.index.cells[k]);
    const tracks = `minmax(var(--lead), 1.7fr) minmax(var(--gold), 0.5fr) repeat(${cells.length}, minmax(9rem, 1fr))`;
    this.element.style.setProperty("--tracks", tracks);
    this.element.style.setProperty(
      "--least",
      `calc(var(--lead) + var(--gold) + ${2 + 10 * cells.length}rem)`,
    );
    const names = ["sample", "reference", ...cells.map((cell) => `${cell.model} / ${cell.prompt}`)];
    this.head.replaceChildren(
      ...names.map((name) => el("span", { role: "columnheader", title: name }, name)),
    );
  }

  show(rows) {
    this.rows = rows;
    this.active = Math.min(this.active, Math.max(rows.length - 1, 0));
    this.element.setAttribute("aria-rowcount", rows.length + 1);
    this.body.style.height = `${Math.max(rows.length * ROW_HEIGHT, ROW_HEIGHT)}px`;
    this.draw();
  }

  later() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const top = this.element.scrollTop;
    const height = this.element.clientHeight || 600;
    const first = Math.max(Math.floor(top / ROW_HEIGHT) - SPARE_ROWS, 0);
    const last = Math.min(Math.ceil((top + height) / ROW_HEIGHT) + SPARE_ROWS, this.rows.length);
    const focused = this.body.contains(document.activeElement);
    const lines = new Map();
    for (let i = first; i < last; i++) lines.set(i, this.kept(i) ?? this.line(i));
    for (const [i, line] of lines) line.tabIndex = i === this.active ? 0 : -1;
    this.lines = lines;
    this.body.replaceChildren(...lines.values());
    if (!this.rows.length) this.body.append(el(".empty", {}, "No sample matches."));
    if (focused) this.body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  /** The line drawn before, unless it shows another row or was drawn without its text. */
  kept(i) {
    const line = this.lines.get(i);
    return line && line.dataset.row === String(this.rows[i]) ? line : undefined;
  }

  line(i) {
    const row = this.rows[i];
    const preview = this.data.preview(row);
    if (!preview) this.data.chunk(this.data.place(row)[0]).then(() => this.later());
    const line = el(
      ".row",
      {
        role: "row",
        "aria-rowindex": i + 2,
        on: { click: () => this.choose(i) },
      },
      el(
        "span.lead",
        { role: "gridcell", dir: "auto" },
        el("small", {}, this.data.index.ids[row]),
        preview ? preview.lead.slice(0, 240) : "…",
      ),
      el(
        "span.gold",
        { role: "gridcell", dir: "auto" },
        preview ? preview.targets.join(" | ").slice(0, 120) : "",
      ),
      this.columns.map((k) => this.answer(row, k, preview?.cells[k])),
    );
    if (preview) line.dataset.row = String(row);
    line.style.top = `${i * ROW_HEIGHT}px`;
    return line;
  }

  answer(row, k, preview) {
    const cell = this.data.index.cells[k];
    const right = { 1: "right", 0: "wrong" }[cell.correct[row]];
    const lost = LOST_WORDS[cell.status[row]];
    const score = this.data.index.score ? cell.scores[row] : undefined;
    return el(
      "span.answer",
      { role: "gridcell", className: `answer ${right || ""}`, dir: "auto" },
      right ? mark(right) : null,
      lost ? el("span", { className: `status ${lost}` }, lost) : null,
      cell.checks[row] === "0" ? el("span.status", {}, "check") : null,
      score === undefined || score === null ? null : el("small", { title: this.data.index.score }, `${number(score)} `),
      preview ? el("bdi", {}, preview.answer.slice(0, 160).replace(/\s+/g, " ")) : "",
    );
  }

  choose(i) {
    this.active = i;
    this.open(this.rows[i]);
  }

  key(event) {
    const page = Math.floor(this.element.clientHeight / ROW_HEIGHT) - 1;
    const steps = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && this.rows.length) this.choose(this.active);
    else if (event.key in steps) this.move(steps[event.key]);
    else return;
    event.preventDefault();
  }

  move(step) {
    this.active = Math.min(Math.max(this.active + step, 0), Math.max(this.rows.length - 1, 0));
    this.reveal();
    this.body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }

  /** Scroll so that the active line is in sight. */
  reveal() {
    const top = this.active * ROW_HEIGHT;
    const room = this.element.clientHeight - this.head.offsetHeight - ROW_HEIGHT;
    const from = this.element.scrollTop;
    if (top < from) this.element.scrollTop = top;
    else if (top > from + room) this.element.scrollTop = top - room;
    this.draw();
  }
}
