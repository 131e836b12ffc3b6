// A metric's steps as the API gives them, and live values folded into them.

export class Steps {
  // `answer` is that of /series; `metric` is the one that is shown.
  constructor(answer, metric) {
    const found = answer.series.find((one) => one.metric_name === metric);
    this.unit = found?.unit ?? "";
    this.startMs = Date.parse(answer.start_time);
    this.endMs = Date.parse(answer.end_time);
    this.spanMs = this.endMs - this.startMs;
    this.stepMs = answer.step_seconds * 1000;
    this.nextOffsets = answer.as_of.next_offsets;
    this.points = (found?.points ?? []).map((one) => ({ ...one, ms: Date.parse(one.time) }));
  }

  // Take in an entry, unless the answer has it already. Its place in the log tells.
  add(entry) {
    const { partition, offset } = entry.position;
    if (offset < (this.nextOffsets[partition] ?? 0)) return;
    const observedMs = Date.parse(entry.observed_at);
    const ms = this.startMs + Math.floor((observedMs - this.startMs) / this.stepMs) * this.stepMs;
    const last = this.points.at(-1);
    if (last && ms < last.ms) return; // late: the next answer has it
    const step = last?.ms === ms ? last : { ms, min: null, max: null, avg: null, last: null, count: 0, blanks: 0 };
    if (step !== last) this.points.push(step);
    if (entry.value === null) {
      step.blanks += 1;
    } else {
      step.min = step.count ? Math.min(step.min, entry.value) : entry.value;
      step.max = step.count ? Math.max(step.max, entry.value) : entry.value;
      step.avg = ((step.avg ?? 0) * step.count + entry.value) / (step.count + 1);
      step.last = entry.value;
      step.count += 1;
    }
    this.endMs = Math.max(this.endMs, observedMs);
    const firstMs = this.endMs - this.spanMs - this.stepMs;
    while (this.points.length && this.points[0].ms < firstMs) this.points.shift();
  }

  // Runs of steps with values, without a hole between them: gaps stay gaps.
  runs() {
    const holeMs = Math.max(1.5 * this.stepMs, 3.5 * this.#usualMs());
    const runs = [];
    let run = null;
    for (const point of this.points) {
      if (!point.count) {
        run = null;
      } else if (run && point.ms - run.at(-1).ms <= holeMs) {
        run.push(point);
      } else {
        run = [point];
        runs.push(run);
      }
    }
    return runs;
  }

  // The median distance of two points: sources that report less often than every step have no holes.
  #usualMs() {
    const all = this.points.slice(1).map((point, at) => point.ms - this.points[at].ms);
    all.sort((a, b) => a - b);
    return all.length ? all[all.length >> 1] : 0;
  }
}
