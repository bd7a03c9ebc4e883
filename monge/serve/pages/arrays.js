// .npy files and text tables in the browser.
"use strict";

/** The bytes of a .npy file of version 1.0: float64 [rows, columns]. */
function npyOf(rows) {
  const columns = rows.length ? rows[0].length : 0;
  let header = `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows.length}, ${columns}), }`;
  header += " ".repeat((64 - (10 + header.length + 1) % 64) % 64) + "\n";
  const out = new Uint8Array(10 + header.length + rows.length * columns * 8);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  const view = new DataView(out.buffer, 10 + header.length);
  rows.forEach((row, i) => row.forEach((value, k) => view.setFloat64((i * columns + k) * 8, value, true)));
  return out;
}

/** {shape, values} of a .npy file of float32 or float64 in C order. */
function parseNpy(buffer) {
  const bytes = new DataView(buffer);
  const long = bytes.getUint8(6) > 1;
  const length = long ? bytes.getUint32(8, true) : bytes.getUint16(8, true);
  const begin = long ? 12 : 10;
  const header = new TextDecoder("latin1").decode(new Uint8Array(buffer, begin, length));
  const type = /'descr': '([^']+)'/.exec(header)?.[1];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] || "").split(",").map((s) => s.trim()).filter(Boolean).map(Number);
  const wide = type === "<f8";
  if ((!wide && type !== "<f4") || /True/.test(header)) throw new Error(`An array of the type ${type} cannot be shown.`);
  const size = shape.reduce((a, b) => a * b, 1), start = begin + length;
  const values = Array.from({length: size}, (_, i) => wide ? bytes.getFloat64(start + 8 * i, true) : bytes.getFloat32(start + 4 * i, true));
  return {shape, values};
}

/** The numbers of a text table: commas, semicolons, tabs or spaces; a first line without numbers names the columns. */
function parseTable(text) {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() && !line.startsWith("#"));
  if (!lines.length) throw new Error("The table is empty.");
  const mark = [",", ";", "\t"].find((c) => lines[0].includes(c)) || /\s+/;
  const cells = lines.map((line) => line.trim().split(mark).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1")));
  const columns = cells[0].every((cell) => cell !== "" && Number.isFinite(Number(cell))) ? null : cells.shift();
  const rows = cells.map((row) => row.map(Number));
  const bad = rows.findIndex((row) => row.length !== rows[0].length || row.some((value) => !Number.isFinite(value)));
  if (!rows.length || bad >= 0) throw new Error(`Row ${bad + 1} of the table is not made of ${rows[0]?.length ?? 0} numbers.`);
  return {columns, rows};
}

/** Rows as a text table. */
function tableText(columns, rows) {
  const lines = rows.map((row) => row.join(","));
  return (columns?.length ? [columns.join(","), ...lines] : lines).join("\n") + "\n";
}

/** Draws points of the plane: the first two columns of each set. */
function drawPoints(canvas, sets) {
  const style = getComputedStyle(document.documentElement), side = 840;
  canvas.width = canvas.height = side;
  const all = sets.flatMap((set) => set.points);
  const span = (k) => all.reduce(([low, high], p) => [Math.min(low, p[k] ?? 0), Math.max(high, p[k] ?? 0)], [Infinity, -Infinity]);
  const [left, right] = span(0), [bottom, top] = span(1), scale = (side - 60) / Math.max(right - left, top - bottom, 1e-12);
  const at = (p) => [30 + (p[0] - left) * scale, side - 30 - ((p[1] ?? 0) - bottom) * scale];
  const pen = canvas.getContext("2d");
  for (const {points, colour, to} of sets) {
    pen.fillStyle = pen.strokeStyle = style.getPropertyValue(colour);
    points.forEach((p, i) => {
      const [x, y] = at(p);
      pen.beginPath();
      pen.arc(x, y, 5, 0, 7);
      pen.fill();
      if (!to?.[i]) return;
      pen.globalAlpha = .3;
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(...at(to[i]));
      pen.stroke();
      pen.globalAlpha = 1;
    });
  }
}
