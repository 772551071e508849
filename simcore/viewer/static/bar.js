/** The bar of controls and the line below it that says in a sentence what is going on. */

import { beliefTitle } from "./panels/beliefs.js";
import { coreName, keyName, words } from "./words.js";

const PACES = [1, 2, 5, 10, 20, 40, 60];
/** Seeds are from 0 to one less than so many. */
const SEEDS = 2 ** 31;
const DRIVERS = { you: "You", walker: "Walker", agent: "Agent" };
/** Ids of buttons, and what each does. */
const BUTTONS = {
  "new-world": "newWorld",
  pause: "pause",
  step: "step",
  blindfold: "blindfold",
  sharp: "sharp",
  "hide-map": "hideMap",
  branch: "branch",
  now: "now",
  theme: "theme",
  help: "help",
};
const byId = (id) => document.getElementById(id);

export class Bar {
  needs = ["moment", "control", "hidden"];

  /** @param commands what the buttons do; see `commands.js`. */
  constructor(commands) {
    this.commands = commands;
    for (const [id, command] of Object.entries(BUTTONS)) {
      byId(id).addEventListener("click", () => commands[command]());
    }
    document.addEventListener("click", (event) => {
      // After a click with the mouse, the space bar pauses, and does not press the same button again.
      if (event.detail > 0) event.target.closest?.("button")?.blur();
    });
    for (const id of ["seed", "pace", "plan"]) {
      byId(id).addEventListener("keydown", (event) => event.key === "Escape" && event.target.blur());
    }
    byId("seed").addEventListener("input", (event) => event.target.setCustomValidity("")); // or it is never submitted again
    byId("seed-form").addEventListener("submit", (event) => this.goToSeed(event));
    byId("pace").addEventListener("change", (event) => choose(event, (value) => commands.pace(Number(value))));
    byId("plan").addEventListener("change", (event) => choose(event, (value) => commands.plan(planOf(value))));
    for (const button of document.querySelectorAll("button[data-key]")) addKey(button);
  }

  begin(model) {
    const { hello } = model;
    document.title = `${hello.level} · SimCore live`;
    byId("level").textContent = hello.level;
    const names = hello.beliefs.map((belief, number) => {
      const name = document.createElement("span");
      const about = `${coreName(belief.core)} · ${belief.age}`;
      const isAlone = hello.beliefs.length === 1;
      name.append(...beliefTitle(number, hello.beliefs.length, isAlone ? `${belief.name} · ${about}` : belief.name));
      name.title = about;
      return name;
    });
    byId("beliefs").replaceChildren(...names);
    this.makeDrivers(hello.drivers);
    byId("blindfold").hidden = !hello.can_blindfold;
    byId("branch").hidden = !hello.can_return;
    const plans = [["you", "what the driver does"]];
    for (const driver of hello.drivers.slice(1)) plans.push([driver, `the ${driver}'s plan`]);
    hello.actions.forEach((action, number) => plans.push([number, `held: ${words(action.name)}`]));
    byId("plan").replaceChildren(...plans.map(([value, text]) => new Option(text, value)));
    byId("pace").replaceChildren(...PACES.map((pace) => new Option(`${pace} steps/s`, pace)));
    const keys = hello.actions.filter((action) => action.key).map((action) => action.key);
    this.isByArrows = keys.some((key) => key.startsWith("Arrow"));
    this.driverOfKeys = this.isByArrows ? "the arrow keys" : `the keys ${keys.map(keyName).join(", ")}`;
  }

  makeDrivers(drivers) {
    const buttons = drivers.map((driver) => {
      const button = document.createElement("button");
      button.id = `drive-${driver}`;
      button.append(DRIVERS[driver]);
      button.addEventListener("click", () => this.commands.drive(driver));
      return button;
    });
    if (drivers.length > 1) {
      buttons.at(-1).dataset.key = "m";
      addKey(buttons.at(-1));
    }
    byId("drivers").replaceChildren(...buttons);
  }

