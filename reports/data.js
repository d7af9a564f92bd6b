"use strict";
// The samples of a suite: the other half of evalkit/reporting/pack.py, which says how they are packed.

const KEPT_CHUNKS = 60;

async function unpacked(id) {
  const text = byId(id).textContent;
  const bytes = Uint8Array.fromBase64
    ? Uint8Array.fromBase64(text)
    : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** The value of a packed column in one row. */
function at(column, row) {
  if (Array.isArray(column)) return column[row];
  if ("k" in column)
    return Object.fromEntries(column.k.map((name, i) => [name, at(column.v[i], row)]));
  return "i" in column ? column.d[column.i[row]] : column.c;
}

/** A text put together from literals and references to other texts. */
function joined(parts, values) {
  return parts
    .map((part) => {
      if (typeof part === "string") return part;
      return Array.isArray(part)
        ? values[part[0]].replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "")
        : values[part];
    })
    .join("");
}

class SuiteData {
  constructor(suite, index) {
    this.suite = suite;
    this.index = index;
    this.chunks = new Map(); // number of a chunk → promise of it, the last used at the end
    this.decoded = new Map(); // number of a chunk → the chunk, as long as it is kept
    this.haystacks = [];
    this.rowsById = null;
  }

  static async open(suite) {
    return new SuiteData(suite, await unpacked(`index-${suite}`));
  }

  get chunkCount() {
    return Math.ceil(this.index.n / this.index.chunk);
  }

  chunk(number) {
    const known = this.chunks.get(number) || this.load(number);
    this.chunks.delete(number);
    this.chunks.set(number, known);
    return known;
  }

  async load(number) {
    const chunk = await unpacked(`chunk-${this.suite}-${number}`);
    this.decoded.set(number, chunk);
    for (const oldest of this.chunks.keys()) {
      if (this.chunks.size <= KEPT_CHUNKS) break;
      this.chunks.delete(oldest);
      this.decoded.delete(oldest);
    }
    return chunk;
  }

  /** The row of a sample's id, or -1. */
  rowOf(id) {
    this.rowsById ||= new Map(this.index.ids.map((name, row) => [name, row]).reverse());
    return this.rowsById.get(id) ?? -1;
  }

  place(row) {
    return [Math.floor(row / this.index.chunk), row % this.index.chunk];
  }

  /** What a line of the list shows, or null while its chunk is not decoded. */
  preview(row) {
    const [number, i] = this.place(row);
    const chunk = this.decoded.get(number);
    if (!chunk) return null;
    const lead = this.index.lead < 0 ? "" : at(chunk.fields[this.index.lead], i);
    return {
      lead: shown(lead ?? ""),
      targets: at(chunk.targets, i),
      cells: chunk.cells.map((cell) => {
        const prediction = at(cell.prediction, i);
        const output = at(cell.output, i);
        return { answer: prediction ?? (output || "") };
      }),
    };
  }

  /** One sample in full: its row, and its answer in every cell (null where there is none). */
  async sample(row) {
    const [number, i] = this.place(row);
    const chunk = await this.chunk(number);
    const present = at(chunk.present, i);
    const values = chunk.fields.map((column) => at(column, i));
    return {
      id: this.index.ids[row],
      fields: present.map((k) => [this.index.fields[k], values[k]]),
      targets: at(chunk.targets, i),
      cells: chunk.cells.map((cell) =>
        at(cell.prompt, i) === null ? null : this.answer(chunk, cell, i, values),
      ),
    };
  }

  answer(chunk, cell, i, values) {
    const messages = chunk.templates[at(cell.prompt, i)].map(([role, parts]) => ({
      role,
      content: joined(parts, values),
    }));
    const contents = messages.map((message) => message.content);
    const answer = { messages, sent: joined(chunk.templates[at(cell.sent, i)], contents) };
    for (const name of Object.keys(cell))
      if (!(name in answer) && name !== "prompt") answer[name] = at(cell[name], i);
    if (answer.output === 0) answer.output = answer.prediction;
    return answer;
  }

  /** Per row of a chunk, the text that a search looks through, in lower case. */
  async haystack(number) {
    if (this.haystacks[number]) return this.haystacks[number];
    const chunk = await this.chunk(number);
    const first = number * this.index.chunk;
    const count = Math.min(this.index.chunk, this.index.n - first);
    const texts = [];
    for (let i = 0; i < count; i++) {
      const parts = [
        this.index.ids[first + i],
        ...chunk.fields.map((column) => shown(at(column, i) ?? "")),
        ...at(chunk.targets, i),
      ];
      for (const cell of chunk.cells)
        parts.push(at(cell.output, i) || "", at(cell.prediction, i) || "", at(cell.error, i) || "");
      texts.push(parts.join("\n").toLowerCase());
    }
    return (this.haystacks[number] = texts);
  }
}
