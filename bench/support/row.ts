/** A line of the table: one thing measured at both. */
export interface Row {
  /** With its unit. */
  readonly what: string;
  /** Null where it was not, or cannot be, measured. */
  readonly skywave: Figure | null;
  readonly icecast: Figure | null;
  /** Digits after the point; default 0. */
  readonly digits?: number;
  readonly budget?: Budget;
}

export interface Figure {
  readonly value: number;
  /** Least and most of the measurements that `value` is the median of. */
  readonly range?: readonly [least: number, most: number];
}

export interface Budget {
  readonly text: string;
  /** Null where it could not be told, for want of Icecast. */
  readonly isMet: boolean | null;
}

/** What a section found out. */
export interface Findings {
  readonly rows: readonly Row[];
  /** What a reader must know to judge the numbers, a sentence each. */
  readonly notes: readonly string[];
  /** Tables of its own, in Markdown. */
  readonly text?: string;
}

export const figure = (value: number): Figure => ({ value });

/** The median of several measurements; null of none. */
export function medianOf(values: readonly number[]): Figure | null {
  const sorted = values.toSorted((a, b) => a - b);
  const [least, most] = [sorted[0], sorted.at(-1)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  const upper = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (least === undefined || most === undefined || lower === undefined || upper === undefined) return null;
  return { value: (lower + upper) / 2, ...(sorted.length > 1 && { range: [least, most] }) };
}

/** Skywave's figure as a multiple of Icecast's; null where there is none. */
export function ratioOf({ skywave, icecast }: Pick<Row, "skywave" | "icecast">): number | null {
  const ratio = (skywave?.value ?? Number.NaN) / (icecast?.value ?? Number.NaN);
  return Number.isFinite(ratio) ? ratio : null;
}

/** The budget "at most `share` of what Icecast needs". */
export function shareBudget(share: number, figures: Pick<Row, "skywave" | "icecast">): Budget {
  const ratio = ratioOf(figures);
  return { text: `≤ ${share} × Icecast`, isMet: ratio === null ? null : ratio <= share };
}

/** The budget "at most `limit`". */
export const atMost = (limit: number, unit: string, { value }: Figure): Budget => ({
  text: `≤ ${grouped(limit, 0)} ${unit}`,
  isMet: value <= limit,
});

/** The rows as a table in Markdown. */
export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const ratio = ratioOf(row);
    const cells = [
      row.what,
      cell(row.skywave, row.digits),
      cell(row.icecast, row.digits),
      ratio === null ? "" : ratio.toFixed(2),
      row.budget?.text ?? "",
      row.budget === undefined ? "" : verdict(row.budget),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return ["| what | Skywave | Icecast | ratio | budget | met? |", "|---|--:|--:|--:|---|---|", ...lines].join(
    "\n",
  );
}

const verdict = ({ isMet }: Budget): string => (isMet === null ? "not compared" : isMet ? "yes" : "**no**");

function cell(of: Figure | null, digits = 0): string {
  if (of === null) return "";
  const value = grouped(of.value, digits);
  return of.range ? `${value} (${grouped(of.range[0], digits)}–${grouped(of.range[1], digits)})` : value;
}

function grouped(value: number, digits: number): string {
  if (!Number.isFinite(value)) return "none";
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
