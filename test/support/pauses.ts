import { spawn } from "node:child_process";

/** Of MPEG-1. */
const samplesPerFrame = 1_152;

export interface Pause {
  readonly atSample: number;
  readonly samples: number;
}

/** What ffmpeg has to say of MP3 when it looks for errors, and where what it decodes is silent for longer than a frame. */
export async function pausesOf(
  bytes: Uint8Array,
): Promise<{ readonly said: string; readonly pauses: readonly Pause[] }> {
  const check = ["-v", "warning", "-err_detect", "crccheck+bitstream+buffer"];
  const child = spawn("ffmpeg", [...check, "-f", "mp3", "-i", "-", "-f", "s16le", "-ac", "1", "-"]);
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.end(bytes);
  const pauses: Pause[] = [];
  let at = 0;
  let quiet = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    const whole = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const even = whole.length - (whole.length % 2);
    for (let offset = 0; offset < even; offset += 2) {
      if (Math.abs(whole.readInt16LE(offset)) <= 16) quiet++;
      else {
        if (quiet > samplesPerFrame) pauses.push({ atSample: at - quiet, samples: quiet });
        quiet = 0;
      }
      at++;
    }
    rest = whole.subarray(even);
  }
  return { said, pauses };
}
