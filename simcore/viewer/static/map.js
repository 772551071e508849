/** A map with its veil and arrows: the look of simcore/pictures/map_panel.py. */

import { canvasOf, imageOf, ink, plain, stripes, wholeSide } from "./draw.js";

/** The arrow's corners (right, down) when it points up; it is about two units high. */
const ARROW = [[0, -1], [0.72, 0.85], [0, 0.45], [-0.72, 0.85]];
const VEIL = 0.6;
const STRIPES = 16;
/** The least opacity of cells, so that what is wholly uncertain is still told from nothing. */
const LEAST_OPACITY = 0.12;

/**
 * Draw a map as large as fits into a square box; returns the context and the side of a cell in its units.
 * @param grid uint8 `[M, M, 3]`.
 * @param sinceSeen int32 `[M, M]`, -1 where no frame has shown the cell; null: no veil.
 * @param certainty float32 `[M, M]`, or null: drawn as opacity.
 */
export function drawMap(canvas, box, grid, sinceSeen, certainty = null) {
  const size = grid.shape[0];
  const side = wholeSide(size, box);
  const context = plain(canvas, side, side);
  const alpha = certainty && { data: certainty.data.map((each) => LEAST_OPACITY + (1 - LEAST_OPACITY) * each) };
  context.drawImage(canvasOf(imageOf(grid, alpha)), 0, 0, side, side);
  if (sinceSeen) drawVeil(context, sinceSeen, side / size, side);
  return { context, cell: side / size };
}

function drawVeil(context, sinceSeen, cell, side) {
  const size = sinceSeen.shape[0];
  const isSeen = (row, column) => sinceSeen.data[row * size + column] >= 0;
  context.save();
  context.beginPath();
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (!isSeen(row, column)) context.rect(column * cell, row * cell, cell, cell);
    }
  }
  context.globalAlpha = VEIL;
  context.fillStyle = ink("veil");
  context.fill();
  context.clip();
  context.globalAlpha = 1;
  stripes(context, 0, 0, side, side, ink("stripe"), side / STRIPES);
  context.restore();
  drawBorder(context, isSeen, size, cell);
}

/** Draw a line between cells that were seen and others. */
function drawBorder(context, isSeen, size, cell) {
  context.beginPath();
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      if (column + 1 < size && isSeen(row, column) !== isSeen(row, column + 1)) {
        context.moveTo((column + 1) * cell, row * cell);
        context.lineTo((column + 1) * cell, (row + 1) * cell);
      }
      if (row + 1 < size && isSeen(row, column) !== isSeen(row + 1, column)) {
        context.moveTo(column * cell, (row + 1) * cell);
        context.lineTo((column + 1) * cell, (row + 1) * cell);
      }
    }
  }
  for (const [colour, width] of [["white", 2.6], ["black", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineCap = "square";
    context.stroke();
  }
}

/**
 * Draw an arrow at a pose, the paler, the less certain; its border is of the whole colour.
 * @param size cells along a side of the map.
 * @param pose x and y in cells from the upper left corner, and the heading in turns clockwise from up.
 */
export function drawArrow(context, cell, size, pose, colour, certainty = 1) {
  const path = arrowPath(cell, size, pose);
  stroke(context, path, "white", 3.4);
  context.fillStyle = "white";
  context.fill(path);
  context.globalAlpha = certainty;
  context.fillStyle = colour;
  context.fill(path);
  context.globalAlpha = 1;
  stroke(context, path, colour, 1);
}

/** Draw the border of an arrow alone, so that another below it is still seen. */
export function outlineArrow(context, cell, size, pose) {
  const path = arrowPath(cell, size, pose);
  stroke(context, path, "white", 4);
  stroke(context, path, "black", 1.8);
}

function arrowPath(cell, size, [x, y, heading]) {
  const scale = Math.max(0.55, 0.07 * size) * cell; // in a large map a cell is too small for it
  const [cos, sin] = [Math.cos(2 * Math.PI * heading), Math.sin(2 * Math.PI * heading)];
  const path = new Path2D();
  for (const [right, down] of ARROW) {
    path.lineTo(x * cell + scale * (cos * right - sin * down), y * cell + scale * (sin * right + cos * down));
  }
  path.closePath();
  return path;
}

function stroke(context, path, colour, width) {
  context.lineJoin = "miter";
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}
