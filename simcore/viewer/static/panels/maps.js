/** The true map beside what each belief holds of it, with the true and the believed pose. */

import { beliefInk, length } from "../draw.js";
import { drawArrow, drawMap, outlineArrow } from "../map.js";
import { argmax, coreName, percent } from "../words.js";
import { beliefTitle } from "./beliefs.js";

const TRUTH = "black";
const byId = (id) => document.getElementById(id);

export class MapsPanel {
  needs = ["moment", "control", "hidden"];

  begin(model) {
    document.querySelectorAll(".believed-map").forEach((each) => each.remove());
    if (!model.hello.has_maps) return;
    this.panels = model.hello.beliefs.map((belief, number) => {
      const panel = byId("believed-map-template").content.firstElementChild.cloneNode(true);
      panel.querySelector("canvas").id = `believed-map-${number}`;
      const many = model.hello.beliefs.length;
      const title = many > 1 ? `${belief.name} · ${coreName(belief.core)}` : "Believed map";
      panel.querySelector("h2").append(...beliefTitle(number, many, title));
      panel.querySelector(".readout").textContent = many > 1 ? belief.age.replace("after ", "") : "";
      panel.querySelector("figcaption").textContent = captionOf(belief, many);
      byId("maps").append(panel);
      return panel;
    });
  }

  draw(model) {
    const { moment, hello, isMapHidden } = model;
    const place = moment.place;
    if (!hello.has_maps || place === null) return;
    this.drawTrue(hello, moment, isMapHidden);
    for (const number of moment.beliefs.keys()) this.drawBelieved(number, hello, moment, isMapHidden);
    byId("hide-map").setAttribute("aria-pressed", String(isMapHidden));
  }

  drawTrue(hello, moment, isHidden) {
    const { place } = moment;
    const canvas = byId("true-map");
    const { context, cell } = drawMap(canvas, length("map"), place.map, place.since_seen);
    const side = cell * place.map.shape[0];
    if (isHidden) {
      context.clearRect(0, 0, side, side);
    } else if (place.x !== null) {
      drawArrow(context, cell, place.map.shape[0], poseOf(place, hello), TRUTH);
    }
    canvas.classList.toggle("hidden", isHidden);
    byId("true-map-caption").textContent = isHidden
      ? "Hidden, and the true pose with it: find the way by what the belief holds."
      : "Up is where the agent first looked; striped: what no frame has shown yet.";
    canvas.dataset.number = moment.number;
    canvas.dataset.cell = cell;
    canvas.ariaLabel = isHidden
      ? "The true map is hidden"
      : `The true map; ${poseText(place, hello)}; ${seenText(place)}`;
  }

  drawBelieved(number, hello, moment, isHidden) {
    const { place } = moment;
    const belief = moment.beliefs[number];
    const canvas = this.panels[number].querySelector("canvas");
    const size = belief.map.shape[0];
    const { context, cell } = drawMap(canvas, length("map"), belief.map, place.since_seen, belief.certainty);
    const likely = argmax(belief.cell.data);
    if (place.x !== null) {
      const heading = argmax(belief.heading.data) / hello.headings;
      const [x, y] = [(likely % size) + 0.5, Math.floor(likely / size) + 0.5];
      drawArrow(context, cell, size, [x, y, heading], beliefInk(number), belief.cell.data[likely]);
      if (!isHidden) outlineArrow(context, cell, size, poseOf(place, hello));
    }
    canvas.dataset.number = moment.number;
    canvas.dataset.cell = cell;
    canvas.ariaLabel =
      `The map that ${hello.beliefs[number].name} believes; ${percent(belief.map_error / place.guess_error)} of the ` +
      `constant guess's error; most likely cell ${cellText(likely, size)} with ${percent(belief.cell.data[likely])}`;
  }
}

/**
 * The true pose, as arrows take it; at the map's edge if it is beyond. Where a map is not in the frame of the start,
 * there is no x, and no arrow.
 */
function poseOf(place, hello) {
  const inside = (value) => Math.min(Math.max(value, 0), place.map.shape[0]);
  return [inside(place.x), inside(place.y), place.heading / hello.headings];
}

function captionOf(belief, many) {
  const arrows = "Filled arrow: the believed pose, paler the less certain; outline: the true one.";
  if (many > 1) return belief.has_map_model ? "Outline: truth. Faint: unsure cells." : "Outline: the true pose.";
  const certainty = belief.has_map_model
    ? "Faint: where samples of the map differ."
    : "This run has no map model, so its map comes without certainty.";
  const probes = `Read from the belief by ${belief.read_by === "fresh" ? "fresh probes" : "a probe"}.`;
  return `${probes} ${arrows} ${certainty}`;
}

function poseText(place, hello) {
  const degrees = (360 * place.heading) / hello.headings;
  const where = place.cell < 0 ? "off the map" : `in cell ${cellText(place.cell, place.map.shape[0])}`;
  return `the agent is ${where}, heading ${degrees} degrees from up`;
}

function cellText(cell, size) {
  return `row ${Math.floor(cell / size) + 1}, column ${(cell % size) + 1}`;
}

function seenText(place) {
  const { data } = place.since_seen;
  return `${percent(data.filter((each) => each >= 0).length / data.length)} of it seen`;
}
