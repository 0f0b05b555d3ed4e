import type { Environment } from "../../config/environment.ts";
import type { IngestSettings } from "../../config/ingest-settings.ts";
import { runningOn } from "../../config/running-stack.ts";
import type { StackSettings } from "../../config/settings.ts";
import { type ObjectStore, StorageError } from "./object-store.ts";

/** There is no storage that takes our requests; the message says what to do. */
export class NoStorageError extends Error {
  override readonly name = "NoStorageError";
}

export interface StoragePlace {
  readonly storage: IngestSettings["storage"];
  /** Whether it is that of a stack on this machine. */
  readonly isLocal: boolean;
}

/** The storage that the environment names, or that of the stack which runs on the data folder. Throws NoStorageError. */
export function storagePlace(
  { ingest, dataDir }: Pick<StackSettings, "ingest" | "dataDir">,
  env: Environment,
): StoragePlace {
  if (env["SKYWAVE_S3_URL"]) {
    const missing = ["SKYWAVE_S3_ACCESS_KEY_ID", "SKYWAVE_S3_SECRET_ACCESS_KEY"].filter((name) => !env[name]);
    const isLoopback = /^https?:\/\/(127\.|localhost[:/]|\[::1\])/.test(ingest.storage.bucketUrl);
    if (missing.length > 0 && !isLoopback) {
      throw new NoStorageError(
        `SKYWAVE_S3_URL names a storage, and ${missing.join(" and ")} must be set for it`,
      );
    }
    return { storage: ingest.storage, isLocal: false };
  }
  // Without a stack: `npm run dev` serves the storage on the edge's own port.
  const bucketUrl = runningOn(dataDir)?.bucketUrl ?? ingest.storage.bucketUrl;
  return { storage: { ...ingest.storage, bucketUrl }, isLocal: true };
}

/** Rejects with NoStorageError, saying what to do, when storage cannot be used. */
export async function checkStorage(
  store: Pick<ObjectStore, "probe">,
  { isLocal, storage }: StoragePlace,
  dataDir: string,
): Promise<void> {
  try {
    await store.probe();
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const { status, message } = error;
    const origin = new URL(storage.bucketUrl).origin;
    if (isLocal && (status === 0 || status === 404)) {
      throw new NoStorageError(
        `no stack runs on the data folder ${dataDir}: its storage is there only while npm start runs. Start it in another ` +
          "terminal, or name another folder with --data, or another storage with SKYWAVE_S3_URL",
        { cause: error },
      );
    }
    if (status === 401 || status === 403) {
      const whose = isLocal
        ? `of the data folder ${dataDir}`
        : "in SKYWAVE_S3_ACCESS_KEY_ID and SKYWAVE_S3_SECRET_ACCESS_KEY";
      throw new NoStorageError(`${origin} does not take the credentials ${whose} (${message})`, {
        cause: error,
      });
    }
    const bucket =
      status === 404
        ? `: there is no bucket ${JSON.stringify(new URL(storage.bucketUrl).pathname.slice(1))}`
        : "";
    throw new NoStorageError(`the storage at ${origin} cannot be used${bucket} (${message})`, {
      cause: error,
    });
  }
}
