import { areaY, axisX, axisY, dot, gridY, line, plot, pointer, pointerX, ruleY, text, tip } from "@observablehq/plot";
import { asOneImage, element } from "./dom.js";
import { logTicks, plain, spread, wrap } from "./scale.js";

export const SIZE = 13; // CSS px of every text in the drawing, whatever the width
const LEADING = 15;
const TOP = 10;
const BOTTOM = 40;
const TALLEST = 280; // px of the frame of a panel whose units are equal
const APART = 40; // px of such a frame for each tick, about, along both axes
const FEW = 12; // up to so many points are drawn as dots too

const measure = document.createElement("canvas").getContext("2d");

export function textWidth(string, family) {
  measure.font = `${SIZE}px ${family}`;
  return measure.measureText(string).width;
}

export function heading(words, quiet = "") {
  const made = element("p", { class: "wis-heading" }, words);
  if (quiet) made.append(element("span", {}, quiet));
  return made;
}

// Draws one panel into its box: heading, then what its kind asks for. The caller measures the
// width, so that no panel waits for the layout of the one before.
export function drawPanel(box, width, family, panel, unsorted) {
  const curves = [...unsorted].sort((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role));
  const kind = panel.kind === "histograms" ? histograms : lines;
  const margins = kind.margins(panel, curves, family);
  if (width - margins.marginLeft - margins.marginRight < 40) return; // folded away, or not laid out yet
  const { height, ...sides } = frame(panel, width, margins);
  const figure = plot({
    width, height, ...sides, marginTop: TOP, marginBottom: BOTTOM,
    ariaLabel: `${panel.title ? `${panel.title}, ` : ""}${panel.y} against ${panel.x}: `
      + curves.filter(isNamed).map(({ label }) => label).join(", "),
    style: { fontFamily: "inherit", fontSize: `${SIZE}px`, background: "none", overflow: "visible" },
    x: { type: panel.xlog ? "log" : "linear", domain: panel.xlim },
    y: { type: panel.ylog ? "log" : "linear", domain: panel.ylim, axis: null },
    marks: [
      axisX({
        ticks: xTicks(panel, width, sides),
        tickSize: 4, tickFormat: plain, color: "var(--wis-muted)",
        label: panel.x, labelAnchor: "center", labelArrow: "none", labelOffset: 34,
      }),
      ...kind.marks(panel, curves, height),
    ],
  });
  asOneImage(figure);
  box.replaceChildren(panel.group ? heading(panel.title) : heading(panel.y, panel.band), figure);
}

const TIP = {
  fontSize: SIZE, textPadding: 7, fill: "var(--wis-paper)", stroke: "var(--wis-rule)", pathFilter: "none",
};

// The drawing's height and its margins. Where a unit is as long on both axes, the height follows from
// the width; where that would be too much, the right margin gives.
function frame(panel, width, { marginLeft, marginRight }) {
  if (!panel.equal) {
    const height = panel.group
      ? Math.min(220, Math.max(170, width * 0.8))
      : Math.min(280, Math.max(210, width * 0.66));
    return { height: Math.round(height), marginLeft, marginRight };
  }
  const [across, up] = [panel.xlim, panel.ylim].map(([low, high]) => high - low);
  const scale = Math.min((width - marginLeft - marginRight) / across, TALLEST / up);
  const height = TOP + BOTTOM + Math.round(scale * up);
  return { height, marginLeft, marginRight: width - marginLeft - scale * across };
}

// Ticks as Plot takes them: their places, or about how many.
function xTicks(panel, width, { marginLeft, marginRight }) {
  if (panel.xlog) return logTicks(panel.xlim);
  if (panel.equal) return (width - marginLeft - marginRight) / APART;
  return Math.max(3, Math.min(6, Math.floor(width / 70)));
}

function yTicks(panel, height) {
  if (panel.ylog) return logTicks(panel.ylim);
  return panel.equal ? (height - TOP - BOTTOM) / APART : 5;
}

// Bands, lines, and names at the ends of the lines.
const lines = {
  margins(panel, curves, family) {
    const widest = (strings) => Math.max(0, ...strings.map((string) => textWidth(string, family)));
    const ticks = panel.ylog ? logTicks(panel.ylim) : panel.ylim.map((v) => Number(v.toPrecision(2)));
    return {
      marginLeft: 12 + widest(ticks.map(plain)),
      marginRight: 12 + Math.ceil(widest(named(curves).flatMap(({ label }) => wrap(label)))),
    };
  },
  marks(panel, curves, height) {
    const ticks = yTicks(panel, height);
    const rows = (curve) => curve.x.map((x, i) => ({
      x, y: curve.y[i], low: curve.low?.[i], high: curve.high?.[i],
    }));
    return [
      gridY({ ticks, stroke: "var(--wis-rule)", strokeOpacity: 1 }),
      axisY({
        ticks, tickSize: 0, tickPadding: 6, tickFormat: plain, label: null, color: "var(--wis-muted)",
      }),
      ...curves.filter(({ low }) => low).map((curve) => areaY(rows(curve), {
        x: "x", y1: "low", y2: "high", fill: `var(--wis-${curve.colour})`, fillOpacity: 0.17, clip: true,
      })),
      ...curves.map((curve) => line(rows(curve), {
        x: "x", y: "y", clip: true, className: "wis-curve",
        ...LOOKS[curve.role](curve.colour),
        strokeDasharray: curve.dashes || undefined,
      })),
      ...curves.filter(({ role, x }) => role === "data" && x.length <= FEW)
        .map((curve) => dot(rows(curve), { x: "x", y: "y", r: 3, fill: `var(--wis-${curve.colour})` })),
      ...names(panel, curves, height).map((name) => text([name.lines.join("\n")], {
        frameAnchor: "top-right", textAnchor: "start", lineAnchor: "middle", lineHeight: LEADING / SIZE,
        dx: 8, dy: name.place - TOP, fill: name.fill,
      })),
      tip(curves.flatMap((curve) => rows(curve).filter(({ y }) => y !== null)
        .map((row) => ({ ...row, title: said(panel, curve, row) }))), pointer({
        ...TIP, x: "x", y: "y", title: "title", maxRadius: 30,
      })),
    ];
  },
};

