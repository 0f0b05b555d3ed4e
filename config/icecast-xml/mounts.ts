import { isPattern, matchesMount } from "../../shared/mount-pattern.ts";
import type { MountPath } from "../../shared/units.ts";
import { mountProblem } from "../station-checks.ts";
import type { XmlContext } from "./context.ts";
import { attribute, textOf } from "./draft.ts";
import { MountFields } from "./mount-fields.ts";
import type { XmlElement } from "./xml-tree.ts";

/** The pattern that every mount fits. */
const everyMount = "/**";

interface Mount {
  readonly name: string;
  readonly isDefault: boolean;
  readonly fields: MountFields;
}

/**
 * `<mount>`s as tables of a station file. Icecast takes the first that fits a name, of the normal ones before the
 * default ones, and fills in what that leaves open from the first default one: so later tables of patterns, which count
 * more, are those that come first in the file.
 */
export class Mounts {
  readonly #context: XmlContext;
  readonly #mounts: Mount[] = [];

  constructor(context: XmlContext) {
    this.#context = context;
  }

  readonly read = (element: XmlElement): void => {
    const { draft } = this.#context;
    const type = attribute(element, "type") ?? "normal";
    if (type !== "normal" && type !== "default")
      return draft.note(element, `left out, as in Icecast: its type is ${JSON.stringify(type)}`);
    const isDefault = type === "default";
    const nameElement = element.children.findLast(({ name }) => name === "mount-name");
    const name = (nameElement && textOf(nameElement)) ?? (isDefault ? everyMount : undefined);
    if (name === undefined) return draft.note(element, "left out, as in Icecast: it has no <mount-name>");
    const fields = new MountFields(element, name, this.#context);
    const problem = mountProblem(name);
    if (problem !== undefined) return draft.note(nameElement ?? element, `the mount is left out: ${problem}`);
    if (this.#mounts.some((mount) => mount.name === name))
      return draft.note(nameElement ?? element, "left out: the first <mount> of a name counts");
    this.#mounts.push({ name, isDefault, fields });
  };

  /** After all sections. */
  finish(): void {
    const patterns = this.#mounts.filter(({ name }) => isPattern(name)).toReversed();
    const ordered = [
      ...patterns.filter(({ isDefault }) => isDefault),
      ...patterns.filter(({ isDefault }) => !isDefault),
      ...this.#mounts.filter(({ name }) => !isPattern(name)),
    ];
    this.#keepIcecastFallback();
    for (const { name, isDefault, fields } of ordered) {
      if (!isDefault)
        this.#fillFrom(
          this.#mounts.find((mount) => mount.isDefault && matchesMount(mount.name, name as MountPath)),
          fields,
        );
      fields.write();
    }
  }

  /** Listeners stay on a fallback in Icecast unless it is told to take them back; in a station file it is otherwise. */
  #keepIcecastFallback(): void {
    const { draft } = this.#context;
    const origin = this.#mounts.find(({ fields }) => fields.hasFallback)?.fields.element;
    if (!origin) return;
    const base = this.#mounts.find(({ name }) => name === everyMount);
    if (!base) draft.set(["mounts", everyMount, "fallback_override"], "none", origin);
    else if (!base.fields.has("fallback_override")) base.fields.set("fallback_override", "none");
  }

  /** What does not follow from patterns alone: headers add up, and nobody has another's authentication. */
  #fillFrom(base: Mount | undefined, fields: MountFields): void {
    if (!base) return;
    fields.addHeaders(base.fields.headers);
    if (base.fields.has("listener_auth") && !fields.has("listener_auth"))
      fields.set("listener_auth", { type: "none" });
    for (const key of ["source_auth", "notify_connect", "notify_disconnect"]) {
      if (!base.fields.has(key) || fields.has(key)) continue;
      const { draft } = this.#context;
      draft.note(
        fields.element,
        `the URLs for sources in the <authentication> of ${base.name} hold here too, unlike in Icecast`,
      );
      break;
    }
  }
}
