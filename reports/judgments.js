"use strict";
// The judgments of one answer: grade, probabilities, raw reply, full prompt.

function judgments(list) {
  if (!list || !list.length) return null;
  const unread = list.filter((one) => one.status !== "ok").length;
  const count = `${list.length} ${list.length === 1 ? "judgment" : "judgments"}`;
  return el(
    "details.judgments",
    {},
    el("summary", {}, unread ? `${count}, ${unread} without a grade` : count),
    list.map(judgment),
  );
}

function judgment(one) {
  const part = one.criterion || (one.claim ? `claim ${one.claim.number}` : one.listing && "list of claims");
  const about = [one.score, part].filter(Boolean).join(": ");
  const beside = one.against ? ` (stands as ${one.stands}, against ${one.against})` : "";
  const answer = one.repeat ? `, answer ${one.repeat + 1}` : "";
  return el(
    "section.judgment",
    {},
    el(
      "h4",
      {},
      el("bdi", {}, about),
      ` by `,
      el("bdi", {}, one.judge),
      beside + answer,
      one.status === "ok" ? null : [" ", el("span", { className: `status ${one.status}` }, one.status)],
    ),
    el("p", {}, grade(one)),
    one.error ? el("p.notice.error", {}, exact(one.error)) : null,
    one.probabilities
      ? valuesTable("Probabilities of the allowed answers", one.probabilities, true)
      : null,
    lists(one.lists),
    one.reasoning ? [el("h4", {}, "Reasons"), block(one.reasoning)] : null,
    one.reply ? [el("h4", {}, "Reply"), block(one.reply)] : null,
    el("details", {}, el("summary", {}, "Full prompt"), prompts(one.prompt)),
  );
}

function grade(one) {
  const words = [one.method];
  if (one.answer !== null) words.unshift(`said ${one.answer}`);
  if (one.value !== null) words.unshift(`grade ${number(one.value)}`);
  if (one.mass !== undefined && one.mass !== null)
    words.push(`allowed answers have ${number(one.mass)} of the probability`);
  if (one.cached) words.push("from cache");
  words.push(`rubric ${one.rubric}`);
  return words.join(" · ");
}

function lists(values) {
  return Object.entries(values || {})
    .filter(([, items]) => items.length)
    .map(([name, items]) => [
      el("h4", {}, el("bdi", {}, name)),
      el("ul", {}, items.map((item) => el("li", { dir: "auto" }, exact(item)))),
    ]);
}

function prompts(prompt) {
  if (typeof prompt === "string") return block(prompt);
  return prompt.map(({ role, content }) => [el(".role", {}, role), block(content)]);
}

function block(text) {
  return el("pre", { tabIndex: 0, dir: "auto" }, exact(text));
}
