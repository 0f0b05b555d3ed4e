// Runs on the machine's own Node (18 or newer) with nothing installed: plain JavaScript, no dependencies.
//
//   node local/bootstrap.mjs <script.ts | name of a bin> [arguments…]
//
// Installs what package-lock.json names when that is missing or out of date, then runs the script or bin on the
// Node that the project brings.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === "win32";
const nodeMajor = "24";

/** Programs that install scripts put in place, or that only the right platform's package brings. */
function missingPrograms(modules) {
  const missing = [];
  if (!projectNodeWorks(modules)) missing.push(`node ${nodeMajor}`);
  for (const name of ["workerd", "esbuild"]) {
    if (!existsSync(join(modules, name, "package.json")) || !programRuns(modules, name)) missing.push(name);
  }
  return missing;
}

export function projectNode(modules) {
  return join(modules, "node", "bin", windows ? "node.exe" : "node");
}

function projectNodeWorks(modules) {
  const node = projectNode(modules);
  if (!existsSync(node)) return false;
  const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
  return stdout.startsWith(`v${nodeMajor}.`);
}

function programRuns(modules, name) {
  const script = join(modules, name, "bin", name);
  if (!existsSync(script)) return false;
  // The install script replaces a JavaScript stand-in by the program itself; the stand-in works too, through Node.
  const start = readFileSync(script).subarray(0, 2).toString("latin1");
  const [command, args] = start === "#!" || windows ? [process.execPath, [script]] : [script, []];
  return spawnSync(command, [...args, "--version"], { stdio: "ignore" }).status === 0;
}

/** Identifies what should be installed: the lock and the platform it is installed for. */
export function lockStamp(lockText) {
  const hash = createHash("sha256").update(lockText).digest("hex");
  return `${hash} ${process.platform}-${process.arch}\n`;
}

/** Whether node_modules holds what the lock names: by our stamp, or fresh from an `npm ci` that somebody ran. */
export function isInstalled(folder) {
  const lockFile = join(folder, "package-lock.json");
  const stampFile = join(folder, "node_modules", ".skywave-lock");
  if (existsSync(stampFile)) return readFileSync(stampFile, "utf8") === lockStamp(readFileSync(lockFile));
  const installedFile = join(folder, "node_modules", ".package-lock.json");
  return existsSync(installedFile) && statSync(installedFile).mtimeMs >= statSync(lockFile).mtimeMs;
}

/** How to call npm: by the file that runs us when npm does, otherwise from PATH. */
export function npmCommand(env) {
  const script = env["npm_execpath"];
  if (script !== undefined && /npm-cli\.[cm]?js$/.test(script))
    return { command: process.execPath, args: [script] };
  return windows ? { command: "npm.cmd", args: [], shell: true } : { command: "npm", args: [] };
}

function install() {
  process.stderr.write("skywave: installing what it needs (once, about a minute)\n");
  const npm = npmCommand(process.env);
  // EBADENGINE warns that this Node is old; the project runs on the one being installed.
  const options = ["ci", "--no-audit", "--no-fund", "--loglevel=error", "--foreground-scripts=false"];
  const result = spawnSync(npm.command, [...npm.args, ...options], {
    cwd: root,
    stdio: "inherit",
    shell: npm.shell,
  });
  if (result.status === 0) return;
  fail(`npm ci did not succeed${result.error ? `: ${result.error.message}` : ""}; nothing was started`);
}

const scriptsAreOff = (missing) =>
  `${missing.join(", ")} could not be set up. That happens when npm's install scripts are switched off
(check: npm config get ignore-scripts). To install with them, once:

  npm ci --ignore-scripts=false

then run the same command again.`;

function fail(message) {
  process.stderr.write(`skywave: ${message}\n`);
  process.exit(1);
}

/** What to give to Node for a name: a script of the project as it is, a package's bin by its file. */
export function resolveProgram(folder, name) {
  if (/\.(ts|mjs|js)$/.test(name)) return join(folder, name);
  const packageFolder = ["", "@biomejs"].map((scope) => join(folder, "node_modules", scope, name));
  const manifestFile = packageFolder
    .map((path) => join(path, "package.json"))
    .find((path) => existsSync(path));
  if (manifestFile === undefined) return undefined;
  const { bin } = JSON.parse(readFileSync(manifestFile, "utf8"));
  const file = typeof bin === "string" ? bin : bin?.[name];
  return file === undefined ? undefined : join(dirname(manifestFile), file);
}

function main([name, ...args]) {
  if (name === undefined) fail("usage: node local/bootstrap.mjs <script.ts | bin> [arguments…]");
  const modules = join(root, "node_modules");
  if (!isInstalled(root)) install();
  if (!existsSync(join(modules, ".skywave-lock"))) {
    const missing = missingPrograms(modules);
    if (missing.length > 0) fail(scriptsAreOff(missing));
    writeFileSync(join(modules, ".skywave-lock"), lockStamp(readFileSync(join(root, "package-lock.json"))));
  }
  const program = resolveProgram(root, name);
  if (program === undefined) fail(`${name} is neither a script nor an installed program`);
  run(projectNode(modules), [program, ...args], join(modules, ".bin"));
}

function run(command, args, binFolder) {
  const pathName = Object.keys(process.env).find((key) => key.toUpperCase() === "PATH") ?? "PATH";
  const child = spawn(command, args, {
    cwd: root,
    stdio: "inherit",
    env: {
      ...process.env,
      // A call to a disk that hangs keeps a thread, and Node's four sign and look up names for everything else as well.
      UV_THREADPOOL_SIZE: process.env["UV_THREADPOOL_SIZE"] ?? "32",
      // Relative paths in arguments start where the command was typed.
      INIT_CWD: process.env["INIT_CWD"] ?? process.cwd(),
      [pathName]: binFolder + delimiter + (process.env[pathName] ?? ""),
    },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) {
    process.on(signal, () => {
      // A terminal has sent its interrupt to the child as well.
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  // npm runs us through a shell that a signal to npm ends without telling us: to lose one's parent is to be told.
  const parent = process.ppid;
  const orphaned = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(orphaned);
    child.kill("SIGTERM");
  }, 200);
  child.on("error", (error) => fail(error.message));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // 128 + the number, as shells report it: the signal itself would be taken by the handlers above.
    process.exit({ SIGINT: 130, SIGKILL: 137, SIGTERM: 143 }[signal] ?? 1);
  });
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2));
}
