/**
 * Smooth weighted round robin, as nginx chooses among upstreams: everybody is credited with its weight, who has the most
 * goes next and pays for all. A cycle is as many turns as the weights add up to: in any run of so many, everybody goes
 * exactly as often as its weight says, evenly spread: of up to four, nobody is ever a whole turn ahead or behind.
 */
export interface Turn {
  readonly name: string;
  readonly weight: number;
  readonly credit: number;
}

/**
 * Who goes next, and the credits after it. Where others take part than in `last` a cycle begins: what was owed belongs
 * to a programme that is over, and would come all at once.
 */
export function takeTurn(
  parts: readonly Pick<Turn, "name" | "weight">[],
  last: readonly Turn[],
): { readonly name: string; readonly turns: Turn[] } | null {
  const goesOn =
    parts.length === last.length &&
    parts.every(({ name, weight }, i) => name === last[i]?.name && weight === last[i].weight);
  const turns = parts.map(({ name, weight }, i) => ({
    name,
    weight,
    credit: (goesOn ? (last[i]?.credit ?? 0) : 0) + weight,
  }));
  const [first, ...others] = turns;
  if (!first) return null;
  let most = first;
  for (const turn of others) if (turn.credit > most.credit) most = turn;
  for (const { weight } of parts) most.credit -= weight;
  return { name: most.name, turns };
}