// Filled outlines of steps on a common ground line, their names in the upper right corner.
const histograms = {
  margins: () => ({ marginLeft: 8, marginRight: 8 }),
  marks(panel, curves) {
    const steps = (curve) => [
      { x: curve.x[0], y: 0 },
      ...curve.y.map((y, i) => ({ x: curve.x[i], y })),
      { x: curve.x.at(-1), y: 0 },
    ];
    return [
      ruleY([0], { stroke: "var(--wis-rule)" }),
      // What came after lies below: the outline from before stands out on it.
      ...curves.toReversed().flatMap((curve) => {
        const before = curve.role === "reference";
        const paint = before ? "var(--wis-ink)" : `var(--wis-${curve.colour})`;
        const shape = { x: "x", y: "y", curve: "step-after", clip: true };
        return [
          areaY(steps(curve), { ...shape, fill: paint, fillOpacity: before ? 0.08 : 0.4, className: "wis-steps" }),
          line(steps(curve), { ...shape, stroke: paint, strokeWidth: 1.4, className: "wis-curve" }),
        ];
      }),
      ...curves.map((curve, i) => text([curve.label], {
        frameAnchor: "top-right", textAnchor: "end", lineAnchor: "top", dy: 2 + i * (LEADING + 2),
        fill: curve.role === "reference" ? "var(--wis-ink)" : LABEL.data(curve.colour), fontWeight: 600,
      })),
      tip(curves.flatMap((curve) => curve.y.map((y, i) => ({
        x: (curve.x[i] + curve.x[i + 1]) / 2,
        y,
        title: `${curve.label}, ${panel.x} ${plain(curve.x[i])} to ${plain(curve.x[i + 1])}\n${plain(y)}`,
      }))), pointerX({ ...TIP, x: "x", y: "y", title: "title", maxRadius: 30 })),
    ];
  },
};

// A prediction lies on top of what it predicts, thin and dashed, so that both are seen.
const ORDER = ["context", "reference", "data", "theory"];
const LOOKS = {
  context: () => ({ stroke: "var(--wis-muted)", strokeWidth: 1, strokeOpacity: 0.4 }),
  data: (colour) => ({ stroke: `var(--wis-${colour})`, strokeWidth: 2.2 }),
  theory: (colour) => ({ stroke: `var(--wis-${colour})`, strokeWidth: 1.3 }),
  reference: (colour) => ({ stroke: `var(--wis-${colour}-text)`, strokeWidth: 1.6, strokeOpacity: 0.75 }),
};
const isNamed = ({ role }) => role !== "context";
const LABEL = {
  data: (colour) => `var(--wis-${colour}-text)`,
  theory: () => "var(--wis-ink)",
  reference: () => "var(--wis-muted)",
};

// What stands beside the pointer: the curve, where, how much, and its band.
function said(panel, { label }, { x, y, low, high }) {
  const band = low === undefined || low === null ? "" : `\n${plain(low)} to ${plain(high)}`;
  return `${label}, ${panel.x} ${plain(x)}\n${plain(y)}${band}`;
}

// The curves that have a name, and where they end.
function named(curves) {
  return curves.filter(isNamed).flatMap((curve) => {
    const end = curve.y.findLast((value) => value !== null);
    return end === undefined ? [] : [{ ...curve, end }];
  });
}

// Each curve's name, in lines, and the height at which it stands so that no two overlap.
function names(panel, curves, height) {
  const [low, high] = panel.ylog ? panel.ylim.map(Math.log) : panel.ylim;
  const all = named(curves).map(({ label, role, colour, end }) => {
    const share = ((panel.ylog ? Math.log(end) : end) - low) / (high - low);
    const wanted = height - BOTTOM - Math.min(1, Math.max(0, share)) * (height - TOP - BOTTOM);
    return { lines: wrap(label), wanted, fill: LABEL[role](colour) };
  });
  const places = spread(all.map(({ wanted }) => wanted), all.map((name) => name.lines.length * LEADING));
  return all.map((name, i) => ({ ...name, place: places[i] }));
}
