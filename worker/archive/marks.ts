import type { Epoch } from "../../shared/units.ts";

/** Below which an epoch that was deleted whole has all its sequences. */
export const wholeEpoch = Number.MAX_SAFE_INTEGER;

/**
 * What was deleted on purpose: of an epoch all segments below a sequence. A mark is made before anything is deleted and stays for
 * ever, so that neither a listing nor an ingest host that delivers late brings anything back.
 */
export class Marks {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS mark (epoch INTEGER PRIMARY KEY, below INTEGER NOT NULL, is_swept INTEGER NOT NULL)",
    );
  }

  /** 0: nothing of it was deleted. */
  below(epoch: Epoch): number {
    const rows = this.#sql.exec<{ below: number }>("SELECT below FROM mark WHERE epoch = ?", epoch).toArray();
    return rows[0]?.below ?? 0;
  }

  set(epoch: Epoch, below: number): void {
    this.#sql.exec(
      `INSERT INTO mark (epoch, below, is_swept) VALUES (?, ?, 0)
       ON CONFLICT (epoch) DO UPDATE SET below = excluded.below, is_swept = 0 WHERE excluded.below > below`,
      epoch,
      below,
    );
  }

  /** Storage still has, or has again, something of what was deleted. */
  found(epoch: Epoch): void {
    this.#sql.exec("UPDATE mark SET is_swept = 0 WHERE epoch = ? AND is_swept = 1", epoch);
  }

  /** Marks whose objects may be there yet, oldest epoch first. */
  unswept(): { readonly epoch: Epoch; readonly below: number }[] {
    const rows = this.#sql.exec<{ epoch: number; below: number }>(
      "SELECT epoch, below FROM mark WHERE is_swept = 0 ORDER BY epoch",
    );
    return rows.toArray().map(({ epoch, below }) => ({ epoch: epoch as Epoch, below }));
  }

  /** The objects are gone; one that was raised meanwhile has more. */
  swept(epoch: Epoch, below: number): void {
    this.#sql.exec("UPDATE mark SET is_swept = 1 WHERE epoch = ? AND below = ?", epoch, below);
  }
}
