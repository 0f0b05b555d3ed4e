import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/** The parts of a Durable Object's storage that objects with SQL use, over a database in memory: it outlives the object. */
export function fakeStorage() {
  const database = new DatabaseSync(":memory:");
  const kept = new Map<string, unknown>();
  let alarm: number | null = null;
  const sql = {
    /** As the platform's, with rows of plain objects. */
    exec(query: string, ...values: SQLInputValue[]) {
      const rows = database
        .prepare(query)
        .all(...values)
        .map((row) => ({ ...row }));
      return {
        toArray: () => rows,
        one() {
          const [row] = rows;
          if (rows.length !== 1 || !row) throw new Error(`expected one row, got ${rows.length}`);
          return row;
        },
        [Symbol.iterator]: () => rows[Symbol.iterator](),
      };
    },
  };
  const kv = {
    get: (key: string) => structuredClone(kept.get(key)),
    put: (key: string, value: unknown) => void kept.set(key, structuredClone(value)),
    delete: (key: string) => kept.delete(key),
  };
  return {
    sql,
    kv,
    get alarm() {
      return alarm;
    },
    getAlarm: async () => alarm,
    setAlarm: async (ms: number) => void (alarm = ms),
    deleteAlarm: async () => void (alarm = null),
  };
}
