/** Imagined futures as rows of frames along a plan; pointing at a step, or arrow keys, enlarges it. */

import { canvasOf, drawTile, imageOf, length, plain, wholeSide } from "../draw.js";
import { glyph, words } from "../words.js";
import { markOf } from "./beliefs.js";

/** Futures of each belief that are shown where there are several beliefs. */
const FEWER = 4;
/** The sizes of enlarged frames, in the style sheet. */
const SIZES = { true: "preview-large", sample: "preview", spread: "preview" };
const byId = (id) => document.getElementById(id);

export class FuturesPanel {
  needs = ["futures", "moment", "control", "scrub"];

  /** @param {() => void} onScrub is called when another step is pointed at. */
  constructor(onScrub) {
    this.onScrub = onScrub;
    this.step = 0;
    const films = byId("films");
    films.addEventListener("pointermove", (event) => this.point(event));
    films.addEventListener("keydown", (event) => this.scrubByKey(event));
  }

  begin(model) {
    const { hello } = model;
    this.step = hello.steps - 1;
    this.drawn = null;
    document.body.style.setProperty("--steps", hello.steps);
    document.body.classList.toggle("has-futures", hello.beliefs.some((belief) => belief.can_imagine));
    byId("films").querySelectorAll(".film").forEach((each) => each.remove());
    byId("preview").replaceChildren();
    byId("scrub").hidden = true;
    this.makeRows(hello);
  }

  /** Make the rows: what will come, if that is known, and samples and variance of each belief. */
  makeRows(hello) {
    const count = hello.beliefs.filter((belief) => belief.can_imagine).length;
    this.shown = count > 1 ? Math.min(hello.samples, FEWER) : hello.samples;
    this.rows = [];
    if (hello.can_return) this.addRow("true", [], (futures) => futures.true, "What will come");
    hello.beliefs.forEach((belief, number) => {
      if (!belief.can_imagine) return;
      const mark = count > 1 ? [markOf(number)] : [];
      for (let sample = 0; sample < this.shown; sample++) {
        const gridOf = (futures) => futures.samples[number]?.at(sample);
        this.addRow(`${sample + 1}`, mark, gridOf, `Sample ${sample + 1} of ${belief.name}`, number);
      }
      const title = `Twice the standard deviation over the samples of ${belief.name}`;
      this.addRow("2 σ", mark, (futures) => futures.spread[number], title, number);
    });
  }

  addRow(text, mark, gridOf, title, belief = null) {
    const row = document.createElement("div");
    row.className = "film";
    row.classList.toggle("break", text === "1" || text === "2 σ");
    const label = document.createElement("span");
    label.append(...mark.map((each) => each.cloneNode(true)), text);
    label.title = title;
    const canvas = document.createElement("canvas");
    canvas.role = "img";
    canvas.id = belief === null ? "film-true" : `film-${belief}-${text === "2 σ" ? "spread" : text}`;
    row.append(label, canvas);
    byId("films").append(row);
    const kind = belief === null ? "true" : text === "2 σ" ? "spread" : "sample";
    const enlarged = document.createElement("canvas");
    groupOf(kind, kind === "sample" ? belief : 0, mark).append(enlarged);
    this.rows.push({ canvas, gridOf, enlarged, title, kind });
  }

  draw(model) {
    const { futures, moment, hello } = model;
    if (!document.body.classList.contains("has-futures")) return;
    this.drawFrom(model);
    if (futures === null) return;
    this.count = futures.actions.length;
    this.step = Math.min(this.step, this.count - 1);
    if (this.drawn !== futures || this.drawnSize !== length("film")) {
      [this.drawn, this.drawnSize] = [futures, length("film")];
      this.drawFilms(futures, hello);
    }
    byId("scrub").hidden = false;
    this.markNow(moment.number - futures.number);
    this.drawScrub(futures, hello);
  }

  drawFrom(model) {
    const { futures, moment } = model;
    const point = futures && model.points.find((each) => each.number === futures.number);
    const ago = futures === null ? 0 : moment.number - futures.number;
    const when = ago > 0 ? `, ${ago} step${ago > 1 ? "s" : ""} ago` : ago === 0 ? ", now" : "";
    const from = point ? `from step ${point.step}${when}` : `from an earlier step${when}`;
    byId("futures-from").textContent = futures === null ? "imagining …" : from;
    const { samples } = model.hello;
    const some = this.shown < samples;
    const which = some ? `${this.shown} of ${samples} futures that each belief` : `${samples} futures that the belief`;
    const below = model.hello.can_return ? ", below the true one" : "";
    byId("futures-caption").textContent =
      `${which} imagines along these actions (underlined: now)${below}; ` +
      "2 σ: where they differ. Point at a step.";
  }

