/** Lines of values over moments, one for each belief. */

import { beliefDash, beliefInk } from "./draw.js";

/**
 * Draw what each belief has of a quantity; a line ends where a value is missing or an episode begins.
 * @param of the name of a list among a point's, one value for each belief.
 */
export function drawSeries(context, points, of, xOf, yOf, alpha = 1) {
  const count = points[0]?.[of].length ?? 0;
  for (let number = 0; number < count; number++) {
    context.globalAlpha = alpha;
    context.strokeStyle = beliefInk(number);
    context.lineWidth = 1.5;
    context.setLineDash(beliefDash(number));
    drawLine(context, points, (point) => point[of][number], xOf, yOf);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }
}

/** Stroke a line through a value of each point. */
export function drawLine(context, points, valueOf, xOf, yOf) {
  context.beginPath();
  context.lineJoin = "round";
  let isDown = false;
  for (const point of points) {
    const value = valueOf(point);
    if (value === null || point.step === 0) isDown = false;
    if (value === null) continue;
    const [x, y] = [xOf(point.number), yOf(value)];
    if (isDown) context.lineTo(x, y);
    else context.moveTo(x, y);
    isDown = true;
  }
  context.stroke();
}
