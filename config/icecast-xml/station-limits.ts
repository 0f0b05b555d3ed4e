import type { XmlContext } from "./context.ts";
import { eachChild, instead, numberOf, textOf } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

/** Icecast 2.4.4's own, which hold where its file says nothing. */
const defaults = { clients: 256, sources: 16, burstBytes: 65_536 };
/** Sockets beside those of listeners: sources, title updates, scripts. */
const socketsBeside = 64;
const highestConnections = 100_000;

export function readLimits(limits: XmlElement, { draft }: XmlContext): void {
  const seconds = (setting: string) => (element: XmlElement) => {
    const value = numberOf(element, draft);
    if (value !== undefined) draft.set(["limits", setting], value, element);
  };
  eachChild(
    limits,
    {
      clients: (element) => {
        const clients = numberOf(element, draft);
        if (clients !== undefined) draft.set(["limits", "max_listeners_in_all"], clients, element);
      },
      sources: (element) => {
        const sources = numberOf(element, draft);
        if (sources !== undefined) draft.set(["limits", "sources"], sources, element);
      },
      "header-timeout": seconds("header_timeout"),
      "source-timeout": seconds("source_timeout"),
      "burst-on-connect": (element) => {
        if (numberOf(element, draft) === 0) setBurst(0, element, draft);
      },
      "burst-size": (element) => readBurst(element, draft, (burst) => setBurst(burst, element, draft)),
      "queue-size": instead(
        draft,
        "no limit in bytes: a listener may fall a minute behind, then joins anew near live",
      ),
      "client-timeout": instead(draft, "connections that send nothing are closed after <header-timeout>"),
      threadpool: instead(draft, "there are no threads to count"),
      "body-timeout": instead(draft, "the body of a request has as long as its head, <header-timeout>"),
      "body-size-limit": instead(draft, "forms have limits of their own"),
      "server-idle-timeout": instead(draft, "the server runs until it is stopped"),
      workers: instead(draft, "there are no threads to count"),
      "max-bandwidth": instead(draft, "bandwidth is not limited"),
      "min-queue-size": instead(draft, "has no effect"),
    },
    draft,
  );
}

type Burst = number | { readonly seconds: number };

/** Bytes as in Icecast, or seconds as KH writes them: `10s`. A negative size says nothing. */
export function readBurst(
  element: XmlElement,
  draft: XmlContext["draft"],
  take: (burst: Burst) => void,
): void {
  const seconds = /^(\d{1,6})s$/.exec(textOf(element) ?? "")?.[1];
  if (seconds !== undefined) return take({ seconds: Number(seconds) });
  const bytes = numberOf(element, draft);
  if (bytes !== undefined && bytes >= 0) take(bytes);
}

function setBurst(burst: Burst, element: XmlElement, draft: XmlContext["draft"]): void {
  draft.unset(["limits", "burst_bytes"]);
  draft.unset(["limits", "burst_seconds"]);
  if (burst === 0) draft.set(["limits", "burst_seconds"], 0, element);
  else if (typeof burst === "number") draft.set(["limits", "burst_bytes"], burst, element);
  else draft.set(["limits", "burst_seconds"], burst.seconds, element);
}

/** After all sections: what the file leaves to Icecast. */
export function finishLimits(root: XmlElement, { draft }: XmlContext): void {
  const fill = (setting: string, value: number) => {
    if (draft.get(["limits", setting]) === undefined) draft.set(["limits", setting], value, root);
  };
  fill("max_listeners_in_all", defaults.clients);
  fill("sources", defaults.sources);
  if (draft.get(["limits", "burst_seconds"]) === undefined) fill("burst_bytes", defaults.burstBytes);

  // Icecast has no limit by address: behind a proxy all listeners come from one.
  const [clients, sources] = ["max_listeners_in_all", "sources"].map((name) =>
    Number(draft.get(["limits", name])),
  );
  const needed = Math.max(4096, (clients ?? 0) + (sources ?? 0) + socketsBeside);
  const connections = Math.min(needed, highestConnections);
  draft.set(["limits", "connections"], connections, root);
  draft.set(["limits", "connections_per_address"], connections, root);
}
