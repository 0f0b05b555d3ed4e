import { createRoute, type z } from "@hono/zod-openapi";
import { admitted, type Api, type ApiContext, apiHost, expectKnown, mountVisitorOf } from "./context.ts";
import type { Desk } from "./desk.ts";
import { Problem, type ProblemStatus, problems } from "./problem.ts";
import { fallbackBody, listenerParams, mountParams, moveBody, titleBody } from "./schemas.ts";

const base = (...own: ProblemStatus[]) => problems(400, 401, 403, 404, 429, ...own);
const security = [{ login: [] }];
const takes = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { "application/json": { schema } } },
});

/** What changes what plays, or for whom. All of it is written down before it is done, in the words of Icecast's commands. */
export function controlRoutes(api: Api, desk: Desk): void {
  const operates = admitted(desk, ["operator"]);

  const killRoute = createRoute({
    method: "delete",
    path: "/mounts/{mount}/listeners/{listener}",
    tags: ["Listeners"],
    summary: "Removes a listener",
    security,
    middleware: [operates],
    request: { params: listenerParams },
    responses: { 204: { description: "Removed" }, ...base() },
  });
  api.openapi(killRoute, async (context) => {
    const { mount, listener } = context.req.valid("param");
    const host = apiHost(context);
    await expectKnown(mount, host);
    await desk.audit(context.var.visitor, "killclient", { mount, listener: String(listener) }, host);
    if (!(await desk.killListener(mount, listener, host))) {
      throw new Problem(404, `${mount} has no listener ${listener}`);
    }
    return context.body(null, 204);
  });

  const moveRoute = createRoute({
    method: "post",
    path: "/mounts/{mount}/move-listeners",
    tags: ["Listeners"],
    summary: "Moves one listener, or all, to another mount",
    security,
    middleware: [operates],
    request: { params: mountParams, ...takes(moveBody) },
    responses: { 204: { description: "On their way" }, ...base(413, 415) },
  });
  api.openapi(moveRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const { to, listener } = context.req.valid("json");
    const host = apiHost(context);
    if (to === mount)
      throw new Problem(400, "they are there already", {
        errors: [{ path: "to", message: "the same mount" }],
      });
    await expectKnown(mount, host);
    await expectKnown(to, host);
    const who = listener === undefined ? "all" : String(listener);
    await desk.audit(context.var.visitor, "moveclients", { mount, destination: to, listener: who }, host);
    await desk.moveListeners(mount, to, listener ?? null, host);
    return context.body(null, 204);
  });

  const killSourceRoute = createRoute({
    method: "delete",
    path: "/mounts/{mount}/source",
    tags: ["Sources"],
    summary: "Takes a mount from its source",
    security,
    middleware: [operates],
    request: { params: mountParams },
    responses: { 204: { description: "Taken" }, ...base(409) },
  });
  api.openapi(killSourceRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const host = apiHost(context);
    await expectKnown(mount, host);
    await desk.audit(context.var.visitor, "killsource", { mount }, host);
    if (!(await desk.killSource(mount, host, context.var.visitor.name)))
      throw new Problem(409, noSource(mount));
    return context.body(null, 204);
  });

  const titleRoute = createRoute({
    method: "post",
    path: "/mounts/{mount}/title",
    tags: ["Sources"],
    summary: "Sets the title; the mount's source may, with its own login",
    security,
    middleware: [
      async (context: ApiContext, next) => {
        const { mount } = mountParams.safeParse(context.req.param()).data ?? {};
        const wish = { may: ["operator"] as const, mount: mount ?? null };
        context.set("visitor", await mountVisitorOf(desk, wish, context));
        await next();
      },
    ],
    request: { params: mountParams, ...takes(titleBody) },
    responses: { 202: { description: "Told to the source's ingest host" }, ...base(409, 413, 415) },
  });
  api.openapi(titleRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const { title, url } = context.req.valid("json");
    const host = apiHost(context);
    await expectKnown(mount, host);
    // A source that names its songs is no administrator.
    const { visitor } = context.var;
    if (!visitor.isSource) await desk.audit(visitor, "metadata", { mount, title }, host);
    if (!(await desk.setSourceTitle(mount, { text: title, ...(url !== undefined && { url }) }, host))) {
      throw new Problem(409, noSource(mount));
    }
    return context.body(null, 202);
  });

  const fallbackRoute = createRoute({
    method: "post",
    path: "/mounts/{mount}/fallback",
    tags: ["Sources"],
    summary: "Sets what plays when the mount has no source",
    security,
    middleware: [operates],
    request: { params: mountParams, ...takes(fallbackBody) },
    responses: { 204: { description: "Set" }, ...base(413, 415) },
  });
  api.openapi(fallbackRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const { fallback } = context.req.valid("json");
    const host = apiHost(context);
    await expectKnown(mount, host);
    const details = { mount, fallback: fallback ?? "as in the settings" };
    await desk.audit(context.var.visitor, "fallbacks", details, host);
    await desk.overrideFallback(mount, fallback, host);
    return context.body(null, 204);
  });
}

const noSource = (mount: string): string => `${mount} has no source`;
