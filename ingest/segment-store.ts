import { AwsClient } from "aws4fetch";
import type { IngestSettings } from "../config/ingest-settings.ts";
import { reasonOf } from "./log.ts";
import type { SegmentStore } from "./segment-publisher.ts";

/** Storage did not take an object; worth another try. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;

  constructor(message: string, status?: number) {
    super(message);
    if (status !== undefined) this.status = status;
  }
}

/** The S3 API of R2, path style, region `auto`. Local storage and Cloudflare's answer alike. */
export class S3SegmentStore implements SegmentStore {
  readonly #client: AwsClient;
  readonly #bucketUrl: string;

  constructor({ bucketUrl, accessKeyId, secretAccessKey }: IngestSettings["storage"]) {
    this.#bucketUrl = bucketUrl;
    // Retrying is the publisher's: it knows the order and what may be dropped.
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto", retries: 0 });
  }

  async put(
    key: string,
    object: {
      readonly body: Uint8Array;
      readonly contentType: string;
      readonly metadata: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<"stored" | "exists"> {
    const headers: Record<string, string> = { "Content-Type": object.contentType, "If-None-Match": "*" };
    for (const [name, value] of Object.entries(object.metadata)) headers[`x-amz-meta-${name}`] = value;
    let response: Response;
    try {
      const body = object.body as Uint8Array<ArrayBuffer>;
      const request = await this.#client.sign(`${this.#bucketUrl}/${key}`, { method: "PUT", headers, body });
      response = await fetch(request, { signal });
    } catch (error) {
      throw new StoreError(reasonOf(error));
    }
    // Nothing in the body is of use, and an unread one would keep its connection.
    await response.body?.cancel().catch(() => undefined);
    if (response.ok) return "stored";
    if (response.status === 412) return "exists";
    throw new StoreError(`storage answered ${response.status}`, response.status);
  }
}
