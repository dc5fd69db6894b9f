import { element } from "./dom.js";

const text = (value) => (value === null || value === undefined ? "" : String(value));

// One table a panel: a row for each x, a column for each curve, the band in brackets.
export function dataTables(panels, curvesOf) {
  return panels.map((panel, i) => {
    const curves = curvesOf[i];
    const xs = [...new Set(curves.flatMap(({ x }) => x))].sort((a, b) => a - b);
    const cell = ({ x, y, low, high }, at) => {
      const k = x.indexOf(at);
      if (k < 0 || y[k] === null) return "–";
      return low ? `${text(y[k])} (${text(low[k])} to ${text(high[k])})` : text(y[k]);
    };
    const head = [panel.x, ...curves.map(({ label }) => label)]
      .map((name) => element("th", { scope: "col" }, name));
    const rows = xs.map((at) => element("tr", {},
      element("th", { scope: "row" }, text(at)),
      ...curves.map((curve) => element("td", {}, cell(curve, at)))));
    const table = element("table", {},
      element("caption", {}, panel.band ? `${panel.y} (${panel.band})` : panel.y),
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...rows));
    return element("div", { class: "wis-scroll", tabindex: "0", role: "group", "aria-label": panel.y },
      table);
  });
}

// The current setting as tidy rows: the controls, then panel, curve, x, y, low, high.
export function csv(setting, panels, curvesOf) {
  const quoted = (value) => {
    const plain = text(value);
    return /[",\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const names = [...setting.map(([name]) => name), "panel", "curve", "role", "x", "y", "low", "high"];
  const rows = panels.flatMap((panel, i) => curvesOf[i].flatMap((curve) => curve.x.map((x, k) => [
    ...setting.map(([, key]) => key), panel.key, curve.label, curve.role,
    x, curve.y[k], curve.low?.[k], curve.high?.[k],
  ])));
  return [names, ...rows].map((row) => row.map(quoted).join(",")).join("\n") + "\n";
}
