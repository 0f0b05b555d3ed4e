import { createRoute, type z } from "@hono/zod-openapi";
import type { Role } from "../../shared/edge-secrets.ts";
import { encodeMountPath } from "../../shared/mount-path.ts";
import { secretsOf } from "../directory.ts";
import { publicOrigin } from "../request-host.ts";
import { admitted, type Api, apiHost, expectKnown } from "./context.ts";
import type { Desk } from "./desk.ts";
import { Problem, type ProblemStatus, problems } from "./problem.ts";
import {
  accountBody,
  accountParams,
  accountsSchema,
  audienceSchema,
  auditQuery,
  auditSchema,
  countersSchema,
  listenersQuery,
  listenersSchema,
  listenUrlBody,
  listenUrlSchema,
  mountParams,
  sessionSchema,
  usersSchema,
} from "./schemas.ts";

const looks: readonly Role[] = ["viewer", "operator"];
const operates: readonly Role[] = ["operator"];
const admin: readonly Role[] = ["admin"];

/** What needs a login and changes nothing that plays. */
export function adminRoutes(api: Api, desk: Desk): void {
  sessionRoutes(api, desk);
  audienceRoutes(api, desk);
  accountRoutes(api, desk);
  listenUrlRoutes(api, desk);
}

const base = (...own: ProblemStatus[]) => problems(400, 401, 403, 429, ...own);
const security = [{ login: [] }];
const json = <Schema extends z.ZodType>(description: string, schema: Schema) => ({
  description,
  content: { "application/json": { schema } },
});
const takes = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { "application/json": { schema } } },
});

function sessionRoutes(api: Api, desk: Desk): void {
  const sessionRoute = createRoute({
    method: "get",
    path: "/session",
    tags: ["Administration"],
    summary: "Who asks, and what a browser needs to change something",
    security,
    middleware: [admitted(desk, looks)],
    responses: { 200: json("The login", sessionSchema), ...base() },
  });
  api.openapi(sessionRoute, async (context) => {
    const { visitor } = context.var;
    const csrfToken = await desk.csrfToken(visitor, apiHost(context));
    return context.json({ name: visitor.name, role: visitor.role, csrfToken }, 200);
  });

  const usersRoute = createRoute({
    method: "get",
    path: "/users",
    tags: ["Administration"],
    summary: "The station's users",
    security,
    middleware: [admitted(desk, admin)],
    responses: { 200: json("Names and roles", usersSchema), ...base() },
  });
  api.openapi(usersRoute, async (context) => {
    const { users } = await secretsOf(apiHost(context));
    return context.json({ users: users.map(({ name, role }) => ({ name, role })) }, 200);
  });

  const auditRoute = createRoute({
    method: "get",
    path: "/audit",
    tags: ["Administration"],
    summary: "What administrators have done, the newest first",
    security,
    middleware: [admitted(desk, admin)],
    request: { query: auditQuery },
    responses: { 200: json("Entries", auditSchema), ...base() },
  });
  api.openapi(auditRoute, async (context) => {
    const entries = await desk.auditLog(apiHost(context), context.req.valid("query").limit);
    const shown = entries.map(({ atMs, user, role, address, action, details }) => ({
      at: new Date(atMs).toISOString(),
      user,
      role,
      address,
      action,
      details: { ...details },
    }));
    return context.json({ entries: shown }, 200);
  });

  const countersRoute = createRoute({
    method: "get",
    path: "/counters",
    tags: ["Administration"],
    summary: "What the station has counted since it was set up",
    security,
    middleware: [admitted(desk, looks)],
    responses: { 200: json("Counters", countersSchema), ...base() },
  });
  api.openapi(countersRoute, async (context) =>
    context.json({ ...(await desk.stationCounters(apiHost(context))) }, 200),
  );
}

