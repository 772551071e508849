/** The sheet with all keys. */

import { keyName, words } from "./words.js";

const COMMANDS = [
  ["b", "blindfold: the belief goes on without frames", (hello) => hello.can_blindfold],
  ["m", "hand over to the walker or the agent, and back", (hello) => hello.drivers.length > 1],
  ["space", "pause, go on", () => true],
  [".", "one step", () => true],
  ["r", "a new world; or type a seed and press Enter", () => true],
  ["h", "hide the true map and pose", (hello) => hello.has_maps],
  ["v", "sharp eyes, or what the agent sees", (hello) => hello.can_return],
  ["Esc, End", "back to now", () => true],
  ["Enter", "branch off from the moment that is looked at", (hello) => hello.can_return],
  ["Tab", "to the time line or the futures; there ← and → go through steps", () => true],
  ["?", "this sheet", () => true],
];

/** Fill the sheet with the keys that do something here. */
export function fillHelp(hello) {
  const actions = hello.actions.filter((action) => action.key);
  const commands = COMMANDS.filter(([, , isHere]) => isHere(hello));
  const rows = [...actions.map((action) => [keyName(action.key), words(action.name)]), ...commands];
  const half = Math.ceil(rows.length / 2);
  const table = document.getElementById("help-keys");
  table.replaceChildren();
  for (let index = 0; index < half; index++) {
    const row = table.insertRow();
    for (const each of [rows[index], rows[half + index]]) {
      if (each === undefined) continue;
      const key = document.createElement("kbd");
      key.textContent = each[0];
      row.insertCell().append(key);
      row.insertCell().textContent = each[1];
    }
  }
}
