import { z } from "zod";

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
  }[];
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Record<string, { schema?: object }> }>
  >;
}
export interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

/** What is wrong with a document by the rules of OpenAPI 3.1 that a generator can break. */
export function faultsOf(document: OpenApiDocument): string[] {
  const faults: string[] = [];
  if (!document.openapi.startsWith("3.1.")) faults.push(`version ${document.openapi}`);
  for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]*)"/g)) {
    if (name === undefined || !(name in document.components.schemas)) faults.push(`no schema ${name}`);
  }
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, { parameters = [], responses }] of Object.entries(methods)) {
      const inPath = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
      const declared = parameters.filter((each) => each.in === "path");
      const differs =
        inPath.length !== declared.length || !declared.every(({ name }) => inPath.includes(name));
      if (differs) faults.push(`${method} ${path}: parameters of the path`);
      if (declared.some(({ required }) => required !== true))
        faults.push(`${method} ${path}: must be required`);
      const names = parameters.map(({ name, in: where }) => `${where} ${name}`);
      if (new Set(names).size !== names.length) faults.push(`${method} ${path}: a parameter twice`);
      if (!Object.keys(responses).some((status) => status.startsWith("2"))) {
        faults.push(`${method} ${path}: no success`);
      }
      for (const [status, { description }] of Object.entries(responses)) {
        if (!/^[1-5]\d\d$/.test(status) || !description) faults.push(`${method} ${path}: response ${status}`);
      }
    }
  }
  return faults;
}

/** What a reply has that the document does not say; null when it is as described. `path` is the template: "/mounts/{mount}". */
export function deviation(
  document: OpenApiDocument,
  { method, path }: { readonly method: string; readonly path: string },
  reply: { readonly status: number; readonly contentType: string | null; readonly body: string },
): string | null {
  const response = document.paths[path]?.[method.toLowerCase()]?.responses[reply.status];
  if (!response) return `${method} ${path} says nothing of ${reply.status}`;
  if (!response.content) return reply.body === "" ? null : "a body where none is described";
  const type = reply.contentType?.split(";")[0] ?? "";
  const schema = response.content[type]?.schema;
  if (!schema) return `${method} ${path} ${reply.status} says nothing of ${type}`;
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas });
  const whole = JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")) as Parameters<
    typeof z.fromJSONSchema
  >[0];
  const result = z.fromJSONSchema(whole).safeParse(JSON.parse(reply.body));
  return result.success ? null : z.prettifyError(result.error);
}
