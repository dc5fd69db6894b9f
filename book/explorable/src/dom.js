// Makes an element with attributes and children; text is never read as HTML.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// A drawing is one image with one name. Plot also names its groups, which have no role for a name.
export function asOneImage(svg) {
  svg.setAttribute("role", "img");
  for (const part of svg.querySelectorAll("g[aria-label]")) part.setAttribute("aria-hidden", "true");
}
