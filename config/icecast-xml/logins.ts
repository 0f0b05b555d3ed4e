import type { XmlContext } from "./context.ts";
import { attribute, type Draft, eachChild, type Handlers, passwordOf, textOf } from "./draft.ts";
import type { XmlElement } from "./xml-tree.ts";

/** `<authentication>` of the root, and the places its elements had in older versions. */
export class Logins {
  readonly #draft: Draft;
  #relayUser: string | undefined;
  #relay: { readonly element: XmlElement; readonly password: string } | undefined;

  constructor({ draft }: Pick<XmlContext, "draft">) {
    this.#draft = draft;
  }

  get handlers(): Handlers {
    const draft = this.#draft;
    return {
      "source-password": (element) => {
        if (attribute(element, "mount") !== undefined) {
          draft.note(
            element,
            "one of a single mount has no place here, as in Icecast: put it into its <mount>",
          );
        } else this.#setPassword(["sources", "password"], element);
      },
      "admin-user": (element) => {
        const user = textOf(element);
        if (user !== undefined) draft.set(["admin", "user"], user, element);
      },
      "admin-password": (element) => this.#setPassword(["admin", "password"], element),
      "relay-user": (element) => {
        this.#relayUser = textOf(element) ?? this.#relayUser;
      },
      "relay-password": (element) => {
        const password = passwordOf(element);
        if (password === undefined) return;
        this.#relay = { element, password };
        this.#noteExample(password, element);
      },
      role: (element) => draft.note(element, "roles of Icecast 2.5 are not read: nobody gets in by this one"),
    };
  }

  read(authentication: XmlElement): void {
    eachChild(authentication, this.handlers, this.#draft);
  }

  /** After all sections. */
  finish(root: XmlElement): void {
    const draft = this.#draft;
    if (this.#relay) {
      const { element, password } = this.#relay;
      const name = this.#relayUser ?? "relay";
      if (name === (draft.get(["admin", "user"]) ?? "admin")) {
        draft.note(
          element,
          `not used: ${JSON.stringify(name)} is the administrator, who logs in with <admin-password>`,
        );
      } else draft.append(["user"], { name, role: "relay", password }, element);
    }
    const missing = [
      ["sources", "source-password"],
      ["admin", "admin-password"],
    ] as const;
    for (const [section, name] of missing) {
      if (draft.get([section, "password"]) !== undefined) continue;
      draft.note({ ...root, name }, "not there: one is made at random on the first start, kept and printed");
    }
  }

  #setPassword(path: readonly string[], element: XmlElement): void {
    const password = passwordOf(element);
    if (password === undefined) return;
    this.#draft.set(path, password, element);
    this.#noteExample(password, element);
  }

  #noteExample(password: string, element: XmlElement): void {
    if (["hackme", "changeme"].includes(password))
      this.#draft.note(element, "the password of the example: everybody knows it, choose another");
  }
}
