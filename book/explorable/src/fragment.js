// The setting in the link: #name?width=64&gain=1, several figures of a page joined by ";".
// The one moved last comes first, and a link opens the page there.

function parts() {
  return window.location.hash.slice(1).split(";").filter(Boolean);
}

// Returns the wanted index of each control (undefined where the link says nothing), or null.
export function readFragment({ id, controls }) {
  const all = parts();
  const place = all.findIndex((part) => part.startsWith(`${id}?`));
  if (place < 0) return null;
  const asked = new URLSearchParams(all[place].slice(id.length + 1));
  const wanted = controls.map(({ name, keys }) => {
    const index = keys.indexOf(asked.get(name));
    return index < 0 ? undefined : index;
  });
  wanted.first = place === 0;
  return wanted;
}

export function writeFragment({ id, controls }, indices) {
  const setting = new URLSearchParams(controls.map((c, i) => [c.name, c.keys[indices[i]]]));
  const others = parts().filter((part) => part.includes("?") && !part.startsWith(`${id}?`));
  const fragment = [`${id}?${setting}`, ...others].join(";");
  window.history.replaceState(window.history.state, "", `#${fragment}`);
}
