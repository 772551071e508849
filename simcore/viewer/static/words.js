/** Numbers and names as the page writes them. */

export const DASH = "–";

/** A part of 1 in per cent, with as many digits as it bears. */
export function percent(value) {
  if (value === null || value === undefined) return DASH;
  const hundred = 100 * value;
  return `${hundred.toFixed(hundred > 0 && hundred < 9.95 ? 1 : 0)} %`;
}

/** A number with a few digits. */
export function short(value, digits = 3) {
  if (value === null || value === undefined) return DASH;
  if (value === 0) return "0";
  const isPlain = Math.abs(value) >= 0.001 && Math.abs(value) < 1e5;
  return isPlain ? `${Number(value.toPrecision(digits))}` : value.toExponential(1);
}

const GLYPHS = {
  forward: "↑",
  turn_left: "↶",
  turn_right: "↷",
  forward_left: "↖",
  forward_right: "↗",
  jump: "⤒",
  jump_forward: "⤴",
  look_up: "△",
  look_down: "▽",
  remove: "−",
  place: "+",
  up: "↑",
  down: "↓",
  left: "←",
  right: "→",
  backward: "↓",
};

/** A sign for an action. */
export function glyph(name) {
  return GLYPHS[name.toLowerCase()] ?? name.slice(0, 2);
}

/** An action's name in words. */
export function words(name) {
  return name.replaceAll("_", " ");
}

const KEYS = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", PageUp: "PgUp", PageDown: "PgDn" };

/** A key, or two held together, as a keyboard has them. */
export function keyName(key) {
  return key.split("+").map((each) => KEYS[each] ?? each).join(" ");
}

/** How a belief core is called. */
export function coreName(core) {
  return { lstm: "LSTM", slots: "slots", kanerva: "Kanerva" }[core] ?? core;
}

/** The index of the largest number. */
export function argmax(numbers) {
  let best = 0;
  for (let index = 1; index < numbers.length; index++) if (numbers[index] > numbers[best]) best = index;
  return best;
}
