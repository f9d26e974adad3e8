// What surrounds every page: the side bar as a drawer on narrow screens, and the theme.

import { setUpExactTimes } from "./clock.js";
import "./session.js";

setUpExactTimes(document.querySelector("[data-exact-times]"));

const menu = document.querySelector("[data-menu]");
const sidebar = document.getElementById("sidebar");
const narrow = matchMedia("(max-width: 54rem)");

function open(wanted) {
  const shown = wanted && narrow.matches;
  document.body.classList.toggle("menu-open", shown);
  menu.setAttribute("aria-expanded", String(shown));
  document.getElementById("main").inert = shown;
  if (shown) sidebar.querySelector("a, button").focus();
}

menu.addEventListener("click", () => open(menu.getAttribute("aria-expanded") !== "true"));
document.querySelector("[data-menu-close]").addEventListener("click", () => open(false));
narrow.addEventListener("change", () => open(false));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("menu-open")) {
    open(false);
    menu.focus();
  }
});

// Addresses are relative to the base of the document, so without this the link would load the page again.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const system = () => (prefersDark.matches ? "dark" : "light");

document.querySelector("[data-theme-toggle]").addEventListener("click", () => {
  const wanted = (root.dataset.theme ?? system()) === "dark" ? "light" : "dark";
  root.dataset.theme = wanted;
  try {
    // Choosing the system's theme means following the system again.
    if (wanted === system()) localStorage.removeItem("theme");
    else localStorage.setItem("theme", wanted);
  } catch {
    // Then it holds for this page.
  }
});
prefersDark.addEventListener("change", () => {
  try {
    if (localStorage.getItem("theme") === null) delete root.dataset.theme;
  } catch {
    delete root.dataset.theme;
  }
});
