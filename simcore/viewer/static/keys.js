/** The keys: those of actions, which are held, and those of commands, which are struck. */

/** Milliseconds in which the second key of two held together may come. */
const TOGETHER = 40;
/** Milliseconds in which both may be let go. */
const APART = 90;

/** Whether a key belongs to an element itself: text that is typed, a choice, a button that it presses. */
function isFor(element, key) {
  if (element.matches("input, textarea, select")) return true;
  return element.matches("button") && (key === " " || key === "Enter");
}

export class Keys {
  /**
   * @param {{press: (action: number) => void, release: (action: number) => void}} driver takes actions' keys.
   * @param {(key: string) => boolean} command is told of other keys; returns whether it took one.
   */
  constructor(driver, command) {
    this.driver = driver;
    this.command = command;
    this.down = new Set();
    this.held = null;
    this.combinations = [];
    window.addEventListener("keydown", (event) => this.onDown(event));
    window.addEventListener("keyup", (event) => this.onUp(event));
    window.addEventListener("blur", () => this.releaseAll());
    document.addEventListener("visibilitychange", () => document.hidden && this.releaseAll());
  }

  /** Take the keys of actions, in the order of the actions' numbers. */
  begin(actions) {
    this.combinations = actions
      .map(({ key }, action) => ({ keys: key ? key.split("+") : [], action }))
      .filter(({ keys }) => keys.length > 0);
    this.releaseAll();
  }

  /** The action of all keys that are down; of several, that of the most keys and the newest. */
  get wanted() {
    const down = [...this.down];
    const possible = this.combinations.filter(({ keys }) => keys.every((key) => this.down.has(key)));
    const newest = ({ keys }) => Math.max(...keys.map((key) => down.indexOf(key)));
    possible.sort((one, other) => other.keys.length - one.keys.length || newest(other) - newest(one));
    return possible[0]?.action ?? null;
  }

  onDown(event) {
    const key = named(event);
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || isFor(event.target, key)) return;
    if (document.querySelector("dialog[open]") && key !== "?") return;
    if (this.combinations.some(({ keys }) => keys.includes(key))) {
      event.preventDefault();
      if (event.repeat) return;
      this.down.add(key);
      const isPart = this.combinations.some(({ keys }) => keys.length > 1 && keys.includes(key));
      this.settle(isPart && this.held === null && this.down.size < 2 ? TOGETHER : 0);
    } else if (!event.repeat && this.command(key)) {
      event.preventDefault();
    }
  }

  onUp(event) {
    const key = named(event);
    if (!this.down.has(key)) return;
    if (this.isWaiting && this.held === null) this.follow(); // it was struck more quickly than we waited
    this.down.delete(key);
    this.settle(this.down.size > 0 ? APART : 0);
  }

  releaseAll() {
    this.down.clear();
    this.settle(0);
  }

  /** Follow the keys after a while. */
  settle(wait) {
    clearTimeout(this.timer);
    this.isWaiting = wait > 0;
    if (wait > 0) this.timer = setTimeout(() => this.follow(), wait);
    else this.follow();
  }

  follow() {
    clearTimeout(this.timer);
    this.isWaiting = false;
    const wanted = this.wanted;
    if (wanted === this.held) return;
    const before = this.held;
    this.held = wanted;
    if (wanted === null) this.driver.release(before);
    else this.driver.press(wanted);
  }
}

/** A key as the server names it: letters are small, and Latin, as they stand on a keyboard of another script. */
function named({ key, code }) {
  if (key.length !== 1) return key;
  const isForeign = key > "\x7f" && /^Key[A-Z]$/.test(code);
  return (isForeign ? code.at(-1) : key).toLowerCase();
}