  drawFilms(futures, hello) {
    for (const { canvas, gridOf, title } of this.rows) {
      const frames = gridOf(futures);
      canvas.parentElement.hidden = !frames;
      if (frames) drawFilm(canvas, frames, length("film"), length("gap"));
      canvas.ariaLabel = `${title}, ${frames?.shape[0] ?? 0} frames`;
    }
    const signs = futures.actions.map((action) => {
      const sign = document.createElement("li");
      sign.textContent = glyph(hello.actions[action].name);
      sign.title = words(hello.actions[action].name);
      return sign;
    });
    byId("actions").replaceChildren(...signs);
    byId("films").dataset.number = futures.number;
    byId("films").setAttribute("aria-valuemax", futures.actions.length);
  }

  /** Mark the steps of the plan that have come by now, the last of them above all: what was imagined can be compared. */
  markNow(come) {
    [...byId("actions").children].forEach((sign, step) => {
      sign.classList.toggle("past", step < come - 1 || come < 0);
      sign.classList.toggle("now", step === come - 1);
    });
  }

  drawScrub(futures, hello) {
    const films = byId("films");
    films.setAttribute("aria-valuenow", this.step + 1);
    const action = words(hello.actions[futures.actions[this.step]].name);
    films.setAttribute("aria-valuetext", `step ${this.step + 1}, ${action}`);
    byId("scrub").style.transform = `translateX(${this.step * pitch()}px)`;
    byId("preview").style.setProperty("--step", `"+${this.step + 1}"`);
    for (const { gridOf, enlarged, kind } of this.rows) {
      const frames = gridOf(futures);
      enlarged.hidden = !frames || this.step >= frames.shape[0];
      if (!enlarged.hidden) drawTile(enlarged, frames.at(this.step), length(SIZES[kind]));
    }
  }

  point(event) {
    const left = byId("films").getBoundingClientRect().left + length("label");
    this.scrubTo(Math.floor((event.clientX - left) / pitch()));
  }

  scrubByKey(event) {
    const moves = { ArrowLeft: this.step - 1, ArrowRight: this.step + 1, Home: 0, End: this.count - 1 };
    if (!(event.key in moves) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // it does not drive
    this.scrubTo(moves[event.key]);
  }

  scrubTo(step) {
    if (this.count === undefined || step < 0 || step >= this.count || step === this.step) return;
    this.step = step;
    this.onScrub();
  }
}

/** Let films take the room that whole multiples of frames with so many pixels a side need, and no more. */
export function fitFilms(pixels) {
  document.body.style.removeProperty("--film");
  document.body.style.setProperty("--film", `${wholeSide(pixels, length("film"))}px`);
}

/** The distance from one frame of a film to the next. */
function pitch() {
  return length("film") + length("gap");
}

/** The group of the preview for enlarged frames of a kind, made when there is none. */
function groupOf(kind, belief, mark) {
  const preview = byId("preview");
  let group = preview.querySelector(`.${kind}[data-belief="${belief}"]`);
  if (group === null) {
    group = document.createElement("figure");
    group.className = kind;
    group.dataset.belief = belief;
    const caption = document.createElement("figcaption");
    if (kind === "sample") caption.append(...mark.map((each) => each.cloneNode(true)));
    caption.append({ true: "True", sample: "Imagined", spread: "2 σ" }[kind]);
    group.append(caption, document.createElement("div"));
    preview.append(group);
  }
  return group.lastElementChild;
}

/** Draw frames `[K, H, W, (3)]` beside each other, each as large as fits into a square box. */
function drawFilm(canvas, frames, box, gap) {
  const [count, height, width] = frames.shape;
  const scale = wholeSide(width, box) / width;
  const context = plain(canvas, count * (box + gap) - gap, height * scale);
  context.imageSmoothingEnabled = scale < 1;
  for (let at = 0; at < count; at++) {
    context.drawImage(canvasOf(imageOf(frames.at(at))), at * (box + gap), 0, width * scale, height * scale);
  }
}
