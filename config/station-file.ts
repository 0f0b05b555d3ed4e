import { ConfigError } from "./config-error.ts";
import { type Environment, withEnvironment } from "./environment.ts";
import type { Station } from "./station.ts";
import {
  checkStation,
  type FileProblem,
  type Problem,
  quoted,
  sentence,
  settingName,
} from "./station-checks.ts";
import { readToml } from "./toml-document.ts";

export interface StationFileContext {
  /** The name that problems are reported under: `station.toml:12: limits.sources must …`. */
  readonly file: string;
  readonly fileProblem: FileProblem;
  readonly env: Environment;
}

/**
 * Parses a station file. Throws ConfigError with every problem of the file, in the order of its lines; a file that is
 * not TOML has only its first error, where the parser stops.
 */
export function parseStation(source: string, { file, fileProblem, env }: StationFileContext): Station {
  const document = readToml(source, file);
  const unset: Problem[] = [];
  const value = withEnvironment(document.value, env, (path, name) =>
    unset.push({ path, text: `needs ${name}, which is not set in the environment`, quote: false }),
  );
  const result = checkStation(value, fileProblem);
  if ("station" in result && unset.length === 0) return result.station;

  const problems = [...unset, ...("problems" in result ? result.problems : [])].filter(
    // What stands in the place of a variable that is not there is no mistake of its own.
    (problem) =>
      unset.includes(problem) || !unset.some(({ path }) => settingName(path) === settingName(problem.path)),
  );
  const located = problems.map((problem) => ({
    line: document.lineOf(problem.path),
    text: sentence(settingName(problem.path), problem) + quoted(problem, document.value),
  }));
  located.sort((a, b) => a.line - b.line);
  throw new ConfigError(located.map(({ line, text }) => `${file}:${line}: ${text}`));
}
