import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "./config-error.ts";
import { convertIcecastXml } from "./convert.ts";
import { nearest } from "./nearest.ts";
import { hashPassword } from "./password.ts";
import { readStation } from "./read-station.ts";

/** `npm run config`: looks at station files without starting anything. Exit codes: 0 good, 1 problems, 2 usage. */
const usage = `Usage: npm run config -- check FILE      what is wrong with a station.toml or an icecast.xml, and what has no effect
       npm run config -- convert FILE    the station.toml with the settings of an icecast.xml, on standard output
       npm run config -- hash            the hash of a password that is typed or piped in, for "hash" in a station file
       npm run config -- key             a new key for signed_urls.keys

Exit codes: 0 the file can be used, 1 it has problems, 2 this text was needed.`;

const commands: Readonly<Record<string, (args: readonly string[]) => number>> = {
  check: ([file, ...rest]) =>
    file === undefined || rest.length > 0 ? refuse("check takes one file") : check(file),
  convert: ([file, ...rest]) =>
    file === undefined || rest.length > 0 ? refuse("convert takes one file") : convert(file),
  hash: (args) =>
    args.length > 0
      ? refuse("hash takes the password from standard input, where others cannot see it")
      : hash(),
  key: (args) => (args.length > 0 ? refuse("key takes nothing") : key()),
};

function run([command, ...args]: readonly string[]): number {
  if (command === undefined) return refuse("a command is missing");
  if (["--help", "-h", "help"].includes(command)) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const act = Object.hasOwn(commands, command) ? commands[command] : undefined;
  if (act) return act(args);
  const meant = nearest(command, Object.keys(commands));
  return refuse(
    `${JSON.stringify(command)} is no command${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  );
}

function refuse(problem: string): number {
  process.stderr.write(`${problem}\n\n${usage}\n`);
  return 2;
}

function check(file: string): number {
  return withStation(file, ({ notes }) => {
    const count = notes.length;
    const remarks = count === 0 ? "" : count === 1 ? ", with one note" : `, with ${count} notes`;
    process.stdout.write(
      [`${file} can be used${remarks}`, ...notes.map((note) => `  ${note}`), ""].join("\n"),
    );
    return 0;
  });
}

function convert(file: string): number {
  return withStation(file, ({ xml, notes }) => {
    if (!xml) return refuse(`${file} is a station file already`);
    for (const note of notes) process.stderr.write(`${note}\n`);
    process.stdout.write(convertIcecastXml(xml, file));
    return 0;
  });
}

/** npm runs scripts in the project's folder; a path starts where the command was typed. */
function withStation(file: string, act: (read: ReturnType<typeof readStation>) => number): number {
  const base = process.env["INIT_CWD"] ?? process.cwd();
  try {
    return act(readStation(resolve(base, file), { shownAs: file, startedIn: base, env: process.env }));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const count = error.problems.length;
    process.stderr.write(
      `${file} cannot be used: ${count === 1 ? "one problem" : `${count} problems`}\n` +
        error.problems.map((problem) => `  ${problem}\n`).join(""),
    );
    return 1;
  }
}

function hash(): number {
  if (process.stdin.isTTY) process.stderr.write("Type the password, then Enter and Ctrl-D:\n");
  const password = readFileSync(0, "utf8").replace(/\r?\n$/, "");
  if (!/^[^\r\n\0]{1,128}$/u.test(password)) {
    process.stderr.write("a password has 1 to 128 characters and no line breaks\n");
    return 1;
  }
  process.stdout.write(`${hashPassword(password, randomBytes(16))}\n`);
  return 0;
}

function key(): number {
  process.stdout.write(`${randomBytes(32).toString("base64url")}\n`);
  return 0;
}

process.exitCode = run(process.argv.slice(2));
