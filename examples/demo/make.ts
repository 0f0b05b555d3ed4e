import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileOf, pieces } from "./demo.ts";

/** `node examples/demo/make.ts`: makes the demo's music anew, beside this file; the same bytes in every run. */
for (const piece of pieces) {
  const bytes = await fileOf(piece);
  writeFileSync(join(import.meta.dirname, `${piece.name}.mp3`), bytes);
  process.stdout.write(`${piece.name}.mp3: ${bytes.length} bytes\n`);
}
