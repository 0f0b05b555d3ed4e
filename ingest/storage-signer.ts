import { createHash, createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { AwsV4Signer } from "aws4fetch";

/** Who signs, and the signing key of the day that was used last. */
export class StorageKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  #date = "";
  #key: KeyObject | null = null;

  constructor({ accessKeyId, secretAccessKey }: Pick<StorageKey, "accessKeyId" | "secretAccessKey">) {
    this.accessKeyId = accessKeyId;
    this.secretAccessKey = secretAccessKey;
  }

  /** Of AWS Signature Version 4, for region and service of the S3 API of R2; derived once a day. `date`: 20261121. */
  of(date: string): KeyObject {
    if (this.#key && date === this.#date) return this.#key;
    const parts = [date, region, service, "aws4_request"];
    const key = parts.reduce(
      (secret, part) => createHmac("sha256", secret).update(part).digest(),
      Buffer.from(`AWS4${this.secretAccessKey}`),
    );
    this.#date = date;
    this.#key = createSecretKey(key);
    return this.#key;
  }
}

interface ToSign {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  /** 20261121T062616Z. */
  readonly datetime: string;
}

/** The headers of a request, its signature among them. The body is not part of what is signed. */
export async function signedHeaders(request: ToSign, key: StorageKey): Promise<Record<string, string>> {
  const { headers } = await new StorageSigner(request, key).sign();
  return Object.fromEntries(headers);
}

const region = "auto";
const service = "s3";

/**
 * What is signed is the library's; the hashes are Node's own, at once: WebCrypto takes four trips to other threads for
 * them, which cost this process more than all else that it does to sign.
 */
class StorageSigner extends AwsV4Signer {
  readonly #key: StorageKey;

  constructor(request: ToSign, key: StorageKey) {
    const { accessKeyId, secretAccessKey } = key;
    super({ ...request, service, region, accessKeyId, secretAccessKey });
    this.#key = key;
  }

  override async stringToSign(): Promise<string> {
    const hash = createHash("sha256").update(await this.canonicalString());
    return `AWS4-HMAC-SHA256\n${this.datetime}\n${this.credentialString}\n${hash.digest("hex")}`;
  }

  override async signature(): Promise<string> {
    const key = this.#key.of(this.datetime.slice(0, 8));
    return createHmac("sha256", key)
      .update(await this.stringToSign())
      .digest("hex");
  }
}
