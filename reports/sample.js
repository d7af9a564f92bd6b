"use strict";
// One sample in full: what was asked, what came back in each cell, and how it was judged.

/** The body of the dialog for a sample. cells: the columns of the suite's index; base: the text
 * that outputs are compared with, or null; folded: whether outputs may be unsafe to read. */
function sampleBody(sample, cells, { base, folded }) {
  const hidden = (answer) => folded && sample.targets[0] === "refuse" && answer?.prediction !== "full_refusal";
  return [
    el(
      ".given",
      {},
      el("section", {}, el("h3", {}, "Sample"), fields(sample)),
      el(
        "section",
        {},
        el("h3", {}, sample.targets.length > 1 ? "References" : "Reference"),
        sample.targets.length
          ? sample.targets.map((target) =>
              el(".field", {}, el(".text", { dir: "auto" }, exact(target))),
            )
          : el("p.muted", {}, "none"),
      ),
    ),
    el(
      ".answers",
      {},
      sample.cells.map((answer, k) => 
        answerCard(answer, cells[k], sample, { base, hidden: hidden(answer) }),
      ),
    ),
  ];
}

/** The fields of the row: long ones each on its own, short ones together. The id and the
 * references have their own place and are not said twice. */
function fields({ id, targets, fields: row }) {
  const entries = row.filter(
    ([name, value]) =>
      !(name === "id" && value === id) &&
      !(Array.isArray(value) && shown(value) === shown(targets)),
  );
  const isShort = ([, value]) => shown(value).length < 40;
  const long = entries.filter((entry) => !isShort(entry));
  return [
    ...long.map((entry) => field(...entry)),
    el(
      ".short",
      {},
      entries.filter(isShort).map((entry) => field(...entry)),
    ),
  ];
}

function field(name, value) {
  return el(
    ".field",
    {},
    el("b", {}, name),
    el(
      ".text",
      { dir: "auto", tabIndex: shown(value).length > 600 ? 0 : -1 },
      value === null ? "–" : exact(shown(value)),
    ),
  );
}

function answerCard(answer, cell, sample, { base, hidden }) {
  const title = el(
    "h3",
    {},
    el("bdi", {}, cell.model),
    " ",
    el("small", {}, el("bdi", {}, cell.prompt)),
  );
  if (!answer)
    return el(
      "article",
      {},
      title,
      el("p.muted", {}, cell.error ? exact(cell.error) : "This cell does not have this sample."),
    );
  const right = { true: "right", false: "wrong" }[String(answer.correct)];
  const tone = right ? { right: "pass", wrong: "fail" }[right] : "none";
  if (right) title.prepend(mark(right));
  if (answer.status !== "ok")
    title.append(" ", el("span", { className: `status ${answer.status}` }, answer.status));
  return el(
    "article",
    { className: tone },
    title,
    answer.error ? el("p.notice.error", {}, exact(answer.error)) : null,
    outputOf(answer, base, hidden),
    taken(answer),
    claimList(claimsIn(answer), passagesOf(sample, answer)),
    overlap(sample.targets, answer.output),
    valuesTable("Scores", answer.scores, false),
    valuesTable("Probabilities", answer.probabilities, true),
    checks(answer.checks),
    application(answer.details),
    judgments(answer.details.judgments),
    messages(answer.messages),
    trace(answer.details.messages),
    el(
      "details",
      {},
      el("summary", {}, `Exact text sent (${answer.sent.length.toLocaleString("en")} characters)`),
      el("pre", { tabIndex: 0 }, exact(answer.sent)),
    ),
    repeats(answer.details.repeats || []),
    details(answer.details),
    el("p.cost", {}, el("small", {}, cost(answer))),
  );
}

/** The output and the thoughts before it; behind a fold where they may be unsafe to read. */
function outputOf(answer, base, hidden) {
  const text = el("pre", { tabIndex: 0, dir: "auto" }, written(answer, base));
  if (!hidden) return [el("h4", {}, "Output"), text, thinking(answer.details)];
  const length = (answer.output || "").length.toLocaleString("en");
  return el(
    "details.unsafe",
    {},
    el("summary", {}, `Output, may be harmful (${length} characters)`),
    text,
    thinking(answer.details),
  );
}

