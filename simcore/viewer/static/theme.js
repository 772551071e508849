/** Light or dark: as the system has it, until somebody chooses. */

import { keep, recall } from "./memory.js";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** Begin to follow the system or the choice; `onChange` is called when colours change. */
export function beginTheme(onChange) {
  const follow = () => {
    document.documentElement.dataset.theme = recall("theme") ?? (dark.matches ? "dark" : "light");
    onChange();
  };
  dark.addEventListener("change", follow);
  follow();
}

/** Choose the other one, and keep the choice. */
export function switchTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  keep("theme", root.dataset.theme);
}
