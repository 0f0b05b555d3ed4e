import { createRoute, z } from "@hono/zod-openapi";
import { archive } from "../archive/archive-reader.ts";
import { stationOf } from "../directory.ts";
import { playJson } from "../history/history-json.ts";
import { encodeCursor, parseHistoryQuery } from "../history/history-query.ts";
import { playsPerPage, playsUsual } from "../history/limits.ts";
import { rulesOf } from "../station.ts";
import { type Api, apiHost, expectKnown, visitorOf } from "./context.ts";
import type { Desk } from "./desk.ts";
import { Problem, problems } from "./problem.ts";
import { mountParams } from "./schemas.ts";

const time = z.iso.datetime().openapi({ example: "2026-03-01T18:00:00.000Z" });
const count = z.int().min(0);
const moment = (name: string, description: string) =>
  z
    .string()
    .max(64)
    .optional()
    .openapi({ param: { name, in: "query" }, description, example: "2026-03-01T18:00:00Z" });

const historyQuery = z.object({
  from: moment("from", "Plays that began from then on (RFC 3339)."),
  to: moment("to", "...and before then."),
  limit: z
    .string()
    .max(8)
    .optional()
    .openapi({
      param: { name: "limit", in: "query" },
      description: `At most ${playsPerPage}, ${playsUsual} unless said.`,
    }),
  cursor: z
    .string()
    .max(32)
    .optional()
    .openapi({ param: { name: "cursor", in: "query" }, description: "Of the page before." }),
  counts: z
    .enum(["true", "false"])
    .optional()
    .openapi({
      param: { name: "counts", in: "query" },
      description: "Listeners as well, and hidden mounts: needs a login that may look.",
    }),
});

const playSchema = z
  .object({
    start: time,
    end: time.nullable(),
    durationMs: count,
    artist: z.string(),
    title: z.string(),
    text: z.string(),
    url: z.string().optional(),
    listeners: count.optional(),
    listenerPeak: count.optional(),
    listenerMinutes: z.number().min(0).optional(),
  })
  .openapi("Play");

const historySchema = z
  .object({ mount: z.string(), plays: z.array(playSchema), cursor: z.string().nullable() })
  .openapi("History");

const historyRoute = createRoute({
  method: "get",
  path: "/mounts/{mount}/history",
  tags: ["Public"],
  summary: "What a mount played, in order",
  description:
    "Kept for seven years, also when the audio is not. Of listeners the most in a minute count. As CSV: `/history/<mount>.csv`.",
  request: { params: mountParams, query: historyQuery },
  responses: {
    200: { description: "Plays", content: { "application/json": { schema: historySchema } } },
    ...problems(400, 401, 403, 404, 429),
  },
});

export function historyRoutes(api: Api, desk: Desk): void {
  api.openapi(historyRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const given = Object.entries(context.req.valid("query")).filter(([, text]) => text !== undefined);
    const search = new URLSearchParams(given.map(([name, text]) => [name, String(text)]));
    const query = parseHistoryQuery(search, { usual: playsUsual, most: playsPerPage });
    if (typeof query === "string") throw new Problem(400, query);
    const host = apiHost(context);
    if (query.counts) await visitorOf(desk, ["viewer"], context);
    const rules = rulesOf(await stationOf(host), mount);
    if (!query.counts && (rules?.hidden === true || rules?.noMount === true))
      throw new Problem(404, `there is no mount ${mount}`);
    await expectKnown(mount, host);
    const page = await archive.history(mount, query, host);
    const now = Date.now();
    const plays = page.plays.map((play) => playJson(play, query.counts, now));
    return context.json({ mount, plays, cursor: page.cursor && encodeCursor(page.cursor) }, 200);
  });
}
