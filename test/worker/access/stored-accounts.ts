import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { AccountsObject } from "../../../worker/access/accounts-object.ts";
import type { Host } from "../../../worker/mount-feed.ts";

/** An object's storage: SQLite, as the platform has it below. Outlives the object that is made on it. */
export class FakeStorage {
  readonly #database = new DatabaseSync(":memory:");
  readonly #values = new Map<string, unknown>();

  readonly sql = {
    exec: (query: string, ...bindings: SQLInputValue[]) => {
      const rows = this.#database.prepare(query).all(...bindings);
      return { toArray: () => rows.map((row) => ({ ...row })), one: () => ({ ...rows[0] }) };
    },
  };
  readonly kv = {
    get: (key: string) => this.#values.get(key),
    put: (key: string, value: unknown) => void this.#values.set(key, value),
  };
}

/** The object on a storage, and the fallbacks that the directory was told last. */
export function accountsOn(Class: typeof AccountsObject, storage = new FakeStorage()) {
  const told: { fallbacks?: unknown } = {};
  const directory = { keepFallbacks: async (fallbacks: unknown) => void (told.fallbacks = fallbacks) };
  const env = { DIRECTORY: { getByName: () => directory } };
  return { object: new Class({ storage }, env as never), told };
}

/** What a request lends, in a worker whose accounts are these. */
export const hostWith = (object: unknown, env: object = {}): Host =>
  ({
    env: { ACCOUNTS: { getByName: () => object }, ...env },
    keepAlive: () => undefined,
    hostname: "radio.example",
  }) as unknown as Host;
