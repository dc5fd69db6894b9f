// <weights-explorable>: a figure with controls that needs no kernel and no network.
// The data format is explained in companion/display/page.py.
import { controlRow } from "./controls.js";
import { csv, dataTables } from "./data.js";
import { element } from "./dom.js";
import { readFragment, writeFragment } from "./fragment.js";
import { drawPanel } from "./panel.js";

class WeightsExplorable extends HTMLElement {
  connectedCallback() {
    if (this.data) return;
    this.data = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
    const { id, title, controls, panels } = this.data;
    this.sliders = controls.map((control) => controlRow(id, control, () => this.moved()));
    this.panels = panels.map(() => element("div", { class: "wis-panel" }));
    this.caption = element("p", { role: "status", "aria-live": "polite" });
    const longest = Object.values(this.data.points).map(([caption]) => caption)
      .reduce((a, b) => (b.length > a.length ? b : a));
    this.tables = element("div", { class: "wis-tables" });
    this.download = element("a", { class: "wis-download" }, "Download as CSV");
    this.details = element("details", { class: "wis-data" },
      element("summary", {}, "Data of this figure"), this.download, this.tables);
    this.details.addEventListener("toggle", () => this.showData());
    this.replaceChildren(
      element("p", { class: "wis-title" }, title),
      element("div", { class: "wis-controls" }, ...this.sliders.map((slider) => slider.row)),
      element("div", { class: "wis-panels" }, ...this.panels),
      element("div", { class: "wis-caption", "data-longest": longest }, this.caption),
      this.details,
    );
    this.restore();
    window.addEventListener("hashchange", () => this.restore());
    new ResizeObserver(() => this.draw(true)).observe(this);
  }

  // Each panel's curves at the current setting, as {label, role, colour, dashes, x, y, low, high}.
  current() {
    const { arrays, styles, curves, points } = this.data;
    const [caption, ...panels] = points[this.sliders.map((slider) => slider.index).join(",")];
    const unfold = (number) => {
      const [style, ...parts] = curves[number];
      const [label, role, colour, dashes] = styles[style];
      const [x, y, low, high] = parts.map((part) => arrays[part]);
      return { label, role, colour, dashes, x, y, low, high };
    };
    return { caption, panels: panels.map((numbers) => numbers.map(unfold)) };
  }

  moved() {
    this.draw();
    writeFragment(this.data, this.sliders.map((slider) => slider.index));
  }

  // Takes the setting that the link asks for, if it asks for one.
  restore() {
    const wanted = readFragment(this.data);
    if (wanted) this.sliders.forEach((slider, i) => { slider.index = wanted[i] ?? slider.index; });
    if (wanted?.first) this.scrollIntoView({ block: "center" });
    this.draw();
  }

  draw(onlyIfResized = false) {
    const widths = this.panels.map((panel) => Math.floor(panel.clientWidth));
    if (onlyIfResized && widths.join() === this.widths?.join()) return;
    this.widths = widths;
    const { fontFamily } = getComputedStyle(this);
    const { caption, panels } = this.current();
    this.panels.forEach((panel, i) => {
      drawPanel(panel, widths[i], fontFamily, this.data.panels[i], panels[i]);
    });
    if (this.caption.textContent !== caption) this.caption.textContent = caption;
    this.showData();
  }

  showData() {
    if (!this.details.open) return;
    const setting = this.sliders.map((slider) => [slider.control.name, slider.key]);
    const { panels } = this.current();
    this.tables.replaceChildren(...dataTables(this.data.panels, panels));
    URL.revokeObjectURL(this.download.href);
    const text = csv(setting, this.data.panels, panels);
    this.download.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    this.download.download = `${[this.data.id, ...setting.flat()].join("-")}.csv`;
  }
}

customElements.define("weights-explorable", WeightsExplorable);
