/** How beliefs are told apart: by a sign, a colour and a name. */

import { beliefMark } from "../draw.js";

/** The nodes of a title of the belief with a number; the sign is left out where there is only one. */
export function beliefTitle(number, count, text) {
  if (count === 1) return [document.createTextNode(text)];
  return [markOf(number), document.createTextNode(text)];
}

/** The sign of the belief with a number. */
export function markOf(number) {
  const mark = document.createElement("span");
  mark.className = `mark belief-${number}`;
  mark.textContent = beliefMark(number);
  mark.ariaHidden = "true";
  return mark;
}
