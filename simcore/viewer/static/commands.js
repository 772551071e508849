/** What a person can do, by a button or by a key. */

import { switchTheme } from "./theme.js";

export const KEYS = {
  m: "handOver", " ": "pause", ".": "step", r: "newWorld", b: "blindfold", h: "hideMap", v: "sharp",
  Escape: "now", End: "now", Enter: "branch", "?": "help",
};

export class Commands {
  /**
   * @param model what the page knows.
   * @param {(command: string, value?: any) => void} send
   * @param {(...changed: string[]) => void} redraw
   */
  constructor(model, send, redraw) {
    this.model = model;
    this.send = send;
    this.redraw = redraw;
    this.lastDriver = null;
  }

  /** Do what a key stands for; returns whether it stands for anything. */
  byKey(key) {
    if (!(key in KEYS) || !this.model.isReady) return false;
    this[KEYS[key]]();
    return true;
  }

  press(action) {
    this.send("press", action);
  }

  release(action) {
    this.send("release", action);
  }

  drive(driver) {
    this.send("driver", driver);
  }

  /** Hand over to whoever drove last, or take over from them. */
  handOver() {
    const { control, hello } = this.model;
    if (control.driver !== "you") {
      this.lastDriver = control.driver;
      this.drive("you");
    } else if (hello.drivers.length > 1) {
      this.drive(this.lastDriver ?? hello.drivers[1]);
    }
  }

  /** Pause, or go on, also from the moment that is looked at. */
  pause() {
    const { control, isLookingBack } = this.model;
    if (isLookingBack && !control.is_paused) this.send("branch");
    else this.send("pause", !control.is_paused);
  }

  step() {
    this.send("step");
  }

  pace(pace) {
    this.send("pace", pace);
  }

  plan(plan) {
    this.send("plan", plan);
  }

  newWorld(seed = null) {
    this.send("reset", seed);
  }

  blindfold() {
    if (!this.model.hello.can_blindfold) return;
    this.model.noteTried();
    this.send("blindfold", !this.model.control.is_blind);
  }

  sharp() {
    if (this.model.hello.can_return) this.send("sharp", !this.model.control.is_sharp);
  }

  hideMap() {
    this.model.isMapHidden = !this.model.isMapHidden;
    this.redraw("hidden");
  }

  look(number) {
    this.send("look", number);
  }

  now() {
    if (this.model.isLookingBack) this.look(null);
  }

  branch() {
    if (this.model.isLookingBack) this.send("branch");
  }

  help() {
    const sheet = document.getElementById("help-sheet");
    if (sheet.open) sheet.close();
    else sheet.showModal();
  }

  theme() {
    switchTheme();
    this.redraw();
  }
}
