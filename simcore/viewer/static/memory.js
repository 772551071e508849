/** What the browser keeps from one visit to the next; nothing where it may not. */

export function recall(name) {
  try {
    return localStorage.getItem(`simcore-${name}`);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(`simcore-${name}`, value);
  } catch {
    // Then it is asked for again at the next visit.
  }
}
