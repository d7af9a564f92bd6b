"use strict";
// The page's address says what is shown: #suite=NAME&show=wrong&cell=0&q=…&sample=ID, or #view=run.

const explorers = new Map();
let dialog = null;

const address = () => new URLSearchParams(location.hash.slice(1));

/** Change parts of the address; an empty value leaves the part out. replace: no new step back. */
function go(changes, replace = false) {
  const next = address();
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") next.delete(name);
    else next.set(name, value);
  }
  const hash = `#${next}`;
  if (hash === location.hash) return;
  if (replace) {
    history.replaceState(null, "", hash);
    route();
  } else location.hash = hash;
}

function viewOf(wanted) {
  const suite = wanted.get("suite");
  const found = [...document.querySelectorAll(".view.suite")].find(
    (view) => view.dataset.suite === suite,
  );
  return found ?? (wanted.get("view") === "run" ? byId("run") : byId("overview"));
}

function showView(view) {
  const changed = !view.classList.contains("current");
  for (const other of document.querySelectorAll(".view"))
    other.classList.toggle("current", other === view);
  for (const link of document.querySelectorAll(".views a")) {
    if (link.dataset.view === view.id) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  if (changed) scrollTo(0, 0);
  return changed;
}

/** Whether an address asks for particular samples, so that they should be in sight. */
function asksForSamples(wanted) {
  return ["show", "q", "gold", "sample", "row"].some((name) => wanted.has(name));
}

async function route() {
  if (location.hash === "#main") return; // the link that skips the navigation
  const wanted = address();
  const view = viewOf(wanted);
  const changed = showView(view);
  const place = view.querySelector(".explorer");
  if (!place) {
    dialog.hide();
    return;
  }
  if (!explorers.has(view.id)) explorers.set(view.id, new Explorer(place, dialog, go));
  const title = view.querySelector(".samples-title");
  const before = title.getBoundingClientRect().top;
  await explorers.get(view.id).show(wanted);
  if (asksForSamples(wanted) && (changed || before > innerHeight * 0.6))
    title.scrollIntoView({ block: "start" });
}

function start() {
  dialog = new SampleDialog();
  startTheme();
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select, textarea") || dialog.element.open)
      return;
    const search = document.querySelector(".view.current .tools input");
    if (!search) return;
    event.preventDefault();
    search.focus();
  });
  addEventListener("hashchange", route);
  // The samples stand after this script; the view can be chosen before they are read.
  showView(viewOf(address()));
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", route);
  else route();
}

document.documentElement.classList.add("scripted");
start();
