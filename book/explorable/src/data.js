import { element } from "./dom.js";

const text = (value) => (value === null || value === undefined ? "" : String(value));
export const isHeat = (panel) => panel.kind === "heat map";

// The panel at a setting: the y axis of one that follows has limits for each.
export const at = (panel, cell) => (Array.isArray(panel.ylim) ? panel
  : { ...panel, ylim: panel.ylim[cell.join(",")] });

// What a setting shows: its sentence, and for each panel its curves as {label, role, colour,
// dashes, x, y, low, high}, or the number of a heat map.
export function unfold({ arrays, styles, curves, points, panels }, cell) {
  const [caption, ...shown] = points[cell.join(",")];
  const curveOf = (number) => {
    const [style, ...parts] = curves[number];
    const [label, role, colour, dashes] = styles[style];
    const [x, y, low, high] = parts.map((part) => arrays[part]);
    return { label, role, colour, dashes, x, y, low, high };
  };
  return { caption, panels: panels.map((panel, i) => (isHeat(panel) ? shown[i] : shown[i].map(curveOf))) };
}

// The numbers of a heat map around a setting: for each value of the axis up a row along the axis
// across, each entry {cell, value}.
export function heatRows({ controls, points }, panel, number, cell) {
  return controls[panel.up].keys.map((_, j) => controls[panel.across].keys.map((_key, i) => {
    const there = [...cell];
    there[panel.across] = i;
    there[panel.up] = j;
    return { cell: there, value: points[there.join(",")][number + 1] };
  }));
}

// The panels' own curves: those of other settings, which stand behind, are left out.
const ownCurves = (data, cell) => unfold(data, cell).panels
  .map((shown) => (Array.isArray(shown) ? shown.filter(({ role }) => role !== "context") : shown));

// One table a panel.
export function dataTables(data, cell) {
  const shown = ownCurves(data, cell);
  return data.panels.map((panel, i) => (isHeat(panel)
    ? heatTable(data, panel, i, cell) : curveTable(panel, shown[i])));
}

// A row for each x (of a histogram: each bin), a column for each curve, the band in brackets.
function curveTable(panel, curves) {
  const bins = panel.kind === "histograms";
  const place = ({ x }, k) => (bins ? `${text(x[k])} to ${text(x[k + 1])}` : x[k]);
  const columns = curves.map((curve) => new Map(curve.y.map((y, k) => {
    const band = curve.low ? ` (${text(curve.low[k])} to ${text(curve.high[k])})` : "";
    return [place(curve, k), y === null ? "–" : `${text(y)}${band}`];
  })));
  const first = (at) => parseFloat(at);
  const places = [...new Set(columns.flatMap((column) => [...column.keys()]))]
    .sort((a, b) => first(a) - first(b));
  const title = [panel.y, panel.title].filter(Boolean).join(", ");
  return table(panel.band ? `${title} (${panel.band})` : title,
    [panel.x, ...curves.map(({ label }) => label)],
    places.map((at) => [text(at), ...columns.map((column) => column.get(at) ?? "–")]));
}

function heatTable(data, panel, number, cell) {
  const [across, up] = [data.controls[panel.across], data.controls[panel.up]];
  const rows = heatRows(data, panel, number, cell).map((row, j) => [
    up.texts[j], ...row.map(({ value }) => (value === null ? "–" : text(value))),
  ]);
  return table(`${panel.y}; columns: ${across.label}`, [up.label, ...across.texts], rows);
}

function table(caption, head, rows) {
  const made = element("table", {},
    element("caption", {}, caption),
    element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...rows.map(([name, ...cells]) => element("tr", {},
      element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, cell))))));
  return element("div", { class: "wis-scroll", tabindex: "0", role: "group", "aria-label": caption }, made);
}

// Tidy rows: the controls, then panel, curve, role, x (and x_end of a bin), y, low, high. A
// heat map gives one row for each of its cells, under the setting of that cell.
export function csvOfSetting(data, cell) {
  return csv(data, data.panels.flatMap((panel, i) => (isHeat(panel)
    ? heatRows(data, panel, i, cell).flat().map((entry) => heatRow(data, panel, entry))
    : curveRows(data, panel, i, cell))));
}

// The same rows for every setting of the figure.
export function csvOfAll(data) {
  const cells = Object.keys(data.points).map((key) => key.split(",").map(Number));
  return csv(data, cells.flatMap((cell) => data.panels.flatMap((panel, i) => (isHeat(panel)
    ? [heatRow(data, panel, { cell, value: data.points[cell.join(",")][i + 1] })]
    : curveRows(data, panel, i, cell)))));
}

const keysOf = ({ controls }, cell) => controls.map(({ keys }, i) => keys[cell[i]]);

function heatRow(data, panel, { cell, value }) {
  return [...keysOf(data, cell), panel.key, panel.y, "data", null, null, value, null, null];
}

function curveRows(data, panel, number, cell) {
  const bins = panel.kind === "histograms";
  return ownCurves(data, cell)[number].flatMap((curve) => curve.y.map((y, k) => [
    ...keysOf(data, cell), panel.key, curve.label, curve.role,
    curve.x[k], bins ? curve.x[k + 1] : null, y, curve.low?.[k], curve.high?.[k],
  ]));
}

function csv({ controls }, rows) {
  const quoted = (value) => {
    const plain = text(value);
    return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const names = [...controls.map(({ name }) => name),
    "panel", "curve", "role", "x", "x_end", "y", "low", "high"];
  return [names, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}
