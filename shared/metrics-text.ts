/*
 * Metrics in the text format of Prometheus, version 0.0.4: for each metric a HELP and a TYPE line, then a line for each
 * of its samples. In HELP `\` and line feeds are escaped, in values of labels `"` as well. Lines end with a line feed.
 */

/** The unit is the end of the name, and a base unit: `_seconds`, `_bytes`. */
export interface Metric {
  /** A counter only rises, but for starting anew at 0, and its name ends with `_total`. */
  readonly type: "counter" | "gauge";
  readonly name: string;
  /** For people, one sentence. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}
export interface MetricSample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** Throws RangeError for a name that cannot be, which is a mistake in the program. A metric without samples is left out. */
export const metricsText = (metrics: readonly Metric[]): string =>
  metrics
    .filter(({ samples }) => samples.length > 0)
    .map(metricText)
    .join("");

function metricText({ type, name, help, samples }: Metric): string {
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) throw new RangeError(`expected a metric's name, got ${name}`);
  if ((type === "counter") !== name.endsWith("_total"))
    throw new RangeError(`${name} is no name of a ${type}`);
  const lines = samples.map(
    ({ labels, value }) => `${name}${labelsText(labels ?? {})} ${valueText(value)}\n`,
  );
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) throw new RangeError(`expected a label's name, got ${name}`);
    return `${name}="${escapeLabel(value)}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function valueText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

/** Half a surrogate pair is no UTF-8. */
const escapeLabel = (text: string): string => escapeHelp(text.toWellFormed()).replaceAll('"', '\\"');
