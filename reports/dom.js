"use strict";
// Building elements. Content of a run enters the page as text, never as markup.

const byId = (id) => document.getElementById(id);

/** An element with properties and children; strings become text nodes, null is left out. */
function el(name, properties = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "on")
      for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (key.includes("-") || key === "role") element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined),
  );
  return element;
}

const GLYPHS = { right: ["pass", "✓"], wrong: ["fail", "✕"] };

/** The sign of a right or a wrong answer. */
function mark(kind) {
  const [tone, glyph] = GLYPHS[kind];
  return el(`span.mark.${tone}`, { role: "img", "aria-label": kind }, glyph);
}

/** A number between 0 and 1 as a small bar. */
function smallBar(share) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "bar none");
  svg.setAttribute("width", "112");
  svg.setAttribute("height", "12");
  svg.setAttribute("aria-hidden", "true");
  const width = 112 * Math.min(Math.max(share, 0), 1);
  for (const [kind, extent] of [
    ["axis", 112],
    ["interval", width],
  ]) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("class", `share ${kind}`);
    rect.setAttribute("height", "12");
    rect.setAttribute("width", String(extent));
    svg.append(rect);
  }
  return svg;
}

// Special tokens as chat templates write them, and invisible characters that matter:
// controls, invisible marks, marks that change the direction of text, halves of pairs.
// (The joiners U+200C and U+200D hold emoji and letters together and stay.)
const NOTABLE = new RegExp(
  "(<\\|[^|<>\\n]{1,40}\\|>|<\\/?(?:s|bos|eos|pad|unk|mask|start_of_turn|end_of_turn)>|\\[\\/?INST\\]|\\[(?:CLS|SEP|MASK)\\])" +
    "|([\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\ud800-\\udfff])",
  "gu",
);

/** Text exactly as it is, with special tokens highlighted and invisible characters named. */
function exact(text) {
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(NOTABLE)) {
    if (match.index > end) pieces.push(text.slice(end, match.index));
    const [found, token, control] = match;
    if (token) pieces.push(el("span.token", {}, token));
    if (control)
      pieces.push(
        el("span.control", { title: "an invisible character" }, codePoint(control)),
      );
    end = match.index + found.length;
  }
  pieces.push(text.slice(end));
  return pieces;
}

function codePoint(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

/** A number as the rest of the page writes it. */
function number(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  return (value < 0 ? "−" : "") + digits(Math.abs(value));
}

function digits(size) {
  if (size >= 1000) return Math.round(size).toLocaleString("en");
  if (size >= 100) return size.toFixed(1);
  if (size >= 10) return size.toFixed(2);
  if (size > 0 && size < 0.0005) return size.toExponential(1);
  return size.toFixed(3);
}

/** A value of a sample's row: text as it is, the rest as JSON. */
function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
