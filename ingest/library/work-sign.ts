import { createHash } from "node:crypto";
import { setInterval } from "node:timers";
import { editionKeepMs } from "../../shared/library.ts";
import { signRefreshMs, signValidMs } from "./limits.ts";
import type { ListedObject } from "../bucket-listing.ts";
import type { ObjectStore } from "./object-store.ts";

/**
 * Uploads rely on tracks that are in storage already, and `prune` deletes tracks that nobody plays: each puts up a sign,
 * then looks for the other's. Storage is consistent, so of two that begin at once at least one sees the other's and gives way.
 * A library that was removed is still heard for a while: its sign stays and keeps `prune` off until then.
 *
 * `library/v1/.work/<kind>-<who>`: an object whose age counts; no library's name begins with a dot. The sign of a command
 * that was killed is its own when it runs again, and worth nothing after an hour.
 */
const signPrefix = "library/v1/.work/";

export type Work = "upload" | "prune" | "remove";

const validMs: Readonly<Record<Work, number>> = {
  upload: signValidMs,
  prune: signValidMs,
  remove: editionKeepMs,
};
const inTheWayOf: Readonly<Record<Work, readonly Work[]>> = {
  upload: ["prune"],
  prune: ["upload", "remove"],
  remove: [],
};

export interface WorkSign {
  /** Leaves it where it is, to become old. */
  leave(): void;
  /** Takes it down. */
  end(): Promise<void>;
}

type SignStore = Pick<ObjectStore, "delete" | "list" | "put">;

interface Given {
  readonly store: SignStore;
  /** Tells who works; the same when it works again. */
  readonly who: string;
  /** Ms since the Unix epoch. */
  readonly now: () => number;
}

/** The sign; or the kind of work under way that does not go together with it. */
export async function putUpSign(work: Work, { store, who, now }: Given): Promise<WorkSign | Work> {
  const key = `${signPrefix}${work}-${createHash("sha256").update(who).digest("hex").slice(0, 16)}`;
  const put = () => store.put(key, { body: new Uint8Array(), contentType: "text/plain", metadata: {} });
  await put();
  // Ages are taken on storage's clock: our own sign says what it is now.
  const signs: ListedObject[] = [];
  for await (const sign of store.list(signPrefix)) signs.push(sign);
  const nowMs = signs.find((sign) => sign.key === key)?.putMs ?? now();
  const isOver = (sign: ListedObject): boolean => nowMs - sign.putMs >= Math.max(...Object.values(validMs));
  for (const sign of signs.filter(isOver)) await store.delete(sign.key);
  const other = inTheWayOf[work].find((kind) =>
    signs.some((sign) => sign.key.startsWith(`${signPrefix}${kind}-`) && nowMs - sign.putMs < validMs[kind]),
  );
  if (other !== undefined) {
    await store.delete(key);
    return other;
  }
  const refresh = setInterval(() => void put().catch(() => undefined), signRefreshMs).unref();
  return {
    leave: () => clearInterval(refresh),
    async end() {
      clearInterval(refresh);
      await store.delete(key);
    },
  };
}
