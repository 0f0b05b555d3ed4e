import type { Reply } from "./exchange.ts";

/** One thing in which two replies are not alike. */
export interface Difference {
  /** Name of the request. */
  readonly request: string;
  /** "status", "ends", "body", "header " and a name, or "no answer" where Icecast closes without a word. */
  readonly part: string;
  readonly icecast: string;
  readonly skywave: string;
}

/** Of these two headers the values are each server's own. */
const own = new Set(["date", "server"]);

export function differences(
  icecast: ReadonlyMap<string, Reply>,
  skywave: ReadonlyMap<string, Reply>,
): Difference[] {
  return [...icecast].flatMap(([request, theirs]) => {
    const ours = skywave.get(request);
    if (!ours) return [{ request, part: "status", icecast: theirs.status, skywave: "not asked" }];
    const found: Difference[] = [];
    const hold = (part: string, a: string, b: string) => {
      if (a !== b) found.push({ request, part, icecast: a, skywave: b });
    };
    // Nothing is all there is to compare.
    if (theirs.status === "" && ours.status !== "")
      return [{ request, part: "no answer", icecast: "", skywave: `${ours.status} ${ours.body}` }];
    hold("status", theirs.status, ours.status);
    hold("ends", String(theirs.ends), String(ours.ends));
    for (const name of new Set([...Object.keys(theirs.headers), ...Object.keys(ours.headers)])) {
      // Lengths differ as the bodies do.
      const isLengthOfBoth =
        name === "content-length" && theirs.headers[name] !== undefined && ours.headers[name] !== undefined;
      if (own.has(name) || isLengthOfBoth) continue;
      hold(`header ${name}`, fixed(theirs.headers[name] ?? "absent"), fixed(ours.headers[name] ?? "absent"));
    }
    hold("body", fixed(theirs.body), fixed(ours.body));
    return found;
  });
}

/** What is different at every run, of one server too. */
const fixed = (text: string): string =>
  text
    .replace(/[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} \+0000/g, "DATE")
    .replace(/\d{4}-\d{2}-\d{2}T[\d:]{8}\+0000/g, "DATE")
    .replace(/(127\.0\.0\.1|radio\.example|foo\.example):\d{4,5}/g, "$1:PORT")
    .replace(/<(Connected|ID)>\d+</g, "<$1>N<")
    .replace(/Client (?!9999|0 )\d+ removed/g, "Client N removed")
    .replace(/<(\w+_connections|connections|clients|stats|total_bytes_\w+|listener_peak)>\d+</g, "<$1>N<")
    .replace(/"listener_peak":\d+/g, '"listener_peak":N')
    .replace(/Peak Listeners: \d+/g, "Peak Listeners: N");