/** Every answer to a question that was asked several times, the one shown above among them. */
function repeats(answers) {
  if (!answers.length) return null;
  return el(
    "details",
    {},
    el("summary", {}, `All ${answers.length} answers`),
    answers.map((answer, i) => [
      el("h4", {}, [`Answer ${i + 1}: `, verdictOf(answer)]),
      el("pre", { tabIndex: 0, dir: "auto" }, exact(answer.error || answer.output)),
      application(answer),
      trace(answer.messages),
      thinking(answer),
    ]),
  );
}

function verdictOf(answer) {
  if (answer.status === "error" || answer.status === "overflow") return answer.status;
  const taken = answer.prediction === null ? "no answer found" : `parsed as ${answer.prediction}`;
  return answer.correct === null ? taken : `${taken}, ${answer.correct ? "right" : "wrong"}`;
}

/** What a reasoning model thought before it answered. */
function thinking({ thinking: thought, still_thinking: unfinished }) {
  if (!thought) return null;
  const length = thought.length.toLocaleString("en");
  const what = unfinished ? "Unfinished thinking" : "Thinking";
  return el(
    "details",
    {},
    el("summary", {}, `${what}, not scored (${length} characters)`),
    el("pre", { tabIndex: 0, dir: "auto" }, exact(thought)),
  );
}

function details(values) {
  const shownElsewhere = ["repeats", "thinking", "still_thinking", "judgments", "contexts", "calls", "messages", "cost"];
  const rest = Object.fromEntries(
    Object.entries(values).filter(([name]) => !shownElsewhere.includes(name)),
  );
  if (!Object.keys(rest).length) return null;
  return el(
    "details",
    {},
    el("summary", {}, "Backend details"),
    el("pre", { tabIndex: 0 }, exact(JSON.stringify(rest, null, 1))),
  );
}

/** An output as it is, with claims marked, or with its differences from another text. */
function written(answer, base) {
  const { output } = answer;
  if (base !== null && output !== null) return marked(base, output);
  const claims = output ? claimsIn(answer) : [];
  if (claims.length) return underlined(output, claims);
  return output ? exact(output) : el("span.muted", {}, "empty");
}

/** How the answer was taken from the output. */
function taken(answer) {
  const whole =
    answer.prediction !== null && answer.prediction.trim() === (answer.output || "").trim();
  if (whole && answer.prediction.length > 80)
    return el("p.how", {}, `Parsed unchanged${answer.how ? `: ${answer.how}` : ""}`);
  const found =
    answer.prediction === null
      ? el("i", {}, "no answer")
      : el("b", { dir: "auto" }, exact(answer.prediction.slice(0, 400)));
  return el("p.how", {}, "Parsed as ", found, answer.how ? `: ${answer.how}` : "");
}

function valuesTable(title, values, bars) {
  const entries = Object.entries(values);
  if (!entries.length) return null;
  const line = ([name, value]) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("bdi", {}, name)),
      el("td.number", {}, number(value)),
      bars ? el("td", {}, smallBar(value ?? 0)) : null,
    );
  return [el("h4", {}, title), el("table.values", {}, el("tbody", {}, entries.map(line)))];
}

function checks(results) {
  if (!results.length) return null;
  const line = ([rule, passed, reason]) =>
    el(
      "p",
      { className: passed ? "check" : "check failed" },
      mark(passed ? "right" : "wrong"),
      el("code", {}, rule),
      reason ? ` ${reason}` : "",
    );
  return [el("h4", {}, "Checks"), ...results.map(line)];
}

function messages(list) {
  const title = list.length === 1 && !list[0].role ? "Prompt" : `Messages (${list.length})`;
  const turns = list.map(({ role, content }) => [
    role ? el(".role", {}, role) : null,
    el("pre", { tabIndex: 0, dir: "auto" }, exact(content)),
  ]);
  return el("details", {}, el("summary", {}, title), turns);
}

function cost(answer) {
  const words = [`${number(answer.seconds)} s`];
  if (answer.prompt_tokens !== null) words.push(`${answer.prompt_tokens} prompt tokens`);
  if (answer.completion_tokens !== null)
    words.push(`${answer.completion_tokens} completion tokens`);
  if (answer.details.cost !== undefined) words.push(`cost ${number(answer.details.cost)}`);
  if (answer.finish) words.push(`ended by ${answer.finish}`);
  if (answer.cached) words.push("from cache");
  return words.join(" · ");
}
