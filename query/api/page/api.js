// Questions to the API of the same origin.

export class Problem extends Error {
  constructor(status, type, detail) {
    super(detail);
    this.status = status;
    this.type = type;
  }
}

const PATIENCE_MS = 30_000; // a network that is gone says nothing at all

// The answer's JSON. Throws a Problem; its status is 0 where nobody answers.
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  const late = AbortSignal.timeout(PATIENCE_MS);
  let answer;
  let said;
  try {
    answer = await fetch(query ? `${path}?${query}` : path, {
      signal: signal ? AbortSignal.any([signal, late]) : late,
      headers: { Accept: "application/json" },
    });
    said = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (!answer || answer.ok) throw new Problem(0, "", "The API does not answer. This page tries again by itself.");
  }
  if (answer.ok) return said;
  throw new Problem(answer.status, said?.type ?? "", said?.detail ?? answer.statusText);
}

// What to tell people of a problem.
export function advice(problem) {
  if (problem.type === "urn:gputail:problem:no-view") {
    return "There is no view yet: it comes with the first collector. Start everything with “gputail up”, " +
      "or a collector with “gputail collect”. This page tries again by itself.";
  }
  return problem.message;
}
