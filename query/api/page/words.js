// How values, ages and times are written.

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });
const scientific = new Intl.NumberFormat("en", { notation: "scientific", maximumSignificantDigits: 5 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export function number(value) {
  const size = Math.abs(value);
  if (size >= 1e15 || (size < 1e-6 && size > 0)) return scientific.format(value);
  return size >= 1e6 ? compact.format(value) : plain.format(value);
}

export function quantity(value, unit) {
  if (value === null || value === undefined) return "blank";
  if (unit === "mJ" && Math.abs(value) >= 1e6 && Math.abs(value) < 1e18) return joules(value / 1000);
  return unit ? `${number(value)} ${unit}` : number(value);
}

// Energy since boot is many millijoules.
function joules(value) {
  const power = Math.min(4, Math.floor(Math.log10(Math.abs(value)) / 3));
  return `${plain.format(value / 1000 ** power)} ${["", "k", "M", "G", "T"][power]}J`;
}

export function age(seconds) {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function timeOfDay(ms) {
  return clock.format(ms);
}

export function dayAndTime(ms) {
  return `${day.format(ms)} ${clock.format(ms)}`;
}
