// The fleet: a cell for each GPU, by host, in the colour of its newest value.

import { age, quantity } from "./words.js";

const natural = new Intl.Collator("en", { numeric: true });
const MANY = 600; // GPUs from which cells are small

export class HeatMap {
  // `open` is called with the id of a GPU that is chosen.
  constructor(root, tip, open) {
    this.root = root;
    this.tip = tip;
    this.cells = new Map(); // by GPU: its button
    this.found = new Map(); // by GPU: what was last heard of it
    this.order = [];
    this.shown = null; // the GPU that the tip is about
    this.openId = null;
    root.addEventListener("click", (event) => this.#of(event, open));
    root.addEventListener("keydown", (event) => this.#move(event));
    for (const type of ["pointerover", "focusin"]) {
      root.addEventListener(type, (event) => this.#of(event, (id) => this.#showTip(id)));
    }
    for (const type of ["pointerleave", "focusout"]) {
      root.addEventListener(type, () => this.#hideTip());
    }
  }

  // Take in the newest values; GPUs of which nothing is said stay, as not reported.
  update(items, { range, ramp, staleAfter }) {
    const reported = new Map(items.map((item) => [item.gpu_id, item]));
    const isChanged = items.some((item) => this.found.get(item.gpu_id)?.hostname !== item.hostname);
    for (const [id, before] of this.found) {
      if (!reported.has(id)) this.found.set(id, { ...before, isMissing: true });
    }
    for (const item of items) this.found.set(item.gpu_id, item);
    if (isChanged) this.#build();
    this.staleAfter = staleAfter;
    for (const [id, item] of this.found) this.#paint(this.cells.get(id), item, range, ramp);
    if (this.shown) this.#fillTip();
  }

  mark(id) {
    this.cells.get(this.openId)?.classList.remove("open");
    this.cells.get(id)?.classList.add("open");
    this.openId = id;
  }

  focus(id) {
    this.cells.get(id)?.focus();
  }

  #paint(cell, item, range, ramp) {
    const isBlank = !item.isMissing && item.value === null;
    const isStale = !item.isMissing && item.age_seconds > this.staleAfter;
    const kind = item.isMissing ? "none" : isBlank ? "blank" : "";
    const look = `cell ${kind}${isStale ? " stale" : ""}${item.gpu_id === this.openId ? " open" : ""}`;
    if (cell.className !== look) cell.className = look;
    const colour = kind ? "" : ramp.colour(range.part(item.value));
    if (cell.colour !== colour) {
      cell.style.backgroundColor = colour;
      cell.colour = colour;
    }
  }

  #build() {
    const focused = document.activeElement?.dataset?.gpu;
    const byHost = grouped(this.found.values());
    const hosts = [...byHost.keys()].sort(natural.compare);
    this.cells.clear();
    const made = document.createDocumentFragment();
    for (const host of hosts) made.append(this.#host(host, byHost.get(host)));
    this.root.replaceChildren(made);
    this.root.classList.toggle("small", this.found.size > MANY);
    this.order = [...this.cells.values()];
    (this.cells.get(focused) ?? this.order[0]).tabIndex = 0;
    if (focused) this.focus(focused);
  }

  #host(name, items) {
    const block = document.createElement("section");
    block.className = "host";
    const title = document.createElement("h4");
    title.textContent = title.title = name;
    const cells = document.createElement("div");
    cells.className = "cells";
    items.sort((a, b) => (a.gpu_index ?? 0) - (b.gpu_index ?? 0) || natural.compare(a.gpu_id, b.gpu_id));
    for (const item of items) {
      const cell = document.createElement("button");
      cell.type = "button";
      cell.tabIndex = -1;
      cell.dataset.gpu = item.gpu_id;
      cell.setAttribute("aria-label", placeOf(item));
      this.cells.set(item.gpu_id, cell);
      cells.append(cell);
    }
    block.append(title, cells);
    return block;
  }

  #of(event, then) {
    const id = event.target.closest?.("button.cell")?.dataset.gpu;
    if (id) then(id);
  }

  // Arrows go from cell to cell, whatever host they are of: one stop of the Tab key for all of them.
  #move(event) {
    const at = this.order.indexOf(event.target);
    if (at < 0) return;
    const last = this.order.length - 1;
    const next = {
      ArrowRight: () => this.order[Math.min(last, at + 1)],
      ArrowLeft: () => this.order[Math.max(0, at - 1)],
      ArrowDown: () => this.#beside(event.target, 1),
      ArrowUp: () => this.#beside(event.target, -1),
      Home: () => this.order[0],
      End: () => this.order[last],
    }[event.key]?.();
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  // The nearest cell of the next row in that direction.
  #beside(cell, direction) {
    const from = cell.getBoundingClientRect();
    let best = cell;
    let least = Infinity;
    for (const other of this.order) {
      const to = other.getBoundingClientRect();
      const down = (to.top - from.top) * direction;
      if (down <= 1) continue;
      const distance = down * 1e4 + Math.abs(to.left - from.left);
      if (distance < least) [best, least] = [other, distance];
    }
    return best;
  }

  #showTip(id) {
    this.shown = id;
    this.#fillTip();
    this.tip.hidden = false;
    const cell = this.cells.get(id).getBoundingClientRect();
    const own = this.tip.getBoundingClientRect();
    const left = Math.min(cell.left, innerWidth - own.width - 8);
    const below = cell.bottom + 8 + own.height <= innerHeight;
    this.tip.style.left = `${Math.max(8, left)}px`;
    this.tip.style.top = `${below ? cell.bottom + 8 : cell.top - own.height - 8}px`;
  }

  #hideTip() {
    this.shown = null;
    this.tip.hidden = true;
  }

  #fillTip() {
    const item = this.found.get(this.shown);
    const isStale = item.age_seconds > this.staleAfter;
    const lines = [["strong", item.isMissing ? "not reported" : quantity(item.value, item.unit)]];
    lines.push(["span", placeOf(item)]);
    if (!item.isMissing) lines.push(["span", `${age(item.age_seconds)} old${isStale ? ": stale" : ""}`, isStale]);
    if (item.pod) lines.push(["span", [item.namespace, item.pod].filter(Boolean).join(" / ")]);
    this.tip.replaceChildren(
      ...lines.map(([name, text, isWarning]) => {
        const line = document.createElement(name);
        line.textContent = text;
        line.classList.toggle("warn", Boolean(isWarning));
        return line;
      }),
    );
    this.cells.get(this.shown).setAttribute("aria-label", lines.map(([, text]) => text).join(", "));
  }
}

export function placeOf(item) {
  return item.gpu_index === null ? `${item.hostname}, ${item.gpu_id}` : `${item.hostname}, GPU ${item.gpu_index}`;
}

function grouped(items) {
  const found = new Map();
  for (const item of items) {
    if (!found.has(item.hostname)) found.set(item.hostname, []);
    found.get(item.hostname).push(item);
  }
  return found;
}
