import { element } from "./dom.js";

const ROOM = 34; // characters of value labels that fit under one slider

// One slider with its label, its value, and the values it can take.
export function controlRow(id, control, moved) {
  const { name, label, start, keys, texts, shorts } = control;
  const last = keys.length - 1;
  const input = element("input", {
    type: "range", id: `${id}-${name}`, name, min: 0, max: last, step: 1, value: start,
    "data-lm-suppress-shortcuts": "true",
  });
  const value = element("span", { class: "wis-value", "aria-hidden": "true" });
  const crowded = shorts.join("  ").length > ROOM || shorts.length > 9;
  const marks = shorts.map((text, i) => {
    const mark = element("span", { style: `--at:${i / last}` }, crowded && i % last ? "" : text);
    if (i === 0) mark.className = "wis-first";
    if (i === last) mark.className = "wis-last";
    return mark;
  });
  const row = element("div", { class: "wis-control" },
    element("div", { class: "wis-name" }, element("label", { for: input.id }, label), value),
    input,
    element("div", { class: "wis-marks", "aria-hidden": "true" }, ...marks),
  );
  const slider = {
    row,
    control,
    get index() { return Number(input.value); },
    set index(index) {
      input.value = index;
      slider.say();
    },
    get key() { return keys[slider.index]; },
    say() {
      value.textContent = texts[slider.index];
      input.setAttribute("aria-valuetext", texts[slider.index]);
      input.style.setProperty("--at", slider.index / last);
    },
  };
  input.addEventListener("input", () => {
    slider.say();
    moved();
  });
  slider.say();
  return slider;
}
