import { decodeBase64Url, encodeBase64Url } from "../../shared/base64.ts";
import type { Join } from "../../shared/broadcast.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { decodeSegmentMetadata } from "../../shared/object-format.ts";
import type { MountPath } from "../../shared/units.ts";
import type { ArchiveIndex } from "./archive-index.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import type { Primer } from "./reader.ts";

/**
 * What goes before the segments at which broadcasts do not continue. Segments never change, so it is made once, when somebody
 * first asks, and a recording has the same bytes each time.
 */
export class Primers {
  readonly #sql: SqlStorage;
  readonly #index: ArchiveIndex;

  constructor(sql: SqlStorage, index: ArchiveIndex) {
    this.#sql = sql;
    this.#index = index;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS primer (epoch INTEGER NOT NULL, sequence INTEGER NOT NULL, bytes TEXT NOT NULL, PRIMARY KEY (epoch, sequence))",
    );
  }

  /** In order; those that are empty are left out. Rejects when storage cannot be read. */
  async of(mount: MountPath, joins: readonly Join[], bucket: R2Bucket): Promise<Primer[]> {
    const found: Primer[] = [];
    for (const { epoch, sequence } of joins) {
      const bytes =
        this.#known({ epoch, sequence }) ?? (await this.#make(mount, { epoch, sequence }, bucket));
      const frames = mp3.indexFrames(bytes);
      const samples = frames.reduce((sum, frame) => sum + frame.samples, 0);
      if (bytes.length > 0) found.push({ epoch, sequence, bytes, samples });
    }
    return found;
  }

  #known({ epoch, sequence }: Pick<Join, "epoch" | "sequence">): Uint8Array | null {
    const [row] = this.#sql
      .exec<{ bytes: string }>("SELECT bytes FROM primer WHERE epoch = ? AND sequence = ?", epoch, sequence)
      .toArray();
    return row ? decodeBase64Url(row.bytes) : null;
  }

  async #make(
    mount: MountPath,
    { epoch, sequence }: Pick<Join, "epoch" | "sequence">,
    bucket: R2Bucket,
  ): Promise<Uint8Array> {
    const [segment] = this.#index.segments(mount, epoch, sequence, 1);
    if (!segment || segment.sequence !== sequence)
      throw new Error(`segment ${epoch}/${sequence} is not there`);
    const { body, reservoir } = await readSegment(segment, bucket);
    const primer = mp3.primer(body, mp3.indexFrames(body), 0, reservoir);
    this.#sql.exec(
      "INSERT OR REPLACE INTO primer (epoch, sequence, bytes) VALUES (?, ?, ?)",
      epoch,
      sequence,
      encodeBase64Url(primer),
    );
    return primer;
  }
}

async function readSegment(
  { stored, bytes }: ArchivedSegment,
  bucket: R2Bucket,
): Promise<{ readonly body: Uint8Array; readonly reservoir: Uint8Array }> {
  const range = stored.isChunk ? { range: { offset: stored.offset, length: bytes } } : {};
  const object = await bucket.get(stored.key, range);
  if (!object) throw new Error(`storage does not have ${stored.key}`);
  const body = new Uint8Array(await object.arrayBuffer());
  const reservoir = stored.isChunk
    ? decodeBase64Url(stored.reservoir ?? "")
    : decodeSegmentMetadata(object.customMetadata ?? {}).reservoir;
  return { body, reservoir };
}
