/** The time line: how good each belief was at every moment, beside a constant guess; drag to look back. */

import { beliefInk, beliefMark, ink, plain } from "../draw.js";
import { drawLine, drawSeries } from "../series.js";
import { percent, short } from "../words.js";
import { beliefTitle } from "./beliefs.js";
import { shadeBlind } from "./surprise.js";

/** Parts of the longest time line that the whole width holds; the smallest that is enough is taken. */
const SPANS = [1 / 4, 1 / 2, 1];
/** Milliseconds between two looks while dragging. */
const BETWEEN_LOOKS = 34;
const byId = (id) => document.getElementById(id);

const MAP_ROWS = [
  { name: "Map error", of: "map_errors", guess: "guess_error", write: (value) => short(value, 2) },
  { name: "P(true cell)", of: "cell_probabilities", guess: "guess_probability", write: percent, most: 1 },
];
const FRAME_ROWS = [
  { name: "Surprise", of: "surprises", guess: null, write: (value) => `${short(value, 2)} nats` },
  { name: "Frame error", of: "errors", guess: null, write: (value) => short(value, 2) },
];

export class TimeLine {
  needs = ["moment", "history", "control", "drag"];

  /**
   * @param {(number: number | null) => void} look asks for a moment; null: the newest.
   * @param {() => void} redraw
   */
  constructor(look, redraw) {
    this.look = look;
    this.redraw = redraw;
    /** Where the cursor was put, until the moment comes. */
    this.dragged = null;
    this.lastLook = 0;
    const canvas = byId("time-line");
    canvas.addEventListener("pointerdown", (event) => this.beginDrag(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.endDrag());
    canvas.addEventListener("keydown", (event) => this.moveByKey(event));
  }

  begin(model) {
    const { hello } = model;
    this.rows = hello.has_maps ? MAP_ROWS : FRAME_ROWS.filter((row) => isTold(row, hello.beliefs));
    byId("time-caption").textContent = hello.has_maps
      ? "Error of the believed map (lower is better) and probability of the true cell (higher is better), " +
        "beside the best constant guess, dotted. Drag to look back."
      : "Each moment so far. Drag to look back.";
    const labels = this.rows.flatMap((row, index) => labelOf(row, index, hello.beliefs.length));
    byId("time-labels").replaceChildren(...labels);
    document.body.dataset.rows = this.rows.length;
  }

  draw(model) {
    this.model = model;
    const { points } = model;
    if (!this.isDragging && this.drawn !== model.moment) this.dragged = null;
    this.drawn = model.moment;
    if (points.length === 0) return;
    const canvas = byId("time-line");
    const [width, height] = [canvas.parentElement.clientWidth - canvas.offsetLeft, canvas.parentElement.clientHeight];
    this.first = points[0].number;
    const last = Math.max(points.at(-1).number, model.ghost.at(-1)?.number ?? 0);
    const spans = SPANS.map((part) => Math.ceil(part * model.hello.longest));
    this.span = spans.find((span) => last - this.first < span) ?? last - this.first + 1;
    this.width = width;
    const context = plain(canvas, width, height);
    const xOf = (number) => this.xOf(number);
    const bottom = height - 16;
    const each = this.rows.length ? bottom / this.rows.length : bottom;
    context.fillStyle = ink("well");
    this.rows.forEach((_, index) => context.fillRect(0, index * each, width, each - 4));
    if (!this.rows.length) context.fillRect(0, 0, width, each - 4);
    shadeBlind(context, points, xOf, 0, bottom - 4);
    this.drawEpisodes(context, points, bottom);
    this.rows.forEach((row, index) => drawRow(context, row, model, xOf, index * each, each - 4));
    this.drawCursor(context, model, bottom);
    this.tell(canvas, model);
  }

  xOf(number) {
    return 6 + ((number - this.first) * (this.width - 12)) / (this.span - 1);
  }

  drawEpisodes(context, points, bottom) {
    context.textBaseline = "top";
    let free = -Infinity;
    points.forEach((point, index) => {
      if (point.step !== 0 && index !== 0) return;
      const x = this.xOf(point.number) - (index === 0 ? 0 : 0.5 * (this.xOf(1) - this.xOf(0)));
      if (point.step === 0) {
        context.fillStyle = ink("soft");
        context.fillRect(Math.round(x), 0, 1, bottom + 10);
      }
      if (x < free) return;
      const text = `seed ${point.seed}`;
      context.fillStyle = ink("soft");
      context.fillText(text, x + 4, bottom);
      free = x + context.measureText(text).width + 12;
    });
  }

  drawCursor(context, model, bottom) {
    const at = this.dragged ?? model.moment.number;
    const x = Math.round(this.xOf(at));
    context.fillStyle = ink("ink");
    context.fillRect(x - 0.5, 0, 1, bottom);
    context.beginPath();
    context.moveTo(x, bottom - 6);
    context.lineTo(x + 5, bottom + 3);
    context.lineTo(x - 5, bottom + 3);
    context.fill();
  }

  /** Tell the moment in words and numbers, for those who do not see the line. */
  tell(canvas, model) {
    const { points, moment } = model;
    const point = points.find((each) => each.number === moment.number) ?? points.at(-1);
    const values = {};
    for (const [index, row] of this.rows.entries()) {
      values[row.name] = point[row.of].map((value) => row.write(value));
      values[row.name].forEach((value, number) => (byId(`time-${index}-${number}`).textContent = value));
      const guess = byId(`time-${index}-guess`);
      if (guess) guess.textContent = row.write(point[row.guess]);
    }
    canvas.setAttribute("aria-valuemin", this.first);
    canvas.setAttribute("aria-valuemax", points.at(-1).number);
    canvas.setAttribute("aria-valuenow", moment.number);
    const numbers = Object.entries(values).map(([name, each]) => `${name} ${each.join(" and ")}`);
    canvas.setAttribute("aria-valuetext", [`seed ${point.seed}, step ${point.step}`, ...numbers].join(", "));
    canvas.dataset.number = moment.number;
    canvas.dataset.ghost = model.ghost.length;
  }

  beginDrag(event) {
    if (event.button !== 0 || !this.model) return;
    event.preventDefault(); // keeps the focus away, so that arrow keys go on driving
    event.currentTarget.setPointerCapture(event.pointerId);
    this.isDragging = true;
    this.drag(event);
  }

  drag(event) {
    if (!this.isDragging) return;
    const at = (event.offsetX - 6) / (this.width - 12);
    const number = Math.round(this.first + at * (this.span - 1));
    this.dragTo(number);
  }

  /** Look at a moment, or the nearest that there is, at the latest a little after the last look. */
  dragTo(number) {
    const { points } = this.model;
    const at = Math.min(Math.max(number, points[0].number), points.at(-1).number);
    this.dragged = at;
    this.redraw();
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.lastLook = performance.now();
      this.look(at);
    }, this.lastLook + BETWEEN_LOOKS - performance.now());
  }

  endDrag() {
    this.isDragging = false;
  }

  moveByKey(event) {
    const at = this.dragged ?? this.model?.moment?.number;
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, PageUp: at + 10, PageDown: at - 10, Home: this.first };
    if (at === undefined || !(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // it does not drive
    this.dragTo(moves[event.key]);
  }
}

