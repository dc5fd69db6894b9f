// The setting in the link: #name?width=64&gain=1, several figures of a page joined by ";".
// The one moved last comes first, and a link opens the page there.

function parts() {
  return window.location.hash.slice(1).split(";").filter(Boolean);
}

// Returns null where the link says nothing about the figure, else {indices, first, note}: the
// index of each control (its start where the link is silent, the nearest value where it asks for
// one that is not there), whether the link opens the page here, and a sentence about what it
// asks for in vain.
export function readFragment({ id, controls }) {
  const all = parts();
  const place = all.findIndex((part) => part.startsWith(`${id}?`));
  if (place < 0) return null;
  const asked = new URLSearchParams(all[place].slice(id.length + 1));
  const vain = [];
  const shown = [];
  for (const [name, value] of asked) {
    if (!controls.some((control) => control.name === name)) vain.push(`${name} ${value}`);
  }
  const indices = controls.map((control) => {
    const value = asked.get(control.name);
    if (value === null) return control.start;
    const exact = control.keys.indexOf(value);
    if (exact >= 0) return exact;
    const index = nearest(control, value);
    vain.push(`${control.name} ${value}`);
    shown.push(`${control.name} ${control.keys[index]}`);
    return index;
  });
  return { indices, first: place === 0, note: sentence(vain, shown) };
}

function nearest({ keys, start }, value) {
  const wanted = value.trim() === "" ? NaN : Number(value);
  const far = keys.map((key) => Math.abs(Number(key) - wanted));
  const best = far.reduce((a, off, i) => (off < far[a] || Number.isNaN(far[a]) ? i : a), 0);
  return Number.isFinite(far[best]) ? best : start;
}

function sentence(vain, shown) {
  if (!vain.length) return "";
  const instead = shown.length ? `; it shows ${shown.join(" and ")} instead` : "";
  return `This link asks for ${vain.join(" and ")}, which this figure does not have${instead}.`;
}

// The address of the page with this figure's setting in it, and the settings of the others.
export function linkTo({ id, controls }, indices) {
  const setting = new URLSearchParams(controls.map((c, i) => [c.name, c.keys[indices[i]]]));
  const others = parts().filter((part) => part.includes("?") && !part.startsWith(`${id}?`));
  return `${window.location.href.split("#")[0]}#${[`${id}?${setting}`, ...others].join(";")}`;
}

// Browsers allow a page some hundred such writes in half a minute: call it when the hand rests.
export function writeFragment(data, indices) {
  window.history.replaceState(window.history.state, "", linkTo(data, indices));
}
