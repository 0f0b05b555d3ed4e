import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { adminRoutes } from "./admin-routes.ts";
import { archiveRoutes } from "./archive-routes.ts";
import type { Api, ApiApp } from "./context.ts";
import { controlRoutes } from "./control-routes.ts";
import type { Desk } from "./desk.ts";
import { docsPage } from "./docs-page.ts";
import { apiBodyBytes } from "./limits.ts";
import { Problem, problemKinds, problemReply, type ProblemStatus } from "./problem.ts";
import { historyRoutes } from "./history-routes.ts";
import { publicRoutes } from "./public-routes.ts";

/** The station in JSON, version 1: what `GET /api/v1/openapi.json` describes and `/api/v1/docs` shows. */
export function makeApi(desk: Desk): Api {
  const api: Api = new OpenAPIHono<ApiApp>({
    defaultHook: (result) => {
      if (result.success) return;
      const errors = result.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
      throw new Problem(
        400,
        `the ${partNames[result.target] ?? result.target} is not as the route takes it`,
        { errors },
      );
    },
  });

  api.use(async (context, next) => {
    await next();
    // A moment's state, and some of it is for one visitor.
    if (!context.res.headers.has("Cache-Control")) context.res.headers.set("Cache-Control", "no-store");
    context.res.headers.set("X-Content-Type-Options", "nosniff");
  });
  api.use(
    bodyLimit({
      maxSize: apiBodyBytes,
      onError: () => {
        throw new Problem(413, `a body has at most ${apiBodyBytes} bytes`);
      },
    }),
  );

  api.openAPIRegistry.registerComponent("securitySchemes", "login", { type: "http", scheme: "basic" });
  publicRoutes(api, desk);
  historyRoutes(api, desk);
  controlRoutes(api, desk);
  adminRoutes(api, desk);
  archiveRoutes(api, desk);

  let made: OpenApiDocument | undefined;
  // Made when it is first asked for: an isolate that serves listeners need not have it, and anybody may ask again and again.
  const document = (): OpenApiDocument => (made ??= describe(api));
  api.get("/openapi.json", (context) => context.json(document()));
  api.get("/docs", () => docsPage(document()));
  api.all("/*", ({ req }) => {
    throw new Problem(404, `there is no ${req.method} ${req.path}`);
  });

  api.onError((error, { req }) => {
    if (error instanceof Problem) return problemReply(error);
    if (error instanceof HTTPException && error.status in problemKinds) {
      return problemReply(
        new Problem(error.status as ProblemStatus, error.message || "the request is malformed"),
      );
    }
    console.error("api request failed", req.method, req.path, error.stack ?? String(error));
    return problemReply(new Problem(500, problemKinds[500].meaning));
  });
  return api;
}

/** In the words of a person who sends a request. */
const partNames: Readonly<Record<string, string>> = {
  json: "body",
  param: "path",
  query: "query",
  header: "header",
};

export type OpenApiDocument = ReturnType<typeof describe>;

function describe(api: Api) {
  return api.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Skywave",
      version: "1",
      description:
        "The station in JSON. What is public needs no login; the rest takes the station's users by HTTP Basic. Errors are problems as in RFC 9457.",
    },
    servers: [{ url: "/api/v1" }],
  });
}
