/** An R2 bucket in memory, as far as the archive uses one: lists in pages, reads ranges, takes uploads of several parts. */
export class FakeBucket {
  readonly objects = new Map<
    string,
    { readonly body: Uint8Array; readonly metadata: Record<string, string> }
  >();
  /** Begun and neither completed nor given up, by their ids. */
  readonly uploads = new Map<string, { readonly key: string; readonly parts: Map<number, Uint8Array> }>();
  /** `put`: all that storage charges as writes. */
  readonly counts = { get: 0, put: 0, list: 0, delete: 0 };
  #uploaded = 0;
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
      body: new Blob([body]).stream(),
      json: async () => JSON.parse(new TextDecoder().decode(body)) as unknown,
    };
  }

  async head(key: string) {
    this.counts.get++;
    const object = this.objects.get(key);
    return object ? { key, size: object.body.length, customMetadata: object.metadata } : null;
  }

  async createMultipartUpload(key: string) {
    this.counts.put++;
    const id = `upload ${++this.#uploaded}`;
    this.uploads.set(id, { key, parts: new Map() });
    return this.resumeMultipartUpload(key, id);
  }

  /** As storage has it: every part but the last of one size, 5 MiB at least. */
  resumeMultipartUpload(key: string, uploadId: string) {
    const open = () => {
      const upload = this.uploads.get(uploadId);
      if (upload?.key !== key) throw new Error("the upload does not exist");
      return upload;
    };
    return {
      key,
      uploadId,
      uploadPart: async (partNumber: number, value: Uint8Array) => {
        this.counts.put++;
        open().parts.set(partNumber, Uint8Array.from(value));
        return { partNumber, etag: `${value.length}` };
      },
      complete: async (uploaded: readonly { readonly partNumber: number }[]): Promise<void> => {
        this.counts.put++;
        const { parts } = open();
        const bodies = uploaded.map(({ partNumber }) => parts.get(partNumber) ?? new Uint8Array(0));
        const [first] = bodies;
        for (const part of bodies.slice(0, -1)) {
          if (part.length < 5_242_880 || part.length !== first?.length)
            throw new Error(`a part has ${part.length} bytes`);
        }
        this.objects.set(key, { body: Buffer.concat(bodies), metadata: {} });
        this.uploads.delete(uploadId);
      },
      abort: async (): Promise<void> => {
        open();
        this.uploads.delete(uploadId);
      },
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
