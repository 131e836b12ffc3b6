// The page: what is chosen is in the address, what is shown follows from it.

import { advice, ask } from "./api.js";
import { HeatMap } from "./heat_map.js";
import { Panel, RANGES } from "./panel.js";
import { Ramp, Range } from "./scale.js";
import { age, number, quantity } from "./words.js";

const VALUES_MS = 2000;
const SUMMARY_MS = 10_000;
const AGAIN_MS = 2000; // after a problem
const FIRST_RANGE = "15m";
const FIRST_METRIC = "DCGM_FI_DEV_GPU_UTIL";

const one = (id) => document.getElementById(id);
const chosen = { metric: "", gpu: null, range: FIRST_RANGE };
const tip = one("tip");
const map = new HeatMap(one("map"), tip, (id) => choose({ gpu: id === chosen.gpu ? null : id }));
const panel = new Panel(tip, choose);
let ramp = new Ramp();
let range = null; // of the metric that is shown
let shownMetric = "";
let known = null; // the names of the metrics; null: not heard of yet
let items = [];
let staleAfter = Infinity;
let problems = new Map(); // by question: what is wrong with it

// --- what is chosen ------------------------------------------------------------------------------

function choose(changed) {
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...chosen, ...changed })) if (value) next.set(name, value);
  location.hash = next.toString();
}

function follow() {
  const said = new URLSearchParams(location.hash.slice(1));
  const metric = said.get("metric");
  if (metric && (known?.has(metric) ?? true)) chosen.metric = metric;
  chosen.gpu = said.get("gpu") || null;
  chosen.range = Object.hasOwn(RANGES, said.get("range")) ? said.get("range") : FIRST_RANGE;
  if (one("metric").value !== chosen.metric) one("metric").value = chosen.metric;
  map.mark(chosen.gpu);
  panel.show(chosen.gpu, chosen.metric, chosen.range);
  if (chosen.metric !== shownMetric) values.now();
}

// --- what is asked -------------------------------------------------------------------------------

// Asks again and again, one after another, and not while nobody looks.
function repeat(name, everyMs, question) {
  let timer = 0;
  let asking = null;
  async function now() {
    clearTimeout(timer);
    asking?.abort();
    const mine = (asking = new AbortController());
    try {
      await question(mine.signal);
      problems.delete(name);
    } catch (error) {
      if (error.name === "AbortError") return;
      problems.set(name, advice(error));
    }
    tellProblems();
    const waitMs = problems.has(name) ? Math.min(everyMs, AGAIN_MS) : everyMs;
    if (mine === asking && !document.hidden) timer = setTimeout(now, waitMs);
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : now()));
  return { now };
}

const metrics = repeat("metrics", SUMMARY_MS, async (signal) => {
  const answer = await ask("/api/v1/metrics", {}, signal);
  fillMetrics(answer.items);
});

const values = repeat("values", VALUES_MS, async (signal) => {
  const metric = chosen.metric;
  if (!metric) return;
  const answer = await ask("/api/v1/fleet/latest", { metric_name: metric }, signal);
  items = answer.items;
  if (metric !== shownMetric) range = null;
  shownMetric = metric;
  draw();
});

const summary = repeat("summary", SUMMARY_MS, async (signal) => {
  const answer = await ask("/api/v1/fleet/summary", {}, signal);
  staleAfter = answer.stale_after_seconds;
  if (range) draw();
  fillSummary(answer);
});

// --- what is shown -------------------------------------------------------------------------------

function draw() {
  one("loading").hidden = true;
  const unit = items.find((item) => item.unit)?.unit ?? "";
  const wanted = Range.of(items.map((item) => item.value).filter((value) => value !== null), unit, range);
  if (!wanted.equals(range)) {
    range = wanted;
    one("ticks").replaceChildren(...[0, 0.5, 1].map((part) => {
      const tick = document.createElement("span");
      tick.textContent = quantity(range.least + (range.greatest - range.least) * part, unit);
      return tick;
    }));
  }
  one("legend").hidden = !items.length;
  map.update(items, { range, ramp, staleAfter });
  map.mark(chosen.gpu);
  const youngest = items.reduce((least, item) => Math.min(least, item.age_seconds), Infinity);
  one("freshness").textContent = items.length
    ? `${shownMetric} · newest value ${age(youngest)} old` : "";
}

function fillMetrics(found) {
  const select = one("metric");
  if (found.length) known = new Set(found.map((metric) => metric.name));
  if (found.length && !found.some((metric) => metric.name === chosen.metric)) {
    const usual = found.find((metric) => metric.name === FIRST_METRIC);
    chosen.metric = (usual ?? found.reduce((a, b) => (b.gpus > a.gpus ? b : a))).name;
  }
  const names = found.map((metric) => metric.name).join();
  if (found.length && select.dataset.names !== names) {
    select.dataset.names = names;
    select.replaceChildren(...["gauge", "counter"].map((kind) => {
      const group = document.createElement("optgroup");
      group.label = kind === "gauge" ? "Gauges" : "Counters";
      group.append(...found.filter((metric) => metric.kind === kind).map((metric) => {
        const said = metric.description || metric.name;
        const option = new Option(metric.unit ? `${said} (${metric.unit})` : said, metric.name);
        option.title = metric.name;
        return option;
      }));
      return group;
    }).filter((group) => group.children.length));
  }
  select.disabled = !found.length;
  select.value = chosen.metric;
  if (!found.length) throw new Error("No GPU has reported yet. This page tries again by itself.");
  if (chosen.metric !== shownMetric) follow();
}

function fillSummary(answer) {
  const { power, utilisation } = answer;
  const facts = [
    ["GPUs", number(answer.gpus)],
    ["hosts", number(answer.hosts)],
    ["power", power ? watts(power) : "–"],
    ["utilisation", utilisation ? quantity(Math.round(utilisation.avg), utilisation.unit) : "–"],
    ["allocated", number(answer.allocated_gpus)],
    ["idle though allocated", number(answer.idle_allocated_gpus), answer.idle_allocated_gpus > 0],
    ["stale", number(answer.stale_gpus), answer.stale_gpus > 0],
  ];
  one("summary").replaceChildren(...facts.map(([name, value, isWarning]) => {
    const fact = document.createElement("div");
    const [term, said] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, said.textContent] = [name, value];
    fact.classList.toggle("warn", Boolean(isWarning));
    fact.append(term, said);
    return fact;
  }));
}

function watts(power) {
  const isMany = power.unit === "W" && power.total >= 10_000;
  return isMany ? `${number(Number((power.total / 1000).toPrecision(4)))} kW` : quantity(power.total, power.unit);
}

function tellProblems() {
  const texts = [...new Set(problems.values())];
  one("notice").textContent = texts.join(" ");
  one("notice").hidden = !texts.length;
  if (texts.length) one("loading").hidden = true;
  if (problems.has("values")) one("freshness").textContent = ""; // nobody knows how old they are by now
}

// --- what people do ------------------------------------------------------------------------------

one("metric").addEventListener("change", (event) => choose({ metric: event.target.value }));
one("close").addEventListener("click", closePanel);
addEventListener("keydown", (event) => event.key === "Escape" && chosen.gpu && closePanel());
addEventListener("hashchange", follow);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  ramp = new Ramp();
  ramp.paint(one("ramp"));
  if (range) draw();
});

function closePanel() {
  const id = chosen.gpu;
  choose({ gpu: null });
  map.focus(id);
}

ramp.paint(one("ramp"));
follow();
summary.now();
metrics.now();
