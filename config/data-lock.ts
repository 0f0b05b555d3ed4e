import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Who has a data folder for itself. An ingest of its own may run beside a stack's edge, so each kind has its lock. */
const lockFiles = { stack: "lock.sqlite", ingest: "ingest-lock.sqlite" } as const;

/**
 * Takes the data folder for this process: false when another of its kind has it. Two edge runtimes on one folder would
 * break each other's databases; two ingests would pass for one host to the edge, and each publish and remove the
 * other's segments. The lock is SQLite's on a file of its own; the system lets go of it when the process ends in
 * whatever way, so none is ever left over. Throws when the folder cannot be written.
 */
export function lockDataFolder(dataDir: string, kind: keyof typeof lockFiles): boolean {
  const database = new DatabaseSync(join(dataDir, lockFiles[kind]));
  try {
    // The write tells a file that can only be read, which two could have at a time.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version = 1");
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
