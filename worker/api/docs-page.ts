import type { OpenApiDocument } from "./api.ts";
import { contentPolicy } from "../page-headers.ts";
import { problemKinds, type ProblemStatus } from "./problem.ts";

/** The API's document for people: a page without scripts, nothing from anywhere else. */
export function docsPage(document: OpenApiDocument): Response {
  const routes = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]) => ({
      method,
      path,
      operation,
    })),
  );
  const tags = [...new Set(routes.flatMap(({ operation }) => operation.tags ?? []))];
  const sections = tags.map((tag) => {
    const own = routes.filter(({ operation }) => operation.tags?.includes(tag));
    return `<section><h2>${escape(tag)}</h2>${own.map(routeHtml).join("")}</section>`;
  });
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<h3 id="schema-${escape(name)}">${escape(name)}</h3><pre tabindex="0">${escape(JSON.stringify(schema, null, 2))}</pre>`,
  );
  const kinds = Object.entries(problemKinds).map(
    ([status, { slug, title, meaning }]) =>
      `<dt id="${slug}">${status} ${escape(title)}</dt><dd>${withCode(meaning)}</dd>`,
  );
  const nonce = crypto.randomUUID();
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${escape(document.info.title)} API</title><style nonce="${nonce}">${style}</style></head>
<body><main><h1>${escape(document.info.title)} API</h1><p>${escape(document.info.description ?? "")}</p>
<p>For programs: <a href="/api/v1/openapi.json">openapi.json</a></p>
${sections.join("\n")}
<section><h2>Schemas</h2>${schemas.join("\n")}</section>
<section><h2>Problems</h2><p>A reply that is an error is <code>application/problem+json</code>.</p><dl>${kinds.join("")}</dl></section>
</main></body></html>
`;
  return new Response(html, {
    headers: {
      "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-cache",
      "Content-Security-Policy": contentPolicy({ style: `'nonce-${nonce}'` }),
      "Referrer-Policy": "no-referrer",
    },
  });
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema?: { readonly description?: string };
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>>;

function routeHtml({
  method,
  path,
  operation,
}: {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}): string {
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: where, required, description, schema }) =>
      `<dt><code>${escape(name)}</code> <small>${escape(where)}${required ? ", required" : ""}</small></dt><dd>${withCode(description ?? schema?.description ?? "")}</dd>`,
  );
  const replies = Object.entries(operation.responses);
  const successes = replies
    .filter(([status]) => Number(status) < 400)
    .map(
      ([status, { description, content }]) =>
        `<li><code>${escape(status)}</code> ${escape(description)}${schemaLink(content)}</li>`,
    );
  const refusals = replies.flatMap(([status]) => {
    const kind = problemKinds[Number(status) as ProblemStatus] as (typeof problemKinds)[400] | undefined;
    return kind ? `<a href="#${kind.slug}" title="${escape(kind.title)}">${escape(status)}</a>` : [];
  });
  return `<article><h3><code>${method.toUpperCase()} /api/v1${escape(path)}</code></h3><p>${escape(operation.summary ?? "")}${
    operation.security ? " <small>(login)</small>" : ""
  }</p>${operation.description ? `<p>${withCode(operation.description)}</p>` : ""}${
    parameters.length > 0 ? `<dl>${parameters.join("")}</dl>` : ""
  }${operation.requestBody ? `<p>Body:${schemaLink(operation.requestBody.content)}</p>` : ""}<ul>${successes.join("")}<li>Problems: ${refusals.join(" ")}</li></ul></article>`;
}

function schemaLink(content: Content | undefined): string {
  const name = Object.values(content ?? {})[0]
    ?.schema?.$ref?.split("/")
    .at(-1);
  return name === undefined ? "" : ` <a href="#schema-${escape(name)}">${escape(name)}</a>`;
}

const withCode = (text: string): string => escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");

const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const style = `
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: light-dark(#222, #ddd); background: light-dark(#fff, #16181b); }
main { max-width: 50rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
a { color: light-dark(#a5320c, #ff9d7a); }
article { border-top: 1px solid light-dark(#ddd, #333); padding: .25rem 0 .75rem; }
h3 { overflow-wrap: anywhere; margin: .75rem 0 .25rem; }
p, ul, dl { margin: .25rem 0; }
dd { margin-inline-start: 1.5rem; }
pre { overflow-x: auto; padding: .75rem; background: light-dark(#f4f4f4, #202327); }
`;
