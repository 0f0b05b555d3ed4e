import type { ListenerSession } from "../../shared/listener-session.ts";
import type { MountPath } from "../../shared/units.ts";
import { parentElement, textElement, xmlDocument } from "./icecast-xml.ts";
import type { IcecastStatistics } from "./statistics-fields.ts";

/** One mount in Icecast's lists. */
export interface ListedMount {
  readonly mount: MountPath;
  /** The mount it falls back to; "" without one. */
  readonly fallback: string;
  readonly listeners: number;
  readonly authenticator: string | undefined;
  readonly connectedSeconds: number;
  readonly contentType: string;
}

/** What a command comes to, before it is written as Icecast's XML or as a page for people. */
export type AdminAnswer =
  | { readonly kind: "response"; readonly message: string; readonly done: boolean }
  | { readonly kind: "statistics"; readonly statistics: IcecastStatistics }
  /** `from`: those that its listeners can be moved to. */
  | { readonly kind: "mounts"; readonly mounts: readonly ListedMount[]; readonly from?: MountPath }
  | {
      readonly kind: "listeners";
      readonly mount: MountPath;
      readonly listeners: readonly ListenerSession[];
      readonly now: number;
    }
  | {
      readonly kind: "accounts";
      readonly mount: MountPath;
      readonly users: readonly string[];
      readonly message?: string;
    }
  | { readonly kind: "mount"; readonly mount: MountPath };

/** As Icecast 2.4.4 on the wire. */
export const answerXml = (answer: AdminAnswer): string => xmlDocument(rootOf(answer));

function rootOf(answer: AdminAnswer): string {
  switch (answer.kind) {
    case "response":
      return parentElement("iceresponse", {}, [
        textElement("message", answer.message),
        textElement("return", answer.done ? "1" : "0"),
      ]);
    case "statistics": {
      const { global, sources } = answer.statistics;
      return parentElement("icestats", {}, [
        ...elementsOf(global),
        ...[...sources].map(([mount, fields]) => sourceElement(mount, elementsOf(fields))),
      ]);
    }
    case "mounts": {
      const current = answer.from === undefined ? [] : [textElement("current_source", answer.from)];
      return parentElement("icestats", {}, [...current, ...answer.mounts.map(listedMount)]);
    }
    case "listeners": {
      const { mount, listeners, now } = answer;
      const count = textElement("Listeners", String(listeners.length));
      const each = listeners.map((listener) => listenerElement(listener, now));
      return parentElement("icestats", {}, [sourceElement(mount, [count, ...each])]);
    }
    case "accounts": {
      const users = answer.users.map((name) => parentElement("User", {}, [textElement("username", name)]));
      const { message } = answer;
      const said =
        message === undefined ? [] : [parentElement("iceresponse", {}, [textElement("message", message)])];
      return parentElement("icestats", {}, [sourceElement(answer.mount, users), ...said]);
    }
    case "mount":
      return parentElement("icestats", {}, [sourceElement(answer.mount, [])]);
  }
}

const elementsOf = (fields: Iterable<readonly [string, string]>): string[] =>
  [...fields].map(([name, text]) => textElement(name, text));

const sourceElement = (mount: MountPath, children: readonly string[]): string =>
  parentElement("source", { mount }, children);

const listedMount = (listed: ListedMount): string =>
  sourceElement(listed.mount, [
    textElement("fallback", listed.fallback),
    textElement("listeners", String(listed.listeners)),
    ...(listed.authenticator === undefined ? [] : [textElement("authenticator", listed.authenticator)]),
    textElement("Connected", String(listed.connectedSeconds)),
    textElement("content-type", listed.contentType),
  ]);

/** Tools read an address here: where nobody can vouch for one it is the one that means none. */
const listenerElement = (listener: ListenerSession, now: number): string =>
  parentElement("listener", {}, [
    textElement("IP", listener.address ?? "0.0.0.0"),
    textElement("UserAgent", listener.userAgent || "Unknown"),
    textElement("Connected", String(secondsSince(listener.startedMs, now))),
    textElement("ID", String(listener.id)),
    ...(listener.user === null ? [] : [textElement("username", listener.user)]),
  ]);

export const secondsSince = (ms: number, now: number): number => Math.max(0, Math.floor((now - ms) / 1000));
