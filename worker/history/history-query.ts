import { parseRfc3339 } from "../../shared/rfc3339.ts";
import type { HistoryFilter, PlayPlace } from "./song-history.ts";

export interface HistoryQuery extends HistoryFilter {
  /** Whether listeners are to be counted, which needs a login. */
  readonly counts: boolean;
}

/** Or what is wrong with the query. */
export function parseHistoryQuery(
  query: URLSearchParams,
  { usual, most }: Readonly<Record<"usual" | "most", number>>,
): HistoryQuery | string {
  const moment = (name: string): number | null | undefined => {
    const text = query.get(name);
    return text === null ? undefined : parseRfc3339(text);
  };
  const [fromMs, toMs] = [moment("from"), moment("to")];
  if (fromMs === null || toMs === null) return "from and to must be moments such as 2026-11-21T10:00:00Z";
  if (fromMs !== undefined && toMs !== undefined && fromMs >= toMs) return "from must be before to";
  const limit = query.get("limit") ?? String(usual);
  if (!/^[1-9]\d{0,5}$/.test(limit) || Number(limit) > most)
    return `limit must be a number from 1 to ${most}`;
  const text = query.get("cursor");
  const cursor = text === null ? undefined : parseCursor(text);
  if (cursor === null) return "cursor must be that of the page before";
  const counts = query.get("counts") ?? "false";
  if (counts !== "true" && counts !== "false") return "counts must be true or false";
  return {
    ...(fromMs !== undefined && { fromMs }),
    ...(toMs !== undefined && { toMs }),
    limit: Number(limit),
    ...(cursor && { cursor }),
    counts: counts === "true",
  };
}

export const encodeCursor = ({ epoch, atMs }: PlayPlace): string => `${epoch}.${atMs}`;

/** Null for what is no cursor. */
function parseCursor(text: string): PlayPlace | null {
  const [, epoch, atMs] = /^(\d{1,10})\.(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? null : { epoch: Number(epoch), atMs: Number(atMs) };
}
