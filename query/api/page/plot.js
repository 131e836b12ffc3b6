// One metric of one GPU over time: the mean of each step as a line, least to greatest as a band around it.

import { Range } from "./scale.js";
import { dayAndTime, number, quantity, timeOfDay } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGE = { top: 8, right: 12, bottom: 22, left: 52 };
const TIME_STEPS_MS = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200].map((s) => s * 1000);

export class Plot {
  constructor(root, tip) {
    this.root = root;
    this.tip = tip;
    this.steps = null;
    this.message = "";
    new ResizeObserver(() => this.draw()).observe(root);
    root.addEventListener("pointermove", (event) => this.#point(event));
    root.addEventListener("pointerleave", () => this.#unpoint());
  }

  // Draw these steps; without any, the message.
  show(steps, message = "") {
    this.steps = steps;
    this.message = message;
    this.draw();
  }

  draw() {
    const { width, height } = this.root.getBoundingClientRect();
    if (!width) return;
    const svg = made("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    const runs = this.steps?.runs() ?? [];
    if (runs.length) {
      this.#lay(runs, width, height);
      svg.setAttribute("aria-label", this.#inWords(runs));
      svg.append(...this.#axes(width, height), ...this.#curves(runs));
      this.cross = made("line", { class: "cross", y1: EDGE.top, y2: height - EDGE.bottom, visibility: "hidden" });
      svg.append(this.cross);
    } else {
      this.cross = null;
      const text = this.steps ? "No values in this time." : this.message;
      svg.append(made("text", { class: "empty", x: width / 2, y: height / 2 }, text));
    }
    this.root.replaceChildren(svg);
  }

  #lay(runs, width, height) {
    const points = runs.flat();
    this.range = Range.of(points.flatMap((one) => [one.min, one.max]), this.steps.unit);
    const firstMs = this.steps.endMs - this.steps.spanMs;
    const wide = width - EDGE.left - EDGE.right;
    const high = height - EDGE.top - EDGE.bottom;
    this.firstMs = firstMs;
    this.x = (ms) => EDGE.left + (Math.min(1, Math.max(0, (ms - firstMs) / this.steps.spanMs))) * wide;
    this.y = (value) => EDGE.top + (1 - this.range.part(value)) * high;
    this.points = points;
  }

  #axes(width, height) {
    const drawn = [];
    for (const value of this.range.ticks(4)) {
      const y = this.y(value);
      drawn.push(made("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y, y2: y }));
      drawn.push(made("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, number(value)));
    }
    const stepMs = TIME_STEPS_MS.find((one) => this.steps.spanMs / one <= (width - 80) / 90) ?? 86_400_000;
    const zoneMs = new Date(this.firstMs).getTimezoneOffset() * 60_000;
    let ms = Math.ceil((this.firstMs - zoneMs) / stepMs) * stepMs + zoneMs;
    for (; ms <= this.steps.endMs; ms += stepMs) {
      const text = stepMs < 60_000 ? timeOfDay(ms) : timeOfDay(ms).slice(0, 5);
      const x = this.x(ms);
      if (x < EDGE.left + 14 || x > width - 24) continue;
      drawn.push(made("text", { x, y: height - 6, "text-anchor": "middle" }, text));
    }
    return drawn;
  }

  #curves(runs) {
    const drawn = [];
    const at = (point, value) => `${this.x(point.ms).toFixed(1)} ${this.y(value).toFixed(1)}`;
    for (const run of runs) {
      const upper = run.map((point) => at(point, point.max));
      const lower = run.map((point) => at(point, point.min)).reverse();
      if (run.length > 1) {
        drawn.push(made("path", { class: "band", d: `M${[...upper, ...lower].join("L")}Z` }));
        drawn.push(made("path", { class: "mean", d: `M${run.map((point) => at(point, point.avg)).join("L")}` }));
      } else {
        drawn.push(made("circle", { class: "dot", cx: this.x(run[0].ms), cy: this.y(run[0].avg), r: 2 }));
      }
    }
    const last = runs.at(-1).at(-1);
    drawn.push(made("circle", { class: "dot", cx: this.x(last.ms), cy: this.y(last.avg), r: 3.5 }));
    return drawn;
  }

  #inWords(runs) {
    const points = runs.flat();
    const least = points.reduce((a, point) => Math.min(a, point.min), Infinity);
    const greatest = points.reduce((a, point) => Math.max(a, point.max), -Infinity);
    const { unit, endMs, spanMs } = this.steps;
    return `From ${dayAndTime(endMs - spanMs)} to ${dayAndTime(endMs)}: ${quantity(least, unit)} ` +
      `to ${quantity(greatest, unit)}, newest ${quantity(points.at(-1).last, unit)}`;
  }

  #point(event) {
    if (!this.steps || !this.cross) return;
    const box = this.root.getBoundingClientRect();
    const near = this.points.reduce((best, point) =>
      Math.abs(this.x(point.ms) - (event.clientX - box.left)) < Math.abs(this.x(best.ms) - (event.clientX - box.left))
        ? point : best);
    const x = this.x(near.ms);
    this.cross.setAttribute("x1", x);
    this.cross.setAttribute("x2", x);
    this.cross.setAttribute("visibility", "visible");
    const { unit } = this.steps;
    const spread = near.min === near.max ? "" : `${quantity(near.min, unit)} to ${quantity(near.max, unit)}`;
    const blanks = near.blanks ? `${near.blanks} blank` : "";
    const texts = [quantity(near.avg, unit), dayAndTime(near.ms), spread, blanks].filter(Boolean);
    this.tip.replaceChildren(...texts.map((text, place) => {
      const line = document.createElement(place ? "span" : "strong");
      line.textContent = text;
      return line;
    }));
    this.tip.hidden = false;
    const own = this.tip.getBoundingClientRect();
    const left = box.left + x + 12;
    this.tip.style.left = `${left + own.width > innerWidth - 8 ? box.left + x - own.width - 12 : left}px`;
    this.tip.style.top = `${box.top + 12}px`;
  }

  #unpoint() {
    this.cross?.setAttribute("visibility", "hidden");
    this.tip.hidden = true;
  }
}

function made(name, attributes, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}
