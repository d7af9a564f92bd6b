"use strict";
// Light or dark: what the reader's system says, until the button says otherwise.

const THEMES = ["auto", "light", "dark"];

function storedTheme() {
  try {
    return localStorage.getItem("evalkit-theme") || "auto";
  } catch {
    return "auto"; // a page opened from a file may have no storage
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.querySelector(".theme").textContent = {
    auto: "◐ auto",
    light: "☀ light",
    dark: "☾ dark",
  }[theme];
  try {
    localStorage.setItem("evalkit-theme", theme);
  } catch {
    /* then it lasts as long as the page */
  }
}

function startTheme() {
  const button = document.querySelector(".theme");
  button.hidden = false;
  button.title = "Colours: follow the system, light or dark";
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme;
    setTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  });
  setTheme(storedTheme());
}
