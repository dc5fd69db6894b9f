import { element } from "./dom.js";

const ROOM = 34; // characters of value labels that fit under one slider

// One control: a slider where the values have an order, else a row of radio buttons. Both have
// row (the element), control, key (of the value, for links), and index, which can be set.
export function controlRow(id, control, moved) {
  return control.ordered ? slider(id, control, moved) : choice(id, control, moved);
}

// A slider with its label, its value, and the values it can take.
function slider(id, control, moved) {
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
  const say = () => {
    value.textContent = texts[input.value];
    input.setAttribute("aria-valuetext", texts[input.value]);
    input.style.setProperty("--at", input.value / last);
  };
  input.addEventListener("input", () => {
    say();
    moved();
  });
  say();
  return {
    row,
    control,
    get index() { return Number(input.value); },
    set index(index) {
      input.value = index;
      say();
    },
    get key() { return keys[input.value]; },
  };
}

// Every value a button of its own.
function choice(id, control, moved) {
  const { name, label, start, keys, texts } = control;
  const inputs = texts.map((_, i) => element("input", {
    type: "radio", name: `${id}-${name}`, value: i, "data-lm-suppress-shortcuts": "true",
  }));
  const options = texts.map((text, i) => element("label", {}, inputs[i], element("span", { "data-text": text }, text)));
  const long = texts.join("").length + 6 * texts.length > ROOM;
  const row = element("fieldset", { class: `wis-control wis-choice${long ? " wis-long" : ""}` },
    element("legend", {}, label),
    element("div", { class: "wis-options" }, ...options));
  inputs.forEach((input) => input.addEventListener("change", moved));
  inputs[start].checked = true;
  return {
    row,
    control,
    get index() { return inputs.findIndex(({ checked }) => checked); },
    set index(index) { inputs[index].checked = true; },
    get key() { return keys[this.index]; },
  };
}
