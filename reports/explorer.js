"use strict";
// The samples of one suite: filters, search, list. What is chosen is kept in the page's address.

class Explorer {
  /** go(changes): asks for a new address. */
  constructor(element, dialog, go) {
    this.element = element;
    this.dialog = dialog;
    this.go = go;
    this.state = null;
  }

  async start() {
    this.data = await SuiteData.open(Number(this.element.dataset.number));
    const { index } = this.data;
    if (!index.n) {
      this.element.replaceChildren(el("p.muted", {}, "This suite has no samples."));
      return;
    }
    this.list = new SampleList(this.data, (row) => this.go(this.address(row)));
    this.search = el("input", {
      type: "search",
      placeholder: "Search samples and outputs",
      "aria-label": "Search samples and outputs",
    });
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.go({ q: this.search.value }, true), 120);
    });
    this.modes = el(
      ".modes",
      { role: "group", "aria-label": "Which samples" },
      modesOf(index).map(([mode, name]) => this.modeButton(mode, name)),
    );
    const names = index.cells.map((cell, k) =>
      el("option", { value: String(k) }, cellName(cell)),
    );
    this.compared = modesOf(index).some(([mode]) => mode === "fixed");
    this.base = el(
      "select",
      { "aria-label": "Compared with" },
      index.baseline ? el("option", { value: "before" }, "against the baseline") : null,
      index.cells.length > 1
        ? index.cells.map((cell, k) => el("option", { value: String(k) }, `against ${cellName(cell)}`))
        : null,
    );
    this.base.addEventListener("change", () => this.go({ base: this.base.value }));
    this.paired = this.compared ? new Paired(this.data, this.go, (row) => this.go(this.address(row))) : null;
    this.cell = el(
      "select",
      { "aria-label": "In which cell" },
      el("option", { value: "" }, "in any cell"),
      names,
    );
    this.cell.addEventListener("change", () =>
      this.go({ cell: this.cell.value, gold: "", predicted: "" }),
    );
    const orders = Object.entries(SORTS).filter(
      ([sort]) => sort !== "apart" || index.cells.length > 1,
    );
    const orderName = (sort) =>
      sort === "apart" ? SORTS[sort] : `${SORTS[sort]} ${index.score} first`;
    this.sort = el(
      "select",
      { "aria-label": "In which order" },
      el("option", { value: "" }, "in the data's order"),
      orders.map(([sort]) => el("option", { value: sort }, orderName(sort))),
    );
    this.sort.addEventListener("change", () => this.go({ sort: this.sort.value }));
    this.chip = el("button.chip", {
      type: "button",
      hidden: true,
      on: { click: () => this.go({ gold: "", predicted: "" }) },
    });
    this.shown = el("span.shown", { role: "status" });
    const cells = index.cells.length > 1 ? this.cell : null;
    this.element.replaceChildren(
      this.paired?.element ?? "",
      el(
        ".tools",
        {},
        this.search,
        this.modes,
        cells,
        this.compared ? this.base : null,
        index.score ? this.sort : null,
        this.chip,
        el(".tail", {}, this.shown, exportButtons(this)),
      ),
      this.list.element,
    );
  }

  modeButton(mode, name) {
    const button = el(
      "button",
      { type: "button", on: { click: () => this.go({ show: mode === "all" ? "" : mode }) } },
      name,
      el("small", {}),
    );
    button.dataset.mode = mode;
    return button;
  }

  /** Show what an address asks for. */
  async show(address) {
    this.started ||= this.start();
    await this.started;
    if (!this.list) return;
    const wanted = this.wanted(address);
    if (JSON.stringify(wanted) !== JSON.stringify(this.state)) await this.filter(wanted);
    this.openSample(address);
  }

  wanted(address) {
    const whole = (name) =>
      /^\d+$/.test(address.get(name) ?? "") ? Number(address.get(name)) : null;
    const cell = whole("cell");
    const { index } = this.data;
    const known = modesOf(index).some(([mode]) => mode === address.get("show"));
    return {
      mode: known ? address.get("show") : "all",
      cell: cell !== null && cell < index.cells.length ? cell : null,
      base: this.wantedBase(address.get("base")),
      gold: whole("gold"),
      predicted: whole("predicted"),
      sort: index.score && address.get("sort") in SORTS ? address.get("sort") : "",
      query: address.get("q") ?? "",
    };
  }

  /** What regressed and fixed compare with: the baseline if there is one, else a cell. */
  wantedBase(text) {
    const { baseline, cells } = this.data.index;
    if (/^\d+$/.test(text ?? "") && Number(text) < cells.length) return Number(text);
    return baseline ? "before" : 0;
  }

  async filter(wanted) {
    this.state = wanted;
    this.drawTools(wanted);
    const rows = filteredRows(this.data.index, wanted);
    const stopped = () => this.state !== wanted;
    const tell = (found) => this.found(found, "searching… ");
    if (!wanted.query.trim()) this.found(rows, "");
    const found = await searchedRows(this.data, rows, wanted.query, { tell, stopped });
    if (found && wanted.query.trim()) this.found(found, "");
  }

  found(rows, before) {
    this.shown.textContent = `${before}${rows.length.toLocaleString("en")} of ${this.data.index.n.toLocaleString("en")}`;
    this.list.show(sortedRows(this.data.index, rows, this.state));
  }

  drawTools(wanted) {
    const { index } = this.data;
    const counts = modeCounts(index, wanted);
    for (const button of this.modes.children) {
      const { mode } = button.dataset;
      button.setAttribute("aria-pressed", String(mode === wanted.mode));
      button.disabled = !counts[mode] && mode !== wanted.mode && mode !== "all";
      button.querySelector("small").textContent = counts[mode].toLocaleString("en");
    }
    if (document.activeElement !== this.search) this.search.value = wanted.query;
    this.cell.value = wanted.cell === null ? "" : String(wanted.cell);
    this.base.value = String(wanted.base);
    this.sort.value = wanted.sort;
    this.paired?.show(wanted);
    const confused = wanted.gold !== null && wanted.predicted !== null && wanted.cell !== null;
    this.chip.hidden = !confused;
    if (confused)
      this.chip.textContent = `${index.labels[wanted.gold]} answered as ${index.labels[wanted.predicted]} ✕`;
    for (const link of this.element.parentElement.querySelectorAll(".confusion a"))
      link.classList.toggle("chosen", confused && this.isField(link, wanted));
  }

  isField(link, wanted) {
    const field = new URLSearchParams(link.hash.slice(1));
    return ["cell", "gold", "predicted"].every((name) => Number(field.get(name)) === wanted[name]);
  }

  /** The part of an address that names a row: its id where that finds it again. */
  address(row) {
    const id = this.data.index.ids[row];
    const findable =
      this.data.rowOf(id) === row &&
      new URLSearchParams({ id }).get("id") === id &&
      id.isWellFormed?.() !== false;
    return findable ? { sample: id, row: "" } : { sample: "", row: String(row) };
  }

  rowIn(address) {
    if (address.has("sample")) return this.data.rowOf(address.get("sample"));
    const row = Number(address.get("row") ?? -1);
    return Number.isInteger(row) && row < this.data.index.n ? row : -1;
  }

  openSample(address) {
    const row = this.rowIn(address);
    if (row < 0) return this.dialog.hide();
    const { rows } = this.list;
    const position = rows.indexOf(row);
    if (position >= 0) this.list.active = position;
    const step = (by) => {
      const next = rows[position + by];
      if (position >= 0 && next !== undefined) this.go(this.address(next), true);
    };
    const closed = () => {
      this.go({ sample: "", row: "" }, true);
      if (position >= 0) this.list.move(0);
    };
    const base = address.get("base") ?? "";
    return this.dialog.show({ data: this.data, row, base, position, total: rows.length, step, closed });
  }
}
