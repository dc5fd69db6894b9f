// <weights-explorable>: a figure with controls that needs no kernel and no network.
// The data format is explained in companion/display/explorables/page.py.
import { controlRow } from "./controls.js";
import { at, csvOfAll, csvOfSetting, dataTables, heatRows, isHeat, unfold } from "./data.js";
import { element } from "./dom.js";
import { linkTo, readFragment, writeFragment } from "./fragment.js";
import { drawHeat } from "./heat.js";
import { drawPanel, heading } from "./panel.js";

const REST = 200; // ms without a move after which the link and the table follow

class WeightsExplorable extends HTMLElement {
  connectedCallback() {
    if (this.data) return;
    this.data = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
    const { id, title, note, controls, panels } = this.data;
    this.controls = controls.map((control) => controlRow(id, control, () => this.moved()));
    this.panels = panels.map(() => element("div", { class: "wis-panel" }));
    this.caption = element("p", { role: "status", "aria-live": "polite" });
    this.note = element("p", { class: "wis-note", role: "status" });
    const longest = Object.values(this.data.points).map(([caption]) => caption)
      .reduce((a, b) => (b.length > a.length ? b : a));
    this.replaceChildren(
      element("p", { class: "wis-title" }, title),
      element("div", { class: "wis-controls" }, ...this.controls.map(({ row }) => row)),
      element("div", { class: "wis-panels" }, ...this.arranged()),
      element("div", { class: "wis-caption", "data-longest": longest }, this.caption),
      ...(note ? [element("p", { class: "wis-source" }, note)] : []),
      this.note,
      this.foot(),
    );
    if (document.querySelectorAll(`weights-explorable[id="${id}"]`).length > 1) {
      this.say(`Two figures of this page are named ${id}: a link cannot tell them apart.`);
    }
    this.restore();
    window.addEventListener("hashchange", () => this.restore());
    new ResizeObserver(() => this.draw(true)).observe(this);
  }

  // The panels in their order; those of a group together under one heading.
  arranged() {
    const groups = new Map();
    return this.data.panels.flatMap((panel, i) => {
      if (!panel.group) return [this.panels[i]];
      if (groups.has(panel.group)) {
        groups.get(panel.group).append(this.panels[i]);
        return [];
      }
      groups.set(panel.group, element("div", { class: "wis-multiples" }, this.panels[i]));
      return [element("div", { class: "wis-group" }, heading(panel.y, panel.band), groups.get(panel.group))];
    });
  }

  // The data as tables and as files, and the link to what is shown.
  foot() {
    const button = (words, pressed) => {
      const made = element("button", { type: "button", class: "wis-button" }, words);
      made.addEventListener("click", pressed);
      return made;
    };
    this.tables = element("div", { class: "wis-tables" });
    this.details = element("details", { class: "wis-data" },
      element("summary", {}, "Data of this figure"),
      element("div", { class: "wis-files" },
        button("CSV of this setting", () => this.save(csvOfSetting(this.data, this.cell), this.settingName())),
        button("CSV of all settings", () => this.save(csvOfAll(this.data), this.data.id)),
        element("span", {}, "to four significant digits")),
      this.tables);
    this.details.addEventListener("toggle", () => this.settled());
    this.copy = button("Copy link to this setting", () => this.copyLink());
    return element("div", { class: "wis-foot" }, this.details, this.copy);
  }

  // The index of each control's value.
  get cell() { return this.controls.map(({ index }) => index); }

  moved() {
    this.say("");
    this.draw();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      writeFragment(this.data, this.cell);
      this.settled();
    }, REST);
  }

  // Takes the setting that the link asks for, if it asks for one.
  restore() {
    const wanted = readFragment(this.data);
    if (wanted) {
      clearTimeout(this.resting);
      this.choose(wanted.indices);
      this.say(wanted.note);
      if (wanted.first) {
        const cover = this.closest("details"); // who sends a link has guessed already
        if (cover) cover.open = true;
        this.scrollIntoView({ block: "center" });
      }
    }
    this.draw();
    this.settled();
  }

  choose(cell) {
    this.controls.forEach((control, i) => { control.index = cell[i]; });
  }

  say(sentence) {
    if (this.note.textContent !== sentence) this.note.textContent = sentence;
  }

  draw(onlyIfResized = false) {
    const widths = this.panels.map((panel) => Math.floor(panel.clientWidth));
    if (onlyIfResized && widths.join() === this.widths?.join()) return;
    this.widths = widths;
    const { fontFamily } = getComputedStyle(this);
    const { cell } = this;
    const { caption, panels } = unfold(this.data, cell);
    this.data.panels.forEach((panel, i) => {
      if (isHeat(panel)) this.drawHeat(i, fontFamily, cell);
      else drawPanel(this.panels[i], widths[i], fontFamily, at(panel, cell), panels[i]);
    });
    if (this.caption.textContent !== caption) this.caption.textContent = caption;
  }

  drawHeat(number, fontFamily, here) {
    const panel = this.data.panels[number];
    drawHeat(this.panels[number], this.widths[number], fontFamily, panel, {
      across: this.data.controls[panel.across],
      up: this.data.controls[panel.up],
      rows: heatRows(this.data, panel, number, here),
      here,
      chosen: (cell) => {
        this.choose(cell);
        this.moved();
      },
    });
  }

  settled() {
    if (this.details.open) this.tables.replaceChildren(...dataTables(this.data, this.cell));
  }

  settingName() {
    const setting = this.controls.map(({ control, key }) => [control.name, key.replaceAll(" ", "-")]);
    return [this.data.id, ...setting.flat()].join("-");
  }

  save(text, name) {
    const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    element("a", { href, download: `${name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  }

  async copyLink() {
    const link = linkTo(this.data, this.cell);
    try {
      await navigator.clipboard.writeText(link);
      this.say("The link is copied.");
    } catch { // no permission, or a browser that has no clipboard here
      this.say("Copy the link by hand:");
      const field = element("input", { class: "wis-link", readonly: "", value: link, "aria-label": "Link" });
      this.note.append(" ", field);
      field.select();
    }
  }
}

// An element that is defined while its page still arrives would be drawn before its data is here.
const define = () => customElements.define("weights-explorable", WeightsExplorable);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", define);
else define();
