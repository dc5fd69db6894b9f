import { areaY, axisX, axisY, dot, gridY, line, plot, pointer, text, tip } from "@observablehq/plot";
import { element } from "./dom.js";
import { logTicks, plain, spread, wrap } from "./scale.js";

const SIZE = 13; // CSS px of every text in the drawing, whatever the width
const LEADING = 15;
const TOP = 10;
const BOTTOM = 40;
const FEW = 12; // up to so many points are drawn as dots too

const measure = document.createElement("canvas").getContext("2d");

function textWidth(string, family) {
  measure.font = `${SIZE}px ${family}`;
  return measure.measureText(string).width;
}

// Draws one panel into its box: heading, then bands, lines, and names at the ends of the lines.
// The caller measures the width, so that no panel waits for the layout of the one before.
export function drawPanel(box, width, family, panel, unsorted) {
  const curves = [...unsorted].sort((a, b) => ORDER.indexOf(a.role) - ORDER.indexOf(b.role));
  const height = Math.round(Math.min(280, Math.max(210, width * 0.66)));
  const fromEnd = names(panel, curves, height);
  const labelWidth = Math.max(0, ...fromEnd.flatMap(({ lines }) => lines)
    .map((string) => textWidth(string, family)));
  const yTicks = panel.ylog ? logTicks(panel.ylim) : undefined;
  const marginLeft = 12 + Math.max(...(yTicks ?? panel.ylim.map((v) => Number(v.toPrecision(2))))
    .map((value) => textWidth(plain(value), family)));
  const marginRight = 12 + Math.ceil(labelWidth);
  if (width - marginLeft - marginRight < 40) return; // folded away, or not laid out yet
  const rows = (curve) => curve.x.map((x, i) => ({
    x, y: curve.y[i], low: curve.low?.[i], high: curve.high?.[i],
  }));
  const bands = curves.filter(({ low }) => low);
  const figure = plot({
    width, height, marginLeft,
    marginTop: TOP, marginBottom: BOTTOM, marginRight,
    ariaLabel: `${panel.y} against ${panel.x}: ${curves.map(({ label }) => label).join(", ")}`,
    style: { fontFamily: "inherit", fontSize: `${SIZE}px`, background: "none", overflow: "visible" },
    x: { type: panel.xlog ? "log" : "linear", domain: panel.xlim },
    y: { type: panel.ylog ? "log" : "linear", domain: panel.ylim },
    marks: [
      gridY({ ticks: yTicks ?? 5, stroke: "var(--wis-rule)", strokeOpacity: 1 }),
      axisY({
        ticks: yTicks ?? 5, tickSize: 0, tickPadding: 6, tickFormat: plain, label: null,
        color: "var(--wis-muted)",
      }),
      axisX({
        ticks: panel.xlog ? logTicks(panel.xlim) : Math.max(3, Math.min(6, Math.floor(width / 70))),
        tickSize: 4, tickFormat: plain, color: "var(--wis-muted)",
        label: panel.x, labelAnchor: "center", labelArrow: "none", labelOffset: 34,
      }),
      ...bands.map((curve) => areaY(rows(curve), {
        x: "x", y1: "low", y2: "high", fill: `var(--wis-${curve.colour})`, fillOpacity: 0.17, clip: true,
      })),
      ...curves.map((curve) => line(rows(curve), {
        x: "x", y: "y", clip: true, className: "wis-curve",
        ...LOOKS[curve.role](curve.colour),
        strokeDasharray: curve.dashes || undefined,
      })),
      ...curves.filter(({ role, x }) => role === "data" && x.length <= FEW)
        .map((curve) => dot(rows(curve), { x: "x", y: "y", r: 3, fill: `var(--wis-${curve.colour})` })),
      ...fromEnd.map(({ lines, fill, place }) => text([lines.join("\n")], {
        frameAnchor: "top-right", textAnchor: "start", lineAnchor: "middle", lineHeight: LEADING / SIZE,
        dx: 8, dy: place - TOP, fill,
      })),
      tip(curves.flatMap((curve) => rows(curve).filter(({ y }) => y !== null)
        .map((row) => ({ ...row, title: said(panel, curve, row) }))), pointer({
        x: "x", y: "y", title: "title", maxRadius: 30, fontSize: SIZE, textPadding: 7,
        fill: "var(--wis-paper)", stroke: "var(--wis-rule)", pathFilter: "none",
      })),
    ],
  });
  figure.setAttribute("role", "img");
  const heading = element("p", { class: "wis-heading" }, panel.y);
  if (panel.band) heading.append(element("span", {}, panel.band));
  box.replaceChildren(heading, figure);
}

// A prediction lies on top of what it predicts, thin and dashed, so that both are seen.
const ORDER = ["reference", "data", "theory"];
const LOOKS = {
  data: (colour) => ({ stroke: `var(--wis-${colour})`, strokeWidth: 2.2 }),
  theory: (colour) => ({ stroke: `var(--wis-${colour})`, strokeWidth: 1.3 }),
  reference: (colour) => ({ stroke: `var(--wis-${colour}-text)`, strokeWidth: 1.6, strokeOpacity: 0.65 }),
};

// What stands beside the pointer: the curve, where, how much, and its band.
function said(panel, { label }, { x, y, low, high }) {
  const band = low === undefined || low === null ? "" : `\n${plain(low)} to ${plain(high)}`;
  return `${label}, ${panel.x} ${plain(x)}\n${plain(y)}${band}`;
}

// Each curve's name, in lines, and the height at which it stands so that no two overlap.
function names(panel, curves, height) {
  const [low, high] = panel.ylog ? panel.ylim.map(Math.log) : panel.ylim;
  const named = curves.flatMap((curve) => {
    const end = curve.y.findLast((value) => value !== null);
    if (end === undefined) return [];
    const share = ((panel.ylog ? Math.log(end) : end) - low) / (high - low);
    const wanted = height - BOTTOM - Math.min(1, Math.max(0, share)) * (height - TOP - BOTTOM);
    const fill = { data: `var(--wis-${curve.colour}-text)`, theory: "var(--wis-ink)" }[curve.role]
      ?? "var(--wis-muted)";
    return [{ lines: wrap(curve.label), wanted, fill }];
  });
  const places = spread(named.map(({ wanted }) => wanted),
    named.map(({ lines }) => lines.length * LEADING));
  return named.map((name, i) => ({ ...name, place: places[i] }));
}
