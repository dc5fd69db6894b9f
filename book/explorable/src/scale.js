// Numbers and places: ticks, digits, and labels that keep apart.

// Round ticks for a log axis: powers of ten; steps of 1-2-5 where few powers fit; even steps where
// the axis spans so little that it is all but linear.
export function logTicks([low, high]) {
  const decades = Math.log10(high / low);
  if (decades < 1) return evenTicks(low, high);
  const steps = decades >= 2.5 ? [1] : [1, 2, 5];
  const every = Math.max(1, Math.round(decades / 6));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1) {
    if (power % every === 0) ticks.push(...steps.map((step) => Number(`${step}e${power}`)));
  }
  return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
}

function evenTicks(low, high) {
  const power = Math.floor(Math.log10((high - low) / 3));
  const step = [1, 2, 5, 10].find((each) => (high - low) / Number(`${each}e${power}`) <= 5);
  const unit = Number(`${step}e${power}`);
  const ticks = [];
  for (let k = Math.ceil(low / unit - 1e-9); k * unit <= high * (1 + 1e-9); k += 1) {
    ticks.push(Number((k * unit).toPrecision(12)));
  }
  return ticks;
}

// A number in plain digits where that is short, in powers of ten where it is not.
export function plain(value) {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-4 && size < 1e6)) {
    return String(Number(value.toPrecision(6))).replace("-", "−");
  }
  const [digits, power] = value.toExponential(4).split("e");
  return `${Number(digits)}e${Number(power)}`.replaceAll("-", "−");
}

// A long label in two lines, broken at the space nearest to its middle.
export function wrap(label) {
  const spaces = [...label.matchAll(/ /g)].map(({ index }) => index);
  if (label.length <= 14 || !spaces.length) return [label];
  const off = (index) => Math.abs(index - label.length / 2);
  const middle = spaces.reduce((best, index) => (off(index) < off(best) ? index : best));
  return [label.slice(0, middle), label.slice(middle + 1)];
}

// Middles of boxes of the given sizes, in the wanted order, moved as little as possible (least
// squares) so that none overlap: neighbours that touch form a group, which keeps its mean.
export function spread(wanted, sizes) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const groups = [];
  for (const i of order) {
    let group = { start: wanted[i] - sizes[i] / 2, count: 1, size: sizes[i], members: [i] };
    for (let below = groups.at(-1); below && below.start + below.size > group.start; below = groups.at(-1)) {
      groups.pop();
      const count = below.count + group.count;
      const start = (below.start * below.count + (group.start - below.size) * group.count) / count;
      group = { start, count, size: below.size + group.size, members: [...below.members, ...group.members] };
    }
    groups.push(group);
  }
  const places = [];
  for (const { start, members } of groups) {
    let top = start;
    for (const i of members) {
      places[i] = top + sizes[i] / 2;
      top += sizes[i];
    }
  }
  return places;
}
