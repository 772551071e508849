/** The live page: connects, and draws what comes, once a frame of the screen. */

import { Bar } from "./bar.js";
import { Commands } from "./commands.js";
import { Connection } from "./connection.js";
import { fillHelp } from "./help.js";
import { Keys } from "./keys.js";
import { Model } from "./model.js";
import { fitFilms, FuturesPanel } from "./panels/futures.js";
import { MapsPanel } from "./panels/maps.js";
import { PlacePanel } from "./panels/place.js";
import { ReadingsPanel } from "./panels/readings.js";
import { SurprisePanel } from "./panels/surprise.js";
import { TimeLine } from "./panels/timeline.js";
import { WorldPanel } from "./panels/world.js";
import { beginTheme } from "./theme.js";

const ALL = ["moment", "control", "history", "futures", "hidden"];
const model = new Model();
const changed = new Set();
let isScheduled = false;

/** Draw what depends on what has changed, when the screen is next drawn; nothing named: all. */
function redraw(...what) {
  for (const each of what.length ? what : ALL) changed.add(each);
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    const now = new Set(changed);
    changed.clear();
    if (!model.isReady) return;
    for (const panel of panels) if (panel.needs.some((need) => now.has(need))) panel.draw(model);
    if (document.body.dataset.state !== "live") setState("live");
  });
}

let focused = null;

function setState(state, title = "", text = "") {
  const wasLive = document.body.dataset.state === "live";
  if (wasLive && state !== "live") focused = document.activeElement; // which loses it as it becomes inert
  document.body.dataset.state = state;
  for (const part of document.querySelectorAll("#bar, main, footer")) part.inert = state !== "live";
  document.getElementById("curtain-title").textContent = title;
  document.getElementById("curtain-text").textContent = text;
  if (!wasLive && state === "live") focused?.focus();
}

function onView(kind, view) {
  if (kind === "loading") return setState("loading", "Loading", `${view.text} …`);
  if (kind === "failed") return setState("failed", "It has failed", view.text);
  if (model.take(kind, view) && performance.now() > nextAsked) {
    nextAsked = performance.now() + 500;
    connection.send("history");
  }
  if (kind === "hello") {
    document.body.classList.toggle("has-maps", view.has_maps);
    document.body.dataset.beliefs = view.beliefs.length;
    fitFilms(view.frame_size);
    for (const panel of panels) panel.begin(model);
    keys.begin(view.actions);
    fillHelp(view);
  }
  redraw(...(kind === "hello" ? ALL : [kind]));
}

function onLost(reason, wait) {
  model.clear();
  keys.releaseAll();
  const why = reason ? `It was closed: ${reason}. ` : "";
  const next = `Trying again in ${Math.max(1, Math.round(wait / 1000))} s.`;
  const ended = "If simcore live has ended, start it again: it prints a new address.";
  setState("lost", "The connection is lost", `${why}${next} ${ended}`);
}

let nextAsked = 0;
const commands = new Commands(model, (command, value) => connection.send(command, value), redraw);
const panels = [
  new Bar(commands),
  new WorldPanel(),
  new SurprisePanel(),
  new MapsPanel(),
  new PlacePanel(),
  new ReadingsPanel(),
  new FuturesPanel(() => redraw("scrub")),
  new TimeLine((number) => commands.look(number), () => redraw("drag")),
];
const keys = new Keys(commands, (key) => commands.byKey(key));
const address = new URL("live", location.href);
address.protocol = address.protocol.replace("http", "ws");
const connection = new Connection(address, onView, onLost);
window.addEventListener("resize", () => {
  if (model.hello) fitFilms(model.hello.frame_size);
  redraw();
});
beginTheme(() => redraw());