function audienceRoutes(api: Api, desk: Desk): void {
  const listenersRoute = createRoute({
    method: "get",
    path: "/mounts/{mount}/listeners",
    tags: ["Listeners"],
    summary: "Who listens to a mount, the longest first",
    security,
    middleware: [admitted(desk, looks)],
    request: { params: mountParams, query: listenersQuery },
    responses: { 200: json("Listeners", listenersSchema), ...base(404) },
  });
  api.openapi(listenersRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const host = apiHost(context);
    await expectKnown(mount, host);
    const sessions = await desk.listeners(mount, host);
    const listeners = sessions
      .toSorted((a, b) => a.startedMs - b.startedMs || a.id - b.id)
      .slice(0, context.req.valid("query").limit)
      .map(({ id, mount: at, address, userAgent, country, user, startedMs }) => ({
        id,
        mount: at,
        address,
        userAgent,
        country,
        user,
        startedAt: new Date(startedMs).toISOString(),
      }));
    return context.json({ total: sessions.length, listeners }, 200);
  });

  const audienceRoute = createRoute({
    method: "get",
    path: "/mounts/{mount}/audience",
    tags: ["Listeners"],
    summary: "What a mount's listeners add up to",
    security,
    middleware: [admitted(desk, looks)],
    request: { params: mountParams },
    responses: { 200: json("Counters", audienceSchema), ...base(404) },
  });
  api.openapi(audienceRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const host = apiHost(context);
    await expectKnown(mount, host);
    const { sessions, uniqueToday, byCountry, bytesSent, slowListeners } = await desk.audience(mount, host);
    return context.json(
      { sessions, uniqueToday, byCountry: { ...byCountry }, bytesSent, slowListeners },
      200,
    );
  });
}

function accountRoutes(api: Api, desk: Desk): void {
  const listRoute = createRoute({
    method: "get",
    path: "/mounts/{mount}/accounts",
    tags: ["Accounts"],
    summary: "Who may log in to listen to a mount",
    security,
    middleware: [admitted(desk, operates)],
    request: { params: mountParams },
    responses: { 200: json("Names", accountsSchema), ...base() },
  });
  api.openapi(listRoute, async (context) => {
    const users = await desk.listenerUsers(context.req.valid("param").mount, apiHost(context));
    return context.json({ accounts: users.map(({ name }) => ({ name })) }, 200);
  });

  const addRoute = createRoute({
    method: "post",
    path: "/mounts/{mount}/accounts",
    tags: ["Accounts"],
    summary: "Lets somebody log in to listen",
    security,
    middleware: [admitted(desk, operates)],
    request: { params: mountParams, ...takes(accountBody) },
    responses: { 201: { description: "Added" }, ...base(409, 413, 415) },
  });
  api.openapi(addRoute, async (context) => {
    const { mount } = context.req.valid("param");
    const { name, password } = context.req.valid("json");
    const host = apiHost(context);
    await desk.audit(context.var.visitor, "manageauth", { mount, action: "add", username: name }, host);
    const result = await desk.addListenerUser(mount, name, password, host);
    if (result === "exists") throw new Problem(409, "there is an account of this name");
    if (result === "no-auth") throw new Problem(409, noAccounts(mount));
    return context.body(null, 201);
  });

  const deleteRoute = createRoute({
    method: "delete",
    path: "/mounts/{mount}/accounts/{name}",
    tags: ["Accounts"],
    summary: "Takes a listener's account away",
    security,
    middleware: [admitted(desk, operates)],
    request: { params: accountParams },
    responses: { 204: { description: "Deleted" }, ...base(404, 409) },
  });
  api.openapi(deleteRoute, async (context) => {
    const { mount, name } = context.req.valid("param");
    const host = apiHost(context);
    await desk.audit(context.var.visitor, "manageauth", { mount, action: "delete", username: name }, host);
    const result = await desk.deleteListenerUser(mount, name, host);
    if (result === "absent") throw new Problem(404, "there is no account of this name");
    if (result === "no-auth") throw new Problem(409, noAccounts(mount));
    return context.body(null, 204);
  });
}

const noAccounts = (mount: string): string => `${mount} has no listener accounts`;

function listenUrlRoutes(api: Api, desk: Desk): void {
  const route = createRoute({
    method: "post",
    path: "/listen-urls",
    tags: ["Accounts"],
    summary: "Makes a URL that lets whoever has it listen, for a time",
    security,
    middleware: [admitted(desk, operates)],
    request: takes(listenUrlBody),
    responses: { 200: json("The URL", listenUrlSchema), ...base(409, 413, 415) },
  });
  api.openapi(route, async (context) => {
    const { mount, validSeconds, user, address } = context.req.valid("json");
    const host = apiHost(context);
    const expires = Math.floor(Date.now() / 1_000) + validSeconds;
    const plain = `${await publicOrigin(context as never)}${encodeMountPath(mount)}`;
    const url = await desk.signListenUrl(plain, { expires, user, address }, host);
    if (url === null) throw new Problem(409, "the station has no key to sign with");
    const expiresAt = new Date(expires * 1_000).toISOString();
    const whom = { ...(user !== undefined && { user }), ...(address !== undefined && { address }) };
    await desk.audit(context.var.visitor, "sign listen url", { mount, expires: expiresAt, ...whom }, host);
    return context.json({ url, expiresAt }, 200);
  });
}
