import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Takes the data folder for this process: false when another stack has it. Two edge runtimes on one folder would
 * break each other's databases. The lock is SQLite's on a file of its own; the system lets go of it when the process
 * ends in whatever way, so none is ever left over.
 */
export function lockDataFolder(dataDir: string): boolean {
  const database = new DatabaseSync(join(dataDir, "lock.sqlite"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (error instanceof Error && "errcode" in error && error.errcode === sqliteBusy) return false;
    throw error;
  }
  held.push(database);
  return true;
}

const sqliteBusy = 5;

/** A collected database would drop its lock. */
const held: DatabaseSync[] = [];
