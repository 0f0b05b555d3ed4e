import { readFile } from "node:fs/promises";
import { matchesGlob, relative, sep } from "node:path";
import { build, type Plugin } from "esbuild";

export interface WorkerSource {
  readonly root: string;
  /** Absolute path of the worker's entry module. */
  readonly main: string;
  /** Globs, relative to `root`, of the files that are imported as text. */
  readonly textGlobs: readonly string[];
}

/** The worker as one module, bundled under the conditions wrangler uses. Rejects with esbuild's messages. */
export async function bundleWorker({ root, main, textGlobs }: WorkerSource): Promise<string> {
  const result = await build({
    entryPoints: [main],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    external: ["cloudflare:*", "node:*"],
    sourcemap: "inline",
    logLevel: "silent",
    plugins: [textFiles(root, textGlobs)],
  });
  const output = result.outputFiles[0];
  if (output === undefined) throw new Error("esbuild wrote no module");
  return output.text;
}

/** Files that the worker's rules name are text, also those whose ending means a program. */
function textFiles(root: string, globs: readonly string[]): Plugin {
  return {
    name: "text-files",
    setup(bundle) {
      bundle.onLoad({ filter: /\.(html|css|js|txt|svg)$/ }, async ({ path }) => {
        const name = relative(root, path).split(sep).join("/");
        if (!globs.some((glob) => matchesGlob(name, glob))) return undefined;
        return { contents: await readFile(path, "utf8"), loader: "text" };
      });
    },
  };
}