  draw(model) {
    const { hello, control, moment } = model;
    const of = hello.episode_length ? ` of ${hello.episode_length}` : "";
    byId("step-count").textContent = `step ${moment.step}${of}`;
    byId("reward").textContent = moment.total ? `reward ${Number(moment.total.toFixed(2))}` : "";
    if (document.activeElement !== byId("seed")) byId("seed").value = moment.seed;
    for (const driver of hello.drivers) press(byId(`drive-${driver}`), control.driver === driver);
    press(byId("pause"), control.is_paused);
    press(byId("blindfold"), control.is_blind);
    byId("branch").disabled = byId("now").disabled = !model.isLookingBack;
    set(byId("pace"), control.pace, `${control.pace} steps/s`);
    set(byId("plan"), control.plan ?? "you");
    const text = sentence(model, this.driverOfKeys);
    if (byId("status").textContent !== text) byId("status").textContent = text;
    byId("status").classList.toggle("note", control.note !== "");
    document.body.dataset.held = control.held ?? "";
    document.body.dataset.blind = control.is_blind;
    document.body.dataset.looking = model.isLookingBack;
  }

  goToSeed(event) {
    event.preventDefault();
    const seed = byId("seed");
    const isNumber = /^\s*\d{1,10}\s*$/.test(seed.value) && Number(seed.value) < SEEDS;
    seed.setCustomValidity(isNumber ? "" : `a whole number from 0 to ${SEEDS - 1}`);
    if (!isNumber) return seed.reportValidity();
    this.commands.newWorld(Number(seed.value));
    seed.blur();
  }
}

/** What is going on, and what can be done, in a sentence. */
function sentence(model, keys) {
  const { control, moment } = model;
  if (control.note) return control.note;
  if (model.isLookingBack) {
    return model.hello.can_return
      ? "You look back. Drive, or press Enter, to branch off from this belief; Esc returns to now."
      : "You look back; Esc returns to now.";
  }
  if (moment.is_over) {
    const waits = control.is_paused || control.driver === "you";
    return waits
      ? `The episode is over; the next one begins with r, or with ${control.is_paused ? "space" : keys}.`
      : "The episode is over; the next one begins by itself, or with r.";
  }
  if (control.is_blind) {
    return "Blindfolded: the belief goes on without frames, and imagines what it would see. b takes the blindfold off.";
  }
  if (!model.hasTried && model.hello.can_blindfold) {
    return `Drive with ${keys}; then press b and watch the belief go on without seeing.`;
  }
  if (control.is_paused) return "Paused: space goes on, . takes one step.";
  const others = model.hello.drivers.length > 1;
  if (control.driver === "you") return `You drive with ${keys}.${others ? " m hands over." : ""}`;
  return `The ${control.driver} drives; take over with ${keys}.`;
}

function addKey(button) {
  const key = document.createElement("kbd");
  key.textContent = button.dataset.key;
  key.ariaHidden = "true";
  const names = { space: "Space", esc: "Escape", enter: "Enter" };
  button.setAttribute("aria-keyshortcuts", names[button.dataset.key] ?? button.dataset.key);
  button.append(key);
}

function press(button, isOn) {
  button.setAttribute("aria-pressed", String(isOn));
}

/** Show a value in a choice, and add it if it is none of those there. */
function set(choice, value, text = `${value}`) {
  if (document.activeElement === choice) return;
  if (![...choice.options].some((option) => option.value === `${value}`)) choice.add(new Option(text, value));
  choice.value = `${value}`;
}

/** Take what was chosen; if it was by a pointer, the keys then drive again: by a keyboard one may go on choosing. */
function choose(event, take) {
  take(event.target.value);
  if (!event.target.matches(":focus-visible")) event.target.blur();
}

function planOf(value) {
  return /^\d+$/.test(value) ? Number(value) : value;
}
