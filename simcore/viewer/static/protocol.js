/** The live page's messages: what `simcore/viewer/messages.py` encodes, decoded. */

const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

/** Numbers with a shape, as NumPy has them: row by row. */
export class Grid {
  constructor(data, shape) {
    this.data = data;
    this.shape = shape;
  }

  /** The part at some first indices; it shares the numbers. */
  at(...index) {
    let offset = 0;
    let size = this.data.length;
    index.forEach((each, axis) => {
      size /= this.shape[axis];
      offset += each * size;
    });
    return new Grid(this.data.subarray(offset, offset + size), this.shape.slice(index.length));
  }
}

/** Decode a view into its kind, and objects, lists, numbers, texts and grids. */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const grids = header.arrays.map(([type, shape, offset]) => {
    const count = shape.reduce((product, side) => product * side, 1);
    return new Grid(new TYPES[type](buffer, 4 + length + offset, count), shape);
  });
  return { kind: header.kind, view: restore(header.view, grids) };
}

function restore(value, grids) {
  if (Array.isArray(value)) return value.map((each) => restore(each, grids));
  if (value === null || typeof value !== "object") return value;
  const names = Object.keys(value);
  if (names.length === 1 && names[0] === "array") return grids[value.array];
  return Object.fromEntries(names.map((name) => [name, restore(value[name], grids)]));
}
