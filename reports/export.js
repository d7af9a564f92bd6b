"use strict";
// The rows in sight as a file: one line per sample and cell.

function exportButtons(explorer) {
  const button = (kind, write) =>
    el(
      "button",
      {
        type: "button",
        title: `Save these samples as ${kind}`,
        on: { click: async () => save(explorer, kind, write(await exported(explorer))) },
      },
      kind,
    );
  return [button("CSV", asCsv), button("JSON", (lines) => JSON.stringify(lines, null, 1))];
}

async function exported({ data, list }) {
  const lines = [];
  for (const row of list.rows) {
    const sample = await data.sample(row);
    sample.cells.forEach((answer, k) => {
      if (!answer) return;
      const { model, prompt } = data.index.cells[k];
      const { status, correct, prediction, output, error, scores } = answer;
      lines.push({
        id: sample.id,
        model,
        prompt,
        status,
        correct,
        prediction,
        output,
        error,
        targets: sample.targets,
        scores,
        fields: Object.fromEntries(sample.fields),
      });
    });
  }
  return lines;
}

/** CSV as spreadsheets read it. Text that one would take for a formula gets a quote before it. */
function asCsv(lines) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : shown(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  };
  const names = Object.keys(lines[0] ?? { id: "" });
  return [names, ...lines.map((line) => names.map((name) => line[name]))]
    .map((row) => row.map(cell).join(","))
    .join("\r\n");
}

function save({ element }, kind, text) {
  const suite = element.closest(".view").dataset.suite.replace(/[^\w.-]+/g, "_");
  const address = URL.createObjectURL(
    new Blob([text], { type: kind === "CSV" ? "text/csv" : "application/json" }),
  );
  const link = el("a", { href: address, download: `${suite}.${kind.toLowerCase()}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
