import { type DestinationStream, type Logger, pino } from "pino";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error"> & {
  child(fields: Record<string, unknown>): Log;
};

const secretNames = ["password", "pass", "authorization", "token", "secretAccessKey", "credentials"];

/**
 * JSON lines on standard output. Code never logs a head, a query or a credential; the redaction is the second lock on
 * that door, for an object that carries one along.
 */
export function openLog(level: string, destination?: DestinationStream): Log {
  const options = {
    name: "ingest",
    level,
    redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: "[secret]" },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** What an error says, for a log line; Node leaves the message empty when every address of a name refused. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ("code" in error ? String(error.code) : error.name);
}
