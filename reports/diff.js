"use strict";
// Word-level difference between two texts: a longest common subsequence of words.

const MOST_STEPS = 4_000_000;

const wordsOf = (text) => text.match(/\s+|[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]/gu) ?? [];

/** Pairs [kind, text] that lead from one text to the other; kind is "same", "del" or "ins".
 * Texts too long to compare come out as all removed and all added. */
function differences(before, after) {
  const [a, b] = [wordsOf(before), wordsOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  )
    end++;
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return merged([
    ["same", a.slice(0, start).join("")],
    ...middle,
    ["same", a.slice(a.length - end).join("")],
  ]);
}

function between(a, b) {
  if (a.length * b.length > MOST_STEPS)
    return [
      ["del", a.join("")],
      ["ins", b.join("")],
    ];
  const width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width); // of the words from i and j to the ends
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const here = i * width + j;
      common[here] =
        a[i] === b[j]
          ? common[here + width + 1] + 1
          : Math.max(common[here + width], common[here + 1]);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      found.push(["same", a[i]]);
      i++;
      j++;
    } else if (common[(i + 1) * width + j] >= common[i * width + j + 1])
      found.push(["del", a[i++]]);
    else found.push(["ins", b[j++]]);
  }
  return [...found, ["del", a.slice(i).join("")], ["ins", b.slice(j).join("")]];
}

/** Neighbours of one kind become one piece. */
function merged(pieces) {
  const kept = [];
  for (const [kind, text] of pieces) {
    if (!text) continue;
    if (kept.at(-1)?.[0] === kind) kept.at(-1)[1] += text;
    else kept.push([kind, text]);
  }
  return kept;
}

/** A text with its differences from another one marked. */
function marked(before, after) {
  return differences(before, after).map(([kind, text]) =>
    kind === "same" ? exact(text) : el(kind, {}, exact(text)),
  );
}
