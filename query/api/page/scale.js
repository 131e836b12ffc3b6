// From values to colours: a range with round ends, and the ramp of the theme that is on.

const STEPS = 128;
const LARGEST = 1e300; // what goes beyond is drawn at the edge
const GRAIN = 1e-12; // of a value: closer together than that, numbers are too coarse for a scale
const LEAST_WIDTH = 1e-280;

export class Range {
  constructor(least, greatest) {
    this.least = least;
    this.greatest = greatest;
  }

  // Percentages have one range for all times; others that of the values, with round ends.
  static of(values, unit, before = null) {
    const all = finite(values);
    if (unit === "%") return new Range(0, all.reduce((a, b) => Math.max(a, b), 100));
    if (before) all.push(before.least, before.greatest);
    if (!all.length) return new Range(0, 1);
    let least = all.reduce((a, b) => Math.min(a, b));
    let greatest = all.reduce((a, b) => Math.max(a, b));
    if (least === greatest) [least, greatest] = least ? [Math.min(0, least), Math.max(0, greatest)] : [0, 1];
    const grain = Math.max(LEAST_WIDTH, GRAIN * Math.max(-least, greatest));
    if (greatest - least < grain) [least, greatest] = [least - grain, greatest + grain];
    const step = roundStep((greatest - least) / 4);
    return new Range(Math.floor(least / step) * step, Math.ceil(greatest / step) * step);
  }

  part(value) {
    return Math.min(1, Math.max(0, (value - this.least) / (this.greatest - this.least)));
  }

  equals(other) {
    return other !== null && this.least === other.least && this.greatest === other.greatest;
  }

  // About so many round numbers within the range.
  ticks(count) {
    const step = roundStep((this.greatest - this.least) / count);
    const found = [];
    for (let at = Math.ceil(this.least / step); at * step <= this.greatest + step * 1e-9; at++) {
      found.push(Number((at * step).toPrecision(12)));
    }
    return found;
  }
}

function finite(values) {
  return values.filter((value) => Number.isFinite(value))
    .map((value) => Math.min(LARGEST, Math.max(-LARGEST, value)));
}

export function roundStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  const times = step / power;
  return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 2.5 ? 2.5 : times <= 5 ? 5 : 10);
}

// The colours of the theme, from `--ramp-0` for the least to `--ramp-5` for the greatest.
export class Ramp {
  constructor() {
    const style = getComputedStyle(document.documentElement);
    const stops = [0, 1, 2, 3, 4, 5].map((at) => channels(style.getPropertyValue(`--ramp-${at}`).trim()));
    this.colours = Array.from({ length: STEPS }, (_, at) => {
      const place = (at / (STEPS - 1)) * (stops.length - 1);
      const below = Math.min(stops.length - 2, Math.floor(place));
      const mixed = stops[below].map((one, c) => Math.round(one + (stops[below + 1][c] - one) * (place - below)));
      return `rgb(${mixed.join(" ")})`;
    });
  }

  colour(part) {
    return this.colours[Math.round(part * (STEPS - 1))];
  }

  paint(canvas) {
    const pen = canvas.getContext("2d");
    for (let x = 0; x < canvas.width; x++) {
      pen.fillStyle = this.colour(x / (canvas.width - 1));
      pen.fillRect(x, 0, 1, canvas.height);
    }
  }
}

function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}
