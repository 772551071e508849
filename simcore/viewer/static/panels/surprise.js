/** How much each frame told, and how wrong the expected one was, as running lines over the last steps. */

import { hatch, ink, length, plain } from "../draw.js";
import { drawSeries } from "../series.js";
import { short } from "../words.js";

const STEPS = 100;
const byId = (id) => document.getElementById(id);

export class SurprisePanel {
  needs = ["moment", "history", "control"];

  begin(model) {
    const { beliefs } = model.hello;
    const hasLatents = beliefs.some((belief) => belief.frame_model === "convdraw");
    this.rows = [];
    if (hasLatents) this.rows.push({ name: "KL", unit: " nats", of: "surprises" });
    if (beliefs.some((belief) => belief.can_imagine)) this.rows.push({ name: "error", unit: "", of: "errors" });
    byId("surprise").hidden = this.rows.length === 0;
    byId("surprise").querySelector("h2").textContent = hasLatents ? "Surprise" : "Error";
    byId("surprise-caption").textContent = hasLatents
      ? "KL: what a frame told that was new."
      : "Squared error of the expected frame, 100 steps.";
  }

  draw(model) {
    if (this.rows.length === 0) return;
    const at = model.moment.number;
    const points = model.points.filter((point) => point.number <= at && point.number > at - STEPS);
    const canvas = byId("surprise-plot");
    const width = length("left");
    const each = length("surprise");
    const context = plain(canvas, width, each * this.rows.length);
    const xOf = (number) => width - 4 - ((at - number) * (width - 8)) / (STEPS - 1);
    this.rows.forEach((row, index) => {
      const top = index * each;
      const most = Math.max(1e-9, ...points.flatMap((point) => point[row.of].map((value) => value ?? 0)));
      context.fillStyle = ink("well");
      context.fillRect(0, top, width, each - 2);
      shadeBlind(context, points, xOf, top, each - 2);
      drawSeries(context, points, row.of, xOf, (value) => top + each - 5 - (value / most) * (each - 9));
      writeOver(context, textOf(row, points.at(-1)), 4, top + 2);
    });
    canvas.dataset.number = at;
    canvas.ariaLabel = this.rows.map((row) => textOf(row, points.at(-1))).join(", ");
  }
}

function textOf(row, point) {
  const values = point?.[row.of].map((value) => short(value, 2)) ?? [];
  return `${row.name} ${values.join(" / ")}${row.unit}`;
}

/** Write upon lines so that it can be read. */
function writeOver(context, text, x, y) {
  context.textBaseline = "top";
  context.strokeStyle = ink("well");
  context.lineWidth = 4;
  context.strokeText(text, x, y);
  context.fillStyle = ink("soft");
  context.fillText(text, x, y);
}

/** Shade the stretches of points that were without frames. */
export function shadeBlind(context, points, xOf, top, height) {
  for (let index = 0; index < points.length; index++) {
    if (!points[index].is_blind) continue;
    const begin = xOf(points[index].number - 1);
    while (points[index + 1]?.is_blind) index++;
    const width = xOf(points[index].number) - begin;
    context.fillStyle = ink("shade");
    context.fillRect(begin, top, width, height);
    hatch(context, begin, top, width, height, ink("stripe"));
  }
}
