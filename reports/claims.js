"use strict";
// The claims of an answer that were checked: marked in the output, and each with its passage.

const VERDICTS = {
  Contradicted: { rank: 2, kind: "contradicted", sign: "✕", words: "contradicted by the passages" },
  "Not found": { rank: 1, kind: "missing", sign: "?", words: "not found in the passages" },
  Supported: { rank: 0, kind: "supported", sign: "✓", words: "supported by the passages" },
};

/** The judgments of the claims in the answer that is shown, not in other answers to the question. */
function claimsIn({ output, details }) {
  const place = (details.repeats || []).findIndex((one) => one.output === output);
  return (details.judgments || []).filter(
    (one) => one.claim && (one.repeat || 0) === Math.max(place, 0),
  );
}

/** An output in which every claim without support is underlined, with a sign after it. */
function underlined(output, claims) {
  const letters = Array.from(output); // claims count characters, not halves of pairs
  const pieces = [];
  let end = 0;
  for (const { from, to, verdict } of worstOfEach(claims)) {
    if (from < end || verdict.kind === "supported") continue;
    pieces.push(...exact(letters.slice(end, from).join("")));
    pieces.push(
      el(
        `u.claim.${verdict.kind}`,
        { title: verdict.words },
        exact(letters.slice(from, to).join("")),
        el("sup", { role: "img", "aria-label": ` (${verdict.words})` }, verdict.sign),
      ),
    );
    end = to;
  }
  pieces.push(...exact(letters.slice(end).join("")));
  return pieces;
}

/** Each place in the output once, with the worst verdict on a claim that stands there. */
function worstOfEach(claims) {
  const found = new Map();
  for (const { claim, answer } of claims) {
    const verdict = VERDICTS[answer];
    if (!verdict || claim.end <= claim.start) continue;
    const before = found.get(claim.start);
    if (!before || verdict.rank > before.verdict.rank)
      found.set(claim.start, { from: claim.start, to: claim.end, verdict });
  }
  return [...found.values()].sort((a, b) => a.from - b.from);
}

/** The claims one by one, those without support first in each judged score. */
function claimList(claims, passagesById) {
  if (!claims.length) return null;
  const groups = new Map();
  for (const one of claims) {
    const title = `${one.score} by ${one.judge}`;
    groups.set(title, [...(groups.get(title) || []), one]);
  }
  return [...groups].map(([title, list]) => {
    const bad = list.filter((one) => one.answer !== "Supported").length;
    const count = `${list.length - bad} of ${counted(list, "claim", "claims")} supported`;
    return el(
      "details.claims",
      { open: bad > 0 },
      el("summary", {}, el("bdi", {}, title), `: ${count}`),
      el("ol", {}, list.map((one) => claimLine(one, passagesById))),
    );
  });
}

function claimLine(one, passagesById) {
  const verdict = VERDICTS[one.answer];
  const text = one.passage === undefined ? undefined : passagesById.get(one.passage);
  const sure = one.probabilities ? ` ${number(one.probabilities[one.answer])}` : "";
  const which = verdict?.kind === "missing" ? "nearest passage" : "passage";
  return el(
    "li",
    { className: `claim-line ${verdict?.kind || "error"}` },
    el(
      "p",
      {},
      el("b.verdict", {}, verdict ? `${verdict.sign} ${one.answer}` : one.status),
      el("small", {}, sure),
      " ",
      el("span", { dir: "auto" }, exact(one.claim.text)),
    ),
    one.error ? el("p.notice.error", {}, exact(one.error)) : null,
    one.passage === undefined
      ? null
      : el(
          "blockquote",
          {},
          el(".role", {}, `${which} `, el("bdi", {}, exact(one.passage))),
          text ? el("p", { dir: "auto" }, exact(text)) : null,
        ),
  );
}

/** The passages that an application returned, and those in the row, by id. */
function passagesOf(sample, answer) {
  const found = new Map();
  for (const [name, value] of sample.fields) {
    if (typeof value === "string") found.set(name, value);
    else if (Array.isArray(value))
      value.forEach((one, i) => {
        const text = typeof one === "string" ? one : one?.text;
        if (typeof text === "string") found.set(String(one.id ?? i + 1), text);
      });
  }
  for (const { id, text } of answer.details.contexts || []) found.set(id, text);
  return found;
}