/** Whether any belief tells of what a row shows. */
function isTold(row, beliefs) {
  return beliefs.some((belief) => (row.of === "errors" ? belief.can_imagine : belief.frame_model === "convdraw"));
}

function labelOf(row, index, count) {
  const title = document.createElement("dt");
  title.textContent = row.name;
  const values = document.createElement("dd");
  for (let number = 0; number < count; number++) {
    const value = document.createElement("span");
    value.id = `time-${index}-${number}`;
    values.append(...beliefTitle(number, count, ""), value, " ");
  }
  if (row.guess) {
    const guess = document.createElement("small");
    const value = document.createElement("span");
    value.id = `time-${index}-guess`;
    guess.append("guess ", value);
    values.append(guess);
  }
  return [title, values];
}

function drawRow(context, row, model, xOf, top, height) {
  const { points, ghost, moment } = model;
  const guesses = row.guess ? points.map((point) => point[row.guess]) : [0];
  const values = [...points, ...ghost].flatMap((point) => point[row.of]);
  const most = row.most ?? 1.08 * Math.max(1e-9, ...guesses, ...values.map((value) => value ?? 0));
  const yOf = (value) => top + height - 3 - (value / most) * (height - 6);
  if (row.guess) {
    context.strokeStyle = ink("guess");
    context.lineWidth = 1.5;
    context.setLineDash([1.5, 3]);
    drawLine(context, points, (point) => point[row.guess], xOf, yOf);
    context.setLineDash([]);
  }
  drawSeries(context, ghost, row.of, xOf, yOf, 0.35);
  drawSeries(context, points, row.of, xOf, yOf);
  const now = points.find((point) => point.number === moment.number);
  now?.[row.of].forEach((value, number) => {
    if (value === null) return;
    context.fillStyle = beliefInk(number);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(beliefMark(number), xOf(now.number), yOf(value));
    context.textAlign = "left";
  });
}
