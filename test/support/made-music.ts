import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { seeded } from "./seeded.ts";

/** A song to be made: a sound of its own, loud from its first sample to its last. */
export interface Recipe {
  /** Path within the folder. Another name is another sound. */
  readonly name: string;
  readonly seconds: number;
  readonly sampleRate?: number;
  /** 1 is full scale. */
  readonly level?: number;
  /** Options of `lame`. */
  readonly lame: readonly string[];
  /** Tags in front of the audio and behind it. */
  readonly before?: Uint8Array;
  readonly after?: Uint8Array;
}

export interface MadeSong {
  readonly path: string;
  /** Of its sound, per channel. */
  readonly samples: number;
}

/** Encoders at the same time: a test runs beside others. */
const encoders = 2;

/** Makes the songs in a folder; a minute of sound takes half a second. */
export async function makeMusic(folder: string, recipes: readonly Recipe[]): Promise<MadeSong[]> {
  const made: MadeSong[] = [];
  const waiting = [...recipes.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, recipe] = next;
      made[index] = await makeSong(folder, recipe);
    }
  };
  await Promise.all(Array.from({ length: encoders }, work));
  return made;
}

async function makeSong(folder: string, recipe: Recipe): Promise<MadeSong> {
  const { name, seconds, sampleRate = 44_100, level = 0.4, lame, before, after } = recipe;
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  const samples = Math.round(seconds * sampleRate);
  const input = ["--quiet", "-r", "-s", String(sampleRate / 1000), "--bitwidth", "16"];
  await run("lame", [...input, ...lame, "-", path], sound({ name, samples, sampleRate, level }));
  if (before || after) {
    writeFileSync(path, Buffer.concat([before ?? Buffer.of(), readFileSync(path), after ?? Buffer.of()]));
  }
  return { path, samples };
}

/** Two voices that glide, and noise, so that no two frames are alike: 16-bit stereo. */
function sound({
  name,
  samples,
  sampleRate,
  level,
}: {
  readonly name: string;
  readonly samples: number;
  readonly sampleRate: number;
  readonly level: number;
}): Buffer {
  const random = seeded(Buffer.from(name).reduce((hash, byte) => (hash * 31 + byte) | 0, 7));
  const pcm = new Int16Array(2 * samples);
  const glide = 1 + (random() - 0.5) / (20 * sampleRate);
  let low = (110 + 220 * random()) / sampleRate;
  let high = (440 + 880 * random()) / sampleRate;
  let noise = Math.floor(random() * 2 ** 31) | 1;
  let [atLow, atHigh] = [random(), random()];
  for (let at = 0; at < samples; at++) {
    low *= glide;
    high /= glide;
    atLow = (atLow + low) % 1;
    atHigh = (atHigh + high) % 1;
    // xorshift32
    noise ^= noise << 13;
    noise ^= noise >>> 17;
    noise ^= noise << 5;
    const rough = noise / 2 ** 31;
    const first = 2 * Math.abs(2 * atLow - 1) - 1;
    const second = 2 * Math.abs(2 * atHigh - 1) - 1;
    pcm[2 * at] = 32_767 * level * (0.5 * first + 0.3 * second + 0.2 * rough);
    pcm[2 * at + 1] = 32_767 * level * (0.3 * first + 0.5 * second + 0.2 * rough);
  }
  return Buffer.from(pcm.buffer);
}

function run(command: string, args: readonly string[], input: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: ["pipe", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${command}: ${said}`))));
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}
