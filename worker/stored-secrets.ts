import { concatenate } from "../shared/concatenate.ts";
import type { EdgeSecrets } from "../shared/edge-secrets.ts";

/** What is needed of an object's storage. */
interface SecretsStorage {
  get(key: string): unknown;
  put(key: string, value: StoredHead | Uint8Array): void;
  delete(key: string): unknown;
}

/** `version` is another one for other secrets. Format 1 had the secrets themselves in their place. */
type StoredHead = { readonly format: 2; readonly version: string; readonly pieces: number };
type Stored = StoredHead | { readonly format: 1; readonly secrets: EdgeSecrets } | undefined;

/** Secrets in an object's storage: a value of it has 2 MB at most, and 20,000 listener users have more, so it is JSON in pieces. */
export class StoredSecrets {
  readonly #kv: SecretsStorage;

  constructor(kv: SecretsStorage) {
    this.#kv = kv;
  }

  /** Of those that `read` returns. */
  get version(): string {
    const stored = this.#stored();
    if (!stored) return "none";
    return stored.format === 2 ? stored.version : "first";
  }

  /** Null when none were ever stored. */
  read(): EdgeSecrets | null {
    const stored = this.#stored();
    if (!stored) return null;
    return stored.format === 2 ? (JSON.parse(this.#text(stored)) as EdgeSecrets) : stored.secrets;
  }

  /** All or nothing: what an object writes without waiting for anything is stored together. The same again changes nothing. */
  keep(secrets: EdgeSecrets): void {
    const before = this.#stored();
    const text = JSON.stringify(secrets);
    if (before?.format === 2 && this.#text(before) === text) return;
    const bytes = new TextEncoder().encode(text);
    const pieces = Math.ceil(bytes.length / pieceBytes);
    for (let piece = 0; piece < pieces; piece++) {
      this.#kv.put(pieceKey(piece), bytes.slice(piece * pieceBytes, (piece + 1) * pieceBytes));
    }
    const gone = before?.format === 2 ? before.pieces : 0;
    for (let piece = pieces; piece < gone; piece++) this.#kv.delete(pieceKey(piece));
    this.#kv.put(headKey, { format: 2, version: crypto.randomUUID(), pieces });
  }

  #stored(): Stored {
    return this.#kv.get(headKey) as Stored;
  }

  #text({ pieces }: StoredHead): string {
    const keys = Array.from({ length: pieces }, (_, piece) => pieceKey(piece));
    return new TextDecoder().decode(concatenate(keys.map((key) => this.#kv.get(key) as Uint8Array)));
  }
}

const pieceBytes = 1_000_000;
const headKey = "secrets";
const pieceKey = (piece: number): string => `secrets piece ${piece}`;
