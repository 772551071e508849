/** Where each belief takes the agent to be: the probability of cells as heat, of headings as a rose, and numbers. */

import { beliefInk, ink, length, plain, wholeSide } from "../draw.js";
import { argmax, coreName, percent } from "../words.js";
import { beliefTitle } from "./beliefs.js";

const byId = (id) => document.getElementById(id);

export class PlacePanel {
  needs = ["moment", "hidden"];

  begin(model) {
    byId("places").replaceChildren();
    if (!model.hello.has_maps) return;
    this.parts = model.hello.beliefs.map((belief, number) => {
      const part = byId("place-template").content.firstElementChild.cloneNode(true);
      part.querySelector(".heat").id = `heat-${number}`;
      part.querySelector(".rose").id = `rose-${number}`;
      byId("places").append(part);
      return part;
    });
    makeTable(model.hello.beliefs);
  }

  draw(model) {
    const { moment, hello, isMapHidden } = model;
    const place = moment.place;
    if (!hello.has_maps || place === null) return;
    moment.beliefs.forEach((belief, number) => {
      const [heat, rose] = this.parts[number].children;
      drawHeat(heat, belief.cell, isMapHidden ? null : place.cell, number);
      drawRose(rose, belief.heading, isMapHidden ? null : place.heading, number);
      const likely = argmax(belief.heading.data);
      heat.ariaLabel = `Probability of cells: ${percent(Math.max(...belief.cell.data))} for the most likely, ` +
        `${percent(belief.cell_probability)} for the true one`;
      rose.ariaLabel = `Probability of headings: ${percent(belief.heading.data[likely])} for ` +
        `${(360 * likely) / hello.headings} degrees, ${percent(belief.heading_probability)} for the true one`;
      heat.dataset.number = rose.dataset.number = moment.number;
      byId(`map-error-${number}`).textContent = percent(belief.map_error / place.guess_error);
      byId(`cell-probability-${number}`).textContent = percent(belief.cell_probability);
      byId(`heading-probability-${number}`).textContent = percent(belief.heading_probability);
    });
  }
}

function makeTable(beliefs) {
  const rows = [
    ["map-error", beliefs.length > 1 ? "Map error left" : "Map error", "of the guess's"],
    ["cell-probability", "True cell", "its probability"],
    ["heading-probability", "True heading", "its probability"],
  ];
  const table = byId("numbers");
  table.replaceChildren();
  if (beliefs.length > 1) {
    const head = table.createTHead().insertRow();
    head.append(document.createElement("td"), ...beliefs.map((belief, number) => {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.title = belief.name;
      cell.append(...beliefTitle(number, beliefs.length, coreName(belief.core)));
      return cell;
    }));
  }
  const body = table.createTBody();
  for (const [name, title, unit] of rows) {
    const row = body.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = title;
    const small = document.createElement("small");
    small.textContent = unit;
    head.append(small);
    row.append(head);
    beliefs.forEach((_, number) => (row.insertCell().id = `${name}-${number}`));
  }
}

/** Draw probabilities `[M * M]` as squares, the more opaque the more probable, and a ring at the true cell. */
function drawHeat(canvas, cells, truth, number) {
  const size = Math.round(Math.sqrt(cells.data.length));
  const side = wholeSide(size, length("place"));
  const cell = side / size;
  const context = plain(canvas, side, side);
  context.fillStyle = ink("well");
  context.fillRect(0, 0, side, side);
  context.fillStyle = beliefInk(number);
  cells.data.forEach((probability, index) => {
    context.globalAlpha = Math.sqrt(probability); // so that small ones are seen
    context.fillRect((index % size) * cell, Math.floor(index / size) * cell, cell, cell);
  });
  context.globalAlpha = 1;
  if (truth === null || truth < 0) return; // hidden, or off the map
  const [x, y] = [(truth % size) + 0.5, Math.floor(truth / size) + 0.5];
  context.beginPath();
  context.arc(x * cell, y * cell, Math.max(4, cell / 3), 0, 2 * Math.PI);
  for (const [colour, width] of [["paper", 4], ["ink", 1.5]]) {
    context.strokeStyle = ink(colour);
    context.lineWidth = width;
    context.stroke();
  }
}

/** Draw probabilities of headings as sectors whose areas are theirs, and a wedge outside at the true one. */
function drawRose(canvas, headings, truth, number) {
  const side = length("place");
  const context = plain(canvas, side, side);
  const count = headings.data.length;
  const radius = side / 2 - 10;
  const angleOf = (heading) => (2 * Math.PI * heading) / count - Math.PI / 2;
  context.translate(side / 2, side / 2);
  context.beginPath();
  context.arc(0, 0, radius, 0, 2 * Math.PI);
  context.fillStyle = ink("well");
  context.fill();
  context.fillStyle = beliefInk(number);
  headings.data.forEach((probability, heading) => {
    context.beginPath();
    context.moveTo(0, 0);
    context.arc(0, 0, radius * Math.sqrt(probability), angleOf(heading - 0.5), angleOf(heading + 0.5));
    context.fill();
  });
  drawTicks(context, count, radius, angleOf);
  if (truth === null) return;
  context.rotate(angleOf(truth) + Math.PI / 2);
  context.beginPath();
  context.moveTo(0, -radius + 1);
  context.lineTo(-5, -radius - 9);
  context.lineTo(5, -radius - 9);
  context.fillStyle = ink("ink");
  context.fill();
}

function drawTicks(context, count, radius, angleOf) {
  context.strokeStyle = ink("soft");
  context.lineWidth = 1;
  context.beginPath();
  for (let heading = 0; heading < count; heading++) {
    const [x, y] = [Math.cos(angleOf(heading)), Math.sin(angleOf(heading))];
    const long = (4 * heading) % count === 0 ? 6 : 3;
    context.moveTo(x * (radius - long), y * (radius - long));
    context.lineTo(x * radius, y * radius);
  }
  context.stroke();
}
