/** An R2 bucket in memory, as far as the archive uses one: lists in pages, reads ranges. */
export class FakeBucket {
  readonly objects = new Map<
    string,
    { readonly body: Uint8Array; readonly metadata: Record<string, string> }
  >();
  readonly counts = { get: 0, put: 0, list: 0, delete: 0 };
  readonly #pageSize: number;

  constructor(pageSize = 1_000) {
    this.#pageSize = pageSize;
  }

  async put(
    key: string,
    value: string | Uint8Array,
    options: { readonly customMetadata?: Record<string, string> } = {},
  ): Promise<void> {
    this.counts.put++;
    const body = typeof value === "string" ? new TextEncoder().encode(value) : Uint8Array.from(value);
    this.objects.set(key, { body, metadata: options.customMetadata ?? {} });
  }

  async get(
    key: string,
    options: { readonly range?: { readonly offset: number; readonly length: number } } = {},
  ) {
    this.counts.get++;
    const object = this.objects.get(key);
    if (!object) return null;
    const { offset = 0, length = object.body.length } = options.range ?? {};
    const body = object.body.slice(offset, offset + length);
    return {
      key,
      size: object.body.length,
      customMetadata: object.metadata,
      arrayBuffer: async () => body.buffer,
      json: async () => JSON.parse(new TextDecoder().decode(body)) as unknown,
    };
  }

  async list({
    prefix = "",
    cursor = "",
    startAfter = "",
    delimiter,
  }: {
    readonly prefix?: string;
    readonly cursor?: string;
    readonly startAfter?: string;
    readonly delimiter?: string;
  }) {
    this.counts.list++;
    const from = cursor > startAfter ? cursor : startAfter;
    const keys = [...this.objects.keys()].toSorted().filter((key) => key.startsWith(prefix) && key > from);
    const folders = new Set<string>();
    const objects: unknown[] = [];
    let last = "";
    for (const key of keys) {
      if (objects.length + folders.size >= this.#pageSize) {
        return { objects, delimitedPrefixes: [...folders], truncated: true, cursor: last };
      }
      last = key;
      const end = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      if (end >= 0) folders.add(key.slice(0, end + 1));
      else {
        const { body, metadata } = this.objects.get(key) ?? { body: new Uint8Array(0), metadata: {} };
        objects.push({ key, size: body.length, customMetadata: metadata });
      }
    }
    return { objects, delimitedPrefixes: [...folders], truncated: false };
  }

  async delete(keys: string | string[]): Promise<void> {
    this.counts.delete++;
    for (const key of typeof keys === "string" ? [keys] : keys) this.objects.delete(key);
  }
}
