/** What the page knows: the newest view of each kind, the time line, and what is chosen on this page alone. */

import { keep, recall } from "./memory.js";

export class Model {
  constructor() {
    this.isMapHidden = false;
    /** Whether the person has tried the blindfold, ever; then the hint has done its work. */
    this.hasTried = recall("has-tried") === "yes";
    this.clear();
  }

  /** Forget all views: another server, or the same one anew, tells everything again. */
  clear() {
    this.hello = this.control = this.moment = this.sharp = this.futures = null;
    this.points = [];
    /** The line that was left at the last branch. */
    this.ghost = [];
  }

  get isReady() {
    return this.hello !== null && this.control !== null && this.moment !== null;
  }

  get isLookingBack() {
    return this.control.looked_at !== null;
  }

  /** The number of the newest moment. */
  get newest() {
    return this.points.at(-1)?.number ?? this.moment.number;
  }

  /** Take a view; returns whether some before it are missing, so that the time line must be asked for. */
  take(kind, view) {
    if (kind === "hello") {
      this.clear();
      this.hello = view;
    } else if (kind === "control") {
      this.control = view;
    } else if (kind === "futures") {
      this.futures = view;
    } else if (kind === "history") {
      this.takeHistory(view.points);
    } else if (kind === "moment") {
      this.moment = view.moment;
      this.sharp = view.sharp;
      return this.takePoint(view.point, view.first);
    }
    return false;
  }

  takeHistory(points) {
    const last = points.at(-1)?.number ?? 0;
    if (last < (this.points.at(-1)?.number ?? 0)) {
      this.ghost = this.points.filter((point) => point.number >= last - 1);
    }
    this.points = points;
  }

  /** Add a moment to the time line, and forget those before the first that the server still has. */
  takePoint(point, first) {
    const last = this.points.at(-1);
    if (last !== undefined && point.number <= last.number) return false; // an earlier one, which is looked at
    if (last === undefined || point.number > last.number + 1) return true;
    this.points.push(point);
    while (this.points[0].number < first) this.points.shift();
    if (this.ghost.length && (this.ghost[0].number < first || point.step === 0)) this.ghost = [];
    return false;
  }

  noteTried() {
    this.hasTried = true;
    keep("has-tried", "yes");
  }
}
