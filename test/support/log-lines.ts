/** A line of the JSON log. */
export type LogEntry = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg: string };

/** The complete JSON lines of a log; what is not JSON is left out. */
export function logLines(log: string): LogEntry[] {
  return log.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    try {
      return [JSON.parse(line) as LogEntry];
    } catch {
      return [];
    }
  });
}

/** The ways a password could stand in a log: as it is, in a URL, in a Basic credential of `user`, by itself in base64 or hex. */
export function spellingsOf(password: string, user = "source"): string[] {
  const hex = Buffer.from(password).toString("hex");
  return [password, encodeURIComponent(password), base64Of(`${user}:${password}`), base64Of(password), hex];
}

/** Without the last characters, which depend on what follows. */
const base64Of = (text: string): string => Buffer.from(text).toString("base64").replace(/.=*$/, "");
