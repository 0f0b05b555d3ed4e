import { MPEGDecoder } from "mpg123-decoder";

export interface Sound {
  /** One array a channel, two also of mono; owned by the caller. */
  readonly channelData: readonly Float32Array[];
  readonly samples: number;
}

/**
 * mpg123, fed with whole frames: its own search for them is not asked for. Each file gets a decoder of its own, since
 * one that met damage may keep it.
 */
export class Decoder {
  readonly #mpg123: MPEGDecoder;
  #errors = 0;

  private constructor(mpg123: MPEGDecoder) {
    this.#mpg123 = mpg123;
  }

  static async open(): Promise<Decoder> {
    const mpg123 = new MPEGDecoder({ enableGapless: false });
    await mpg123.ready;
    return new Decoder(mpg123);
  }

  get errors(): number {
    return this.#errors;
  }

  decode(frames: readonly Uint8Array[]): Sound {
    const { channelData, samplesDecoded, errors } = this.#mpg123.decode(Buffer.concat(frames));
    this.#errors += errors.length;
    return { channelData, samples: samplesDecoded };
  }

  close(): void {
    this.#mpg123.free();
  }
}
