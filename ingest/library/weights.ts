import { nearest } from "../../config/nearest.ts";
import { type WeightRule, UsageError } from "./command-line.ts";
import { printable } from "./printable.ts";

/**
 * How often a file plays in a round, by its path in the music: the rule that names it, or the longest that names a folder it
 * is in. Throws UsageError for a rule that names none of `names`.
 */
export function weightsOf(rules: readonly WeightRule[], names: readonly string[]): (name: string) => number {
  const plain = rules.map(({ path, weight }) => ({ path: path.replaceAll(/^(\.?\/)+|\/+$/g, ""), weight }));
  const byLength = plain.toSorted((a, b) => b.path.length - a.path.length);
  const ruleOf = (name: string) =>
    byLength.find(({ path }) => name === path || path === "" || name.startsWith(`${path}/`));
  const used = new Set(names.map(ruleOf));
  const problems = plain.flatMap((rule) => {
    if (used.has(byLength.find(({ path }) => path === rule.path))) return [];
    const meant = nearest(rule.path, names);
    const hint = meant === undefined ? "" : `; did you mean ${JSON.stringify(printable(meant))}?`;
    return [
      `--weight: there is no file or folder ${JSON.stringify(printable(rule.path))} in the music${hint}`,
    ];
  });
  if (problems.length > 0) throw new UsageError(problems);
  return (name) => ruleOf(name)?.weight ?? 1;
}
