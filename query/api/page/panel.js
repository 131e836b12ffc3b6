// The GPU that is open: what it is, its plot, and all of its newest values, live.

import { advice, ask } from "./api.js";
import { placeOf } from "./heat_map.js";
import { Live } from "./live.js";
import { Plot } from "./plot.js";
import { Steps } from "./steps.js";
import { age, dayAndTime, quantity } from "./words.js";

export const RANGES = { "15m": 15 * 60_000, "1h": 3_600_000, "6h": 6 * 3_600_000, "24h": 24 * 3_600_000 };
const POINTS = 300;
const AGAIN_MS = 60_000; // the steps are asked for anew: entries that came late are in them then

const one = (id) => document.getElementById(id);

export class Panel {
  // `choose` is called with what the address is to say: {metric} or {range}.
  constructor(tip, choose) {
    this.choose = choose;
    this.plot = new Plot(one("plot"), tip);
    this.rows = new Map(); // by metric: the cells of its row
    this.values = new Map(); // by metric: its newest value
    this.apiMs = Date.now() - performance.now(); // the API's clock less ours; better known with its first answer
    this.id = null;
    one("ranges").append(...Object.keys(RANGES).map((range) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = button.dataset.range = range;
      button.addEventListener("click", () => choose({ range }));
      return button;
    }));
    setInterval(() => this.#tellAges(), 1000);
  }

  // Show this GPU, metric and range; a GPU of null closes the panel.
  async show(id, metric, range) {
    if (this.id === id && this.metric === metric && this.range === range) return;
    const isNew = this.id !== id;
    Object.assign(this, { id, metric, range });
    this.asking?.abort();
    clearTimeout(this.again);
    one("panel").hidden = id === null;
    if (isNew) this.#follow(id);
    if (id === null || !metric) return;
    this.asking = new AbortController();
    for (const button of one("ranges").children) {
      button.setAttribute("aria-pressed", String(button.dataset.range === range));
    }
    this.waiting = []; // what comes before the steps do
    this.steps = null;
    this.plot.show(null, "Loading…");
    await this.#ask();
  }

  #follow(id) {
    this.live?.close();
    this.live = null;
    this.rows.clear();
    this.values.clear();
    one("values").replaceChildren();
    one("gpu-facts").textContent = "";
    this.#tell("");
    this.hasProblem = false;
    if (id === null) return;
    one("gpu-title").textContent = id;
    this.#tellState("off", "connecting");
    this.live = new Live(id, {
      entries: (entries) => this.#take(entries),
      state: (state) => this.#tellState(state, state === "on" ? "live" : "reconnecting"),
      gap: (reason) => this.#tell(`Some entries did not come: ${reason}.`),
    });
  }

  async #ask() {
    const { signal } = this.asking;
    const path = `/api/v1/gpus/${encodeURIComponent(this.id)}`;
    try {
      const gpu = await ask(path, {}, signal);
      const startMs = Date.parse(gpu.last_seen) - RANGES[this.range];
      const answer = await ask(
        `${path}/series`,
        { metric_name: this.metric, start_time: new Date(startMs).toISOString(), points: POINTS },
        signal,
      );
      this.#describe(gpu);
      this.steps = new Steps(answer, this.metric);
      for (const entry of this.waiting.splice(0)) if (entry.metric_name === this.metric) this.steps.add(entry);
      this.plot.show(this.steps);
      if (this.hasProblem) this.#tell("");
      this.hasProblem = false;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!this.steps) this.plot.show(null);
      this.#tell(error.status === 404 ? "Nothing is known of this GPU (any more)." : advice(error));
      this.hasProblem = true;
    }
    this.again = setTimeout(() => {
      this.waiting = [];
      this.#ask();
    }, this.steps ? AGAIN_MS : 3000);
  }

  #describe(gpu) {
    const newest = gpu.latest.find((value) => value.metric_name === this.metric);
    one("gpu-title").textContent = placeOf({ ...gpu, gpu_id: gpu.id });
    one("gpu-facts").textContent = [gpu.model_name, gpu.id, gpu.driver_version && `driver ${gpu.driver_version}`,
      `since ${dayAndTime(Date.parse(gpu.first_seen))}`].filter(Boolean).join(" · ");
    one("plot-title").textContent = newest ? newest.description || this.metric : this.metric;
    const clocks = gpu.latest.map((value) => Date.parse(value.observed_at) + 1000 * value.age_seconds);
    if (clocks.length) this.apiMs = Math.min(...clocks) - performance.now();
    for (const value of gpu.latest) this.#put(value.metric_name, value, value.description);
  }

  #take(entries) {
    for (const entry of entries) {
      this.#put(entry.metric_name, entry);
      this.waiting.push(entry);
      if (entry.metric_name === this.metric) this.steps?.add(entry);
    }
    if (this.steps) this.waiting.splice(0, this.waiting.length - 2000); // for the next answer
    this.#drawSoon();
  }

  #drawSoon() {
    if (this.isDrawing || !this.steps) return;
    this.isDrawing = true;
    requestAnimationFrame(() => {
      this.isDrawing = false;
      if (this.steps) this.plot.show(this.steps);
    });
  }

  // A newest value, unless a newer one is known.
  #put(metric, value, description = null) {
    const known = this.values.get(metric);
    if (known && known.observed_at > value.observed_at) return;
    this.values.set(metric, value);
    if (!this.rows.has(metric)) this.#addRow(metric);
    const row = this.rows.get(metric);
    row.value.textContent = quantity(value.value, value.unit);
    if (description) row.name.textContent = description;
    row.line.classList.toggle("chosen", metric === this.metric);
  }

  #addRow(metric) {
    const line = document.createElement("tr");
    const [nameCell, value, old] = [0, 0, 0].map(() => line.insertCell());
    const name = document.createElement("button");
    const code = document.createElement("small");
    name.type = "button";
    name.textContent = code.textContent = metric;
    name.addEventListener("click", () => this.choose({ metric }));
    nameCell.append(name, code);
    this.rows.set(metric, { line, name, value, old });
    const lines = [...this.rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row.line);
    one("values").replaceChildren(...lines);
  }

  #tellAges() {
    const nowMs = performance.now() + this.apiMs;
    for (const [metric, value] of this.values) {
      const row = this.rows.get(metric);
      row.old.textContent = age(Math.max(0, nowMs - Date.parse(value.observed_at)) / 1000);
      row.line.classList.toggle("chosen", metric === this.metric);
    }
  }

  #tellState(state, text) {
    one("live").className = state;
    one("live").textContent = text;
  }

  #tell(text) {
    one("gpu-notice").textContent = text;
    one("gpu-notice").hidden = !text;
  }
}
