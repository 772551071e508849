/** What is there and what the agent sees: the world, large, and the frame beside what was expected of it. */

import { drawTile, hatch, imageOf, ink, length, plain, resize, show } from "../draw.js";
import { short } from "../words.js";
import { beliefTitle } from "./beliefs.js";

const byId = (id) => document.getElementById(id);

export class WorldPanel {
  needs = ["moment", "control"];

  begin(model) {
    const tiles = byId("tiles");
    tiles.querySelectorAll(".expected").forEach((each) => each.remove());
    this.expected = model.hello.beliefs.map((belief, number) => {
      if (!belief.can_imagine) return null;
      const figure = byId("expected-template").content.firstElementChild.cloneNode(true);
      figure.classList.add("expected");
      figure.querySelector("canvas").id = `expected-${number}`;
      tiles.append(figure);
      return figure;
    });
    tiles.dataset.count = tiles.children.length;
    byId("sharp").hidden = !model.hello.can_return;
  }

  draw(model) {
    const { moment, hello, control } = model;
    this.drawWorld(model);
    drawTile(byId("frame"), moment.frame, length("tile"));
    if (moment.is_blind) cover(byId("frame"));
    byId("frame").dataset.number = moment.number;
    byId("frame").ariaLabel = moment.is_blind ? "No frame: blindfolded" : `The agent's frame at step ${moment.step}`;
    moment.beliefs.forEach((belief, number) => {
      const figure = this.expected[number];
      if (figure) this.drawExpected(figure, belief, moment, hello.beliefs[number], number, hello.beliefs.length);
    });
    byId("tiles-caption").textContent = this.expected.every((each) => each === null)
      ? "The frame that the agent sees; this run imagines none."
      : moment.is_blind
        ? "Right: imagined from belief and actions."
        : `Right: ${hello.beliefs.some(draws) ? "a sample, " : ""}drawn before the frame came.`;
    byId("sharp").setAttribute("aria-pressed", String(control.is_sharp));
  }

  drawWorld(model) {
    const { moment, sharp } = model;
    const canvas = byId("world-picture");
    const picture = sharp ?? moment.frame;
    const [height, width] = picture.shape;
    const box = length("world");
    resize(canvas, width, height);
    canvas.getContext("2d").putImageData(imageOf(picture), 0, 0);
    const scale = box / Math.max(height, width);
    show(canvas, width * scale, height * scale);
    canvas.classList.toggle("smooth", scale < 1 || (sharp !== null && !Number.isInteger(scale)));
    canvas.dataset.number = moment.number;
    canvas.ariaLabel = `The world at step ${moment.step}` + (moment.is_blind ? "; the agent does not see it" : "");
    byId("stage").classList.toggle("blind", moment.is_blind);
    byId("blind-label").hidden = !moment.is_blind;
    byId("world-caption").textContent = moment.is_blind
      ? "Blindfolded: this is shown to you alone."
      : sharp
        ? "Drawn sharp; the agent's frame is below."
        : "What the agent sees, enlarged.";
  }

  drawExpected(figure, belief, moment, told, number, count) {
    const canvas = figure.querySelector("canvas");
    drawTile(canvas, belief.expected ?? moment.frame, length("tile"));
    canvas.classList.toggle("absent", belief.expected === null);
    canvas.dataset.number = moment.number;
    const verb = moment.is_blind ? "Imagined" : "What it expected";
    figure.querySelector("figcaption").replaceChildren(...beliefTitle(number, count, count > 1 ? told.name : verb));
    canvas.ariaLabel = belief.expected === null
      ? "Nothing was expected of the first frame"
      : `${verb} by ${told.name}; squared error ${short(belief.error)}`;
  }
}

/** Whether a belief's model draws a sample, and not the same frame each time. */
function draws(belief) {
  return belief.frame_model === "convdraw";
}

/** Cover a frame that the agent does not see. */
function cover(canvas) {
  const side = parseFloat(canvas.style.width);
  const context = plain(canvas, side, side);
  context.fillStyle = ink("cover");
  context.fillRect(0, 0, side, side);
  hatch(context, 0, 0, side, side, ink("cover-line"), 8);
}
