/** What probes read that is neither map, cell nor heading: a table. */

import { drawTile } from "../draw.js";
import { percent, short, words } from "../words.js";
import { beliefTitle } from "./beliefs.js";

const PICTURE = 40;
/** Numbers of a vector that are shown. */
const MAX_NUMBERS = 4;
const byId = (id) => document.getElementById(id);

export class ReadingsPanel {
  needs = ["moment"];

  begin() {
    byId("readings").hidden = true;
  }

  draw(model) {
    const beliefs = model.moment.beliefs;
    const readings = beliefs[0].others;
    byId("readings").hidden = readings.length === 0;
    if (readings.length === 0) return;
    const table = byId("readings-table");
    table.replaceChildren();
    const head = table.createTHead().insertRow();
    head.append(textCell("th", ""), textCell("th", "true"));
    beliefs.forEach((_, number) => {
      const cell = textCell("th", "");
      cell.append(...beliefTitle(number, beliefs.length, "read"));
      head.append(cell);
    });
    const body = table.createTBody();
    readings.forEach((reading, index) => {
      const row = body.insertRow();
      row.append(textCell("th", words(reading.name)));
      fill(row.insertCell(), reading.true, null);
      beliefs.forEach((belief) => {
        const each = belief.others[index];
        if (each) fill(row.insertCell(), each.believed, each.probability);
      });
    });
  }
}

function textCell(tag, text) {
  const cell = document.createElement(tag);
  cell.textContent = text;
  return cell;
}

function fill(cell, value, probability) {
  if (value?.shape?.length === 3) {
    const canvas = document.createElement("canvas");
    canvas.role = "img";
    canvas.ariaLabel = "a picture";
    drawTile(canvas, value, Math.max(PICTURE, value.shape[0]));
    cell.append(canvas);
  } else if (value?.shape) {
    const numbers = [...value.data.slice(0, MAX_NUMBERS)].map((each) => short(each, 2));
    cell.textContent = numbers.join(", ") + (value.data.length > MAX_NUMBERS ? ", …" : "");
  } else {
    cell.textContent = `${value}`;
    if (probability !== null) cell.textContent += ` (true one: ${percent(probability)})`;
  }
}
