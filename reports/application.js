"use strict";
// What an application did for one answer: the passages it retrieved, its calls, its messages.

function application({ contexts, calls }) {
  return [passages(contexts), toolCalls(calls)];
}

function counted(list, one, many) {
  return `${list.length} ${list.length === 1 ? one : many}`;
}

function passages(list) {
  if (!list || !list.length) return null;
  return el(
    "details.application",
    {},
    el("summary", {}, counted(list, "retrieved passage", "retrieved passages")),
    list.map(({ id, text, score }) => [
      el(
        ".role",
        {},
        exact(id),
        score === undefined ? null : el("small", {}, ` score ${number(score)}`),
      ),
      text ? el("pre", { tabIndex: 0, dir: "auto" }, exact(text)) : null,
    ]),
  );
}

function toolCalls(list) {
  if (!list || !list.length) return null;
  return [
    el("h4", {}, counted(list, "tool call", "tool calls")),
    el("ol.calls", {}, list.map((call) => el("li", {}, toolCall(call)))),
  ];
}

/** A call as a line of code; arguments that are not JSON stand as the model wrote them. */
function toolCall({ name, arguments: given }) {
  const values = typeof given === "string" ? parsed(given) : given;
  const list =
    values === null
      ? given
      : Object.entries(values)
          .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
          .join(", ");
  return el("code", {}, exact(`${name}(${list})`));
}

/** The object in a JSON text, or null. */
function parsed(text) {
  try {
    const value = JSON.parse(text || "{}");
    return value && typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** What was written between the prompt and the answer, in order. */
function trace(list) {
  if (!list || !list.length) return null;
  const steps = list.map(({ role, name, content, tool_calls: calls }) => [
    el(".role", {}, role, name ? [" ", el("bdi", {}, name)] : null),
    textOf(content) ? el("pre", { tabIndex: 0, dir: "auto" }, exact(textOf(content))) : null,
    (calls || []).map((call) => el("p.call", {}, toolCall(call.function))),
  ]);
  return el(
    "details.application",
    {},
    el("summary", {}, counted(list, "message of the application", "messages of the application")),
    steps,
  );
}

function textOf(content) {
  if (typeof content === "string") return content;
  return content.map((part) => part.text || "").join("\n\n");
}
