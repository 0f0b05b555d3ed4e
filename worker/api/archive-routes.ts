import { createRoute } from "@hono/zod-openapi";
import { admitted, type Api, apiHost, expectKnown } from "./context.ts";
import type { Desk } from "./desk.ts";
import { Problem, type ProblemStatus, problems } from "./problem.ts";
import { broadcastParams, deleteBroadcastBody, mountParams } from "./schemas.ts";

const base = (...own: ProblemStatus[]) => problems(400, 401, 403, 404, 429, ...own);
const security = [{ login: [] }];

/** What changes what is kept. All of it is written down before it is done. */
export function archiveRoutes(api: Api, desk: Desk): void {
  const mayKeep = admitted(desk, ["admin"]);

  const deleteRoute = createRoute({
    method: "post",
    path: "/mounts/{mount}/broadcasts/{broadcast}/delete",
    tags: ["Archive"],
    summary: "Deletes the recording of a broadcast that is over, for ever",
    security,
    middleware: [mayKeep],
    request: {
      params: broadcastParams,
      body: { required: true, content: { "application/json": { schema: deleteBroadcastBody } } },
    },
    responses: { 204: { description: "Deleted" }, ...base(409, 413, 415) },
  });
  api.openapi(deleteRoute, async (context) => {
    const { mount, broadcast } = context.req.valid("param");
    const { confirm } = context.req.valid("json");
    const host = apiHost(context);
    await expectKnown(mount, host);
    if (confirm !== broadcast) {
      const errors = [{ path: "confirm", message: "must be the name of the broadcast" }];
      throw new Problem(400, "it is not confirmed", { errors });
    }
    await desk.audit(context.var.visitor, "delete broadcast", { mount, broadcast }, host);
    const outcome = await desk.deleteBroadcast(mount, broadcast, host);
    if (outcome === "absent") throw new Problem(404, `${mount} has no broadcast ${broadcast}`);
    if (outcome === "on air") throw new Problem(409, "the broadcast is on air");
    return context.body(null, 204);
  });

  const mergeRoute = createRoute({
    method: "post",
    path: "/mounts/{mount}/merge-archive",
    tags: ["Archive"],
    summary: "Merges the small objects of recordings that are over now, and not when it is their time",
    security,
    middleware: [mayKeep],
    request: { params: mountParams },
    responses: { 204: { description: "Merged" }, ...base() },
  });
  api.openapi(mergeRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const host = apiHost(context);
    await expectKnown(mount, host);
    await desk.audit(context.var.visitor, "merge archive", { mount }, host);
    await desk.mergeArchive(mount, host);
    return context.body(null, 204);
  });
}
