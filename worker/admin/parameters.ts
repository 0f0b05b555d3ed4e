import { adminFormBytes } from "../limits.ts";

/** Fields of a request by name; of equal names the last one counts, as in Icecast, and a form's go before the query's. */
type Parameters = ReadonlyMap<string, string>;

export interface Fields {
  readonly parameters: Parameters;
  /** The form as it came, undecoded; "" without one. Titles may be in another charset than UTF-8. */
  readonly form: string;
}

/** Reads a copy of the request: its body is still there afterwards. Null when the form is larger than `adminFormBytes`. */
export async function readFields(request: Request): Promise<Fields | null> {
  const form = request.method === "POST" && isForm(request) ? await readForm(request.clone()) : "";
  if (form === null) return null;
  const { searchParams } = new URL(request.url);
  return { parameters: new Map([...searchParams, ...new URLSearchParams(form)]), form };
}

/** Scripts forget the Content-Type more often than they send something else. */
function isForm({ headers }: Request): boolean {
  const type = headers.get("Content-Type");
  return type === null || type.toLowerCase().startsWith("application/x-www-form-urlencoded");
}

async function readForm(request: Request): Promise<string | null> {
  if (Number(request.headers.get("Content-Length")) > adminFormBytes) return null;
  if (!request.body) return "";
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  // A declared length may be wrong, and a chunked body declares none.
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes += read.value.length;
    if (bytes > adminFormBytes) {
      // Not waited for: one half of a copied body is done with only when the other is.
      void reader.cancel();
      return null;
    }
    parts.push(read.value);
  }
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}
