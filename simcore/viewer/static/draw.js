/** Drawing on canvases: pictures pixel by pixel, and lines in the page's own units. */

/** The colour of the style sheet with a name, now. */
export function ink(name) {
  return getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();
}

/** A length of the style sheet with a name, in CSS pixels. */
export function length(name) {
  return parseFloat(ink(name));
}

/** The colour of the belief with a number. */
export function beliefInk(number) {
  return ink(`belief-${number}`);
}

/** The sign by which the belief with a number is told from others without colour. */
export function beliefMark(number) {
  return ["●", "▲"][number] ?? "■";
}

/** How lines of the belief with a number are dashed. */
export function beliefDash(number) {
  return [[], [6, 3]][number] ?? [2, 2];
}

/** RGB or grey uint8 pixels `[H, W, 3]` or `[H, W]` as image data. */
export function imageOf(grid, alpha = null) {
  const [height, width, channels = 1] = grid.shape;
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * pixel + channel] = grid.data[channels === 3 ? 3 * pixel + channel : pixel];
    }
    image.data[4 * pixel + 3] = alpha === null ? 255 : Math.round(255 * alpha.data[pixel]);
  }
  return image;
}

const scratch = document.createElement("canvas");

/** A canvas outside the page that holds pixels, one to one, until the next are asked for. */
export function canvasOf(image) {
  resize(scratch, image.width, image.height);
  scratch.getContext("2d").putImageData(image, 0, 0);
  return scratch;
}

/** The largest side that fits into a box, in whole multiples of the natural one where that is smaller. */
export function wholeSide(natural, box) {
  return natural <= box ? natural * Math.floor(box / natural) : box;
}

/** Draw pixels one to one; the canvas is shown in whole multiples, as large as fits into a square box. */
export function drawTile(canvas, grid, box) {
  const image = imageOf(grid);
  resize(canvas, image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const scale = wholeSide(Math.max(image.width, image.height), box) / Math.max(image.width, image.height);
  show(canvas, image.width * scale, image.height * scale);
}

/** Show a canvas with a size in CSS pixels. */
export function show(canvas, width, height) {
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}

/** Give a canvas that many pixels, if it has others. */
export function resize(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}

/** A cleared context that counts in CSS pixels, sharp on every screen, of a canvas with a size in them. */
export function plain(canvas, width, height) {
  const density = window.devicePixelRatio || 1;
  resize(canvas, Math.round(width * density), Math.round(height * density));
  show(canvas, width, height);
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  context.font = `${length("small")}px ${getComputedStyle(document.body).fontFamily}`;
  return context;
}

/** Fill an area with thin slanted lines. */
export function hatch(context, left, top, width, height, colour, distance = 6) {
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  stripes(context, left, top, width, height, colour, distance);
  context.restore();
}

/** Draw thin slanted lines over a rectangle, within what is clipped. */
export function stripes(context, left, top, width, height, colour, distance) {
  context.beginPath();
  for (let at = distance; at < width + height; at += distance) {
    context.moveTo(left + at, top);
    context.lineTo(left + at - height, top + height);
  }
  context.strokeStyle = colour;
  context.lineWidth = 0.75;
  context.stroke();
}
