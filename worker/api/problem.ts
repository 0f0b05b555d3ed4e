import { z } from "@hono/zod-openapi";

/**
 * What can go wrong, each a kind of RFC 9457 problem and an entry of the documentation, where `type` points to.
 */
export const problemKinds = {
  400: {
    slug: "bad-request",
    title: "Bad request",
    meaning: "The request is not what the route takes; `errors` says where.",
  },
  401: {
    slug: "unauthorized",
    title: "Login needed",
    meaning: "The route needs a login (HTTP Basic) of the station, and this is none.",
  },
  403: {
    slug: "forbidden",
    title: "Not allowed",
    meaning: "The login may not do this, or a browser sent it from another site.",
  },
  404: {
    slug: "not-found",
    title: "Not found",
    meaning: "There is no such route, mount, listener or account.",
  },
  409: {
    slug: "conflict",
    title: "Not now",
    meaning: "It cannot be done as things are: no source, no accounts, taken already.",
  },
  413: { slug: "too-large", title: "Too large", meaning: "The body has more bytes than any route takes." },
  415: {
    slug: "unsupported-media-type",
    title: "Unsupported media type",
    meaning: "The body must be `application/json`.",
  },
  429: {
    slug: "too-many-requests",
    title: "Too many requests",
    meaning: "Passwords were guessed wrong too often; `Retry-After` says when to come again.",
  },
  500: { slug: "internal", title: "Internal error", meaning: "A fault of the server; its log has more." },
  503: {
    slug: "unavailable",
    title: "Unavailable",
    meaning: "It cannot be answered at the moment; `Retry-After` says when to come again.",
  },
} as const;
export type ProblemStatus = keyof typeof problemKinds;

const problemSchema = z
  .object({
    type: z.string().openapi({
      description: "Names the kind of problem; relative to the server.",
      example: "/api/v1/docs#not-found",
    }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: "What is wrong with this request." }),
    errors: z
      .array(
        z.object({
          path: z.string().openapi({ description: "Where in the request, `to` or `title.text`." }),
          message: z.string(),
        }),
      )
      .optional(),
  })
  .openapi("Problem");
export type ProblemBody = z.infer<typeof problemSchema>;

/** Ends a request: the reply is a problem. */
export class Problem extends Error {
  readonly status: ProblemStatus;
  readonly errors: ProblemBody["errors"];
  /** `WWW-Authenticate` and `Retry-After`, where they belong. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ProblemStatus,
    detail: string,
    more: {
      readonly errors?: ProblemBody["errors"];
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(detail);
    this.status = status;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

export function problemReply({ status, message, errors, headers }: Problem): Response {
  const { slug, title } = problemKinds[status];
  const body: ProblemBody = {
    type: `${docsPath}#${slug}`,
    title,
    status,
    detail: message,
    ...(errors && { errors }),
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers },
  });
}

const docsPath = "/api/v1/docs";

/**
 * For the `responses` of a route: those kinds of problems that are its own, and those of every route. Without their types,
 * for handlers throw problems and return the rest.
 */
export function problems(...statuses: ProblemStatus[]): object {
  const content = { "application/problem+json": { schema: problemSchema } };
  return Object.fromEntries(
    [...statuses, 500 as const, 503 as const].map((status) => [
      status,
      { description: problemKinds[status].title, content },
    ]),
  );
}

/** What is left of a request that somebody else has refused, in Icecast's words. */
export async function problemOf(refusal: Response): Promise<Problem> {
  const status = refusal.status in problemKinds ? (refusal.status as ProblemStatus) : 500;
  const text = refusal.headers.get("Content-Type")?.startsWith("text/plain")
    ? (await refusal.text()).trim()
    : "";
  const headers: Record<string, string> = {};
  for (const name of ["WWW-Authenticate", "Retry-After"]) {
    const value = refusal.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return new Problem(status, text || problemKinds[status].meaning, { headers });
}
