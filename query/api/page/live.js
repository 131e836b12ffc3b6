// The live stream of one GPU. The browser comes back by itself, with the id of the last event.

const AGAIN_MS = 5000;

export class Live {
  // `entries` is called with the entries of a record; `state` with "on" or "off"; `gap` with a reason.
  constructor(gpuId, { entries, state, gap }) {
    this.url = `/api/v1/gpus/${encodeURIComponent(gpuId)}/telemetry/stream`;
    this.told = { entries, state, gap };
    this.lastId = "";
    this.#open();
  }

  #open() {
    const query = this.lastId ? `?last_event_id=${encodeURIComponent(this.lastId)}` : "";
    this.source = new EventSource(this.url + query);
    this.source.onopen = () => this.told.state("on");
    this.source.onmessage = (event) => {
      this.lastId = event.lastEventId;
      this.told.entries(JSON.parse(event.data));
    };
    this.source.addEventListener("gap", (event) => this.told.gap(JSON.parse(event.data).reason));
    this.source.onerror = () => {
      this.told.state("off");
      // After an answer that is no stream (no view, too many) a browser gives up.
      if (this.source.readyState === EventSource.CLOSED) this.again = setTimeout(() => this.#open(), AGAIN_MS);
    };
  }

  close() {
    clearTimeout(this.again);
    this.source.close();
  }
}
