import type { ListenerAuth } from "./edge-secrets.ts";

/*
 * What Icecast 2.4.4 says to an authentication server and hears from it (`authentication type="url"`), on the wire:
 *
 *   POST, application/x-www-form-urlencoded, fields in this order:
 *   action=listener_add     server port client mount user pass          ip agent  and the headers that were asked for
 *   action=listener_remove  server port client mount user pass duration ip agent
 *
 * Every byte of a value that is no ASCII letter or digit is escaped, in lower case; names are not. `mount` is the target
 * as it was asked for, with its query. Without a User-Agent `agent` is a bare `-`.
 *
 * The listener is let in when a header of the reply reads as expected, the status being below 400; redirects are not
 * followed. The timelimit header tells for how many seconds, 0: for none. The body means nothing.
 */
export type UrlAuth = Extract<ListenerAuth, { readonly kind: "url" }>;

/** A listener as an authentication server is told of it. */
export interface AskedListener {
  readonly server: string;
  readonly port: number;
  /** Number of its session. */
  readonly client: number;
  /** Path and query. */
  readonly target: string;
  readonly user: string;
  readonly password: string;
  /** Empty where nobody can say. */
  readonly ip: string;
  readonly agent: string | null;
}

const encoder = new TextEncoder();

export function escapeField(text: string): string {
  let escaped = "";
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte);
    escaped += /[0-9A-Za-z]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0")}`;
  }
  return escaped;
}

/** `headerOf`: a header of the listener's request; null where it has none. */
export function listenerAddForm(
  listener: AskedListener,
  { headers, headerPrefix }: Pick<UrlAuth, "headers" | "headerPrefix">,
  headerOf: (name: string) => string | null,
): string {
  const passedOn = headers.flatMap((name) => {
    const value = headerOf(name);
    return value === null ? [] : [`${headerPrefix}${name}=${escapeField(value)}`];
  });
  return ["action=listener_add", ...whoListens(listener), ...whereFrom(listener), ...passedOn].join("&");
}

/** `durationMs`: for how long it listened. */
export const listenerRemoveForm = (listener: AskedListener, durationMs: number): string =>
  [
    "action=listener_remove",
    ...whoListens(listener),
    `duration=${Math.max(0, Math.round(durationMs / 1_000))}`,
    ...whereFrom(listener),
  ].join("&");

const whoListens = ({ server, port, client, target, user, password }: AskedListener): string[] => [
  `server=${escapeField(server)}`,
  `port=${port}`,
  `client=${client}`,
  `mount=${escapeField(target)}`,
  `user=${escapeField(user)}`,
  `pass=${escapeField(password)}`,
];

const whereFrom = ({ ip, agent }: AskedListener): string[] => [
  `ip=${escapeField(ip)}`,
  `agent=${agent === null ? "-" : escapeField(agent)}`,
];

export type AuthAnswer =
  /** `limitSeconds` undefined: for as long as it likes. */
  { readonly kind: "accepted"; readonly limitSeconds: number | undefined } | { readonly kind: "refused" };

/** `headerOf`: of the reply; several of one name joined by commas. */
export function readAuthAnswer(
  { acceptHeader, timelimitHeader }: Pick<UrlAuth, "acceptHeader" | "timelimitHeader">,
  status: number,
  headerOf: (name: string) => string | null,
): AuthAnswer {
  const said = headerOf(acceptHeader.name)?.trim().toLowerCase();
  const wanted = acceptHeader.value.trim().toLowerCase();
  const fits = said !== undefined && [said, ...said.split(",")].some((value) => value.trim() === wanted);
  if (status >= 400 || !fits) return { kind: "refused" };
  const limit = headerOf(timelimitHeader);
  if (limit === null) return { kind: "accepted", limitSeconds: undefined };
  // As sscanf reads an unsigned number: what is none is 0.
  const seconds = Number(/^\s*(\d{1,10})/.exec(limit)?.[1] ?? 0);
  return { kind: "accepted", limitSeconds: seconds };
}
