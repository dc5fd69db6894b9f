import { axisX, axisY, cell, plot, scale, text } from "@observablehq/plot";
import { asOneImage, element } from "./dom.js";
import { heading, SIZE, textWidth } from "./panel.js";

const ROW = 44; // CSS px: a cell is as high as a finger needs
const FINE = 26; // of a map with more rows than MANY, where the sliders are the finger's way
const MANY = 12;
const TOP = 30;
const BOTTOM = 42;
const STOPS = 12; // of the legend's gradient
const FRAME = { inset: 2.5, fill: "none", pointerEvents: "none" };

// Draws a heat map into its box: heading, cells with their numbers, the present cell framed, and
// the colour scale. rows: as from heatRows. A press on a cell calls chosen(cell of the setting).
export function drawHeat(box, width, family, panel, { across, up, rows, here, chosen }) {
  const [low, high] = panel.lim;
  const colour = scale({ color: { type: "linear", scheme: "viridis", domain: panel.lim, clamp: true } });
  const entries = rows.flat().map((entry) => {
    const missing = entry.value === null;
    const fill = missing ? "var(--wis-rule)" : colour.apply(entry.value);
    return {
      ...entry,
      x: entry.cell[panel.across],
      y: entry.cell[panel.up],
      fill,
      ink: missing ? "var(--wis-ink)" : inkOn(fill),
      label: missing ? "–" : entry.value.toFixed(panel.digits).replace("-", "−"),
    };
  });
  const height = TOP + BOTTOM + (up.keys.length > MANY ? FINE : ROW) * up.keys.length;
  const marginLeft = 10 + Math.ceil(Math.max(...up.shorts.map((each) => textWidth(each, family))));
  const side = (width - marginLeft) / across.keys.length;
  if (side < 8) return; // folded away, or not laid out yet
  const name = Math.max(...across.shorts.map((each) => textWidth(each, family)));
  const every = Math.ceil((name + 6) / side); // names of columns that would overlap are left out
  const widest = Math.max(...entries.map(({ label }) => textWidth(label, family)));
  const present = entries.filter((entry) => String(entry.cell) === String(here));
  const quiet = { color: "var(--wis-muted)", tickSize: 0 };
  const figure = plot({
    width, height, marginLeft, marginTop: TOP, marginBottom: BOTTOM, marginRight: 2,
    ariaLabel: `${panel.y}: a map of ${across.label} and ${up.label}`,
    style: { fontFamily: "inherit", fontSize: `${SIZE}px`, background: "none", overflow: "visible" },
    x: { type: "band", domain: across.keys.map((_, i) => i), padding: 0 },
    y: { type: "band", domain: up.keys.map((_, j) => j), reverse: true, padding: 0 },
    marks: [
      axisX({
        ...quiet, tickFormat: (i) => (i % every ? "" : across.shorts[i]), tickPadding: 6,
        label: [across.label, across.unit].filter(Boolean).join(", "),
        labelAnchor: "center", labelArrow: "none", labelOffset: 36,
      }),
      axisY({
        ...quiet, tickFormat: (j) => up.shorts[j], tickPadding: 6,
        label: `↑ ${up.label}`, labelAnchor: "top", labelArrow: "none", labelOffset: marginLeft - 2,
      }),
      cell(entries, { x: "x", y: "y", inset: 1, rx: 2, fill: { value: "fill", scale: null }, className: "wis-cells" }),
      ...(widest < side - 2 ? [text(entries, {
        x: "x", y: "y", text: "label", fill: { value: "ink", scale: null }, pointerEvents: "none",
      })] : []),
      cell(present, { ...FRAME, x: "x", y: "y", rx: 3, stroke: "var(--wis-ink)", strokeWidth: 6, className: "wis-here" }),
      cell(present, { ...FRAME, x: "x", y: "y", rx: 3, stroke: "var(--wis-paper)", strokeWidth: 2 }),
    ],
  });
  asOneImage(figure);
  figure.querySelectorAll(".wis-cells rect").forEach((rect, i) => {
    rect.addEventListener("click", () => chosen(entries[i].cell));
  });
  const stops = Array.from({ length: STOPS }, (_, i) => colour.apply(low + (i / (STOPS - 1)) * (high - low)));
  const end = (value) => element("span", {}, value.toFixed(panel.digits).replace("-", "−"));
  box.replaceChildren(
    heading(panel.y),
    figure,
    element("div", { class: "wis-ramp", "aria-hidden": "true" }, end(low),
      element("i", { style: `background:linear-gradient(to right,${stops.join()})` }), end(high)),
  );
}

// Black or white, whichever reads on the colour #rrggbb (WCAG 2 relative luminance).
function inkOn(code) {
  const linear = [1, 3, 5].map((i) => parseInt(code.slice(i, i + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000" : "#fff";
}
