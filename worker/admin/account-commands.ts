import { badRequest, forbidden } from "../icecast-errors.ts";
import type { MountRequest, Outcome } from "./commands.ts";

/** Listener accounts of a mount: `action` list, add or delete; anything else lists, as in Icecast. */
export async function manageAuth(request: MountRequest): Promise<Outcome> {
  const { station, mount, isSource, fields, note } = request;
  const kind = await station.authenticatorOf(mount);
  if (kind === undefined) return badRequest("missing parameter");
  if (isSource && !(await station.hasOwnAccounts(mount))) {
    return forbidden("These accounts are of other mounts too\r\n");
  }
  const action = fields.parameters.get("action");
  if (action !== "add" && action !== "delete") return accounts(request);

  const username = fields.parameters.get("username");
  const password = fields.parameters.get("password");
  if (username === undefined || (action === "add" && password === undefined)) {
    return badRequest("missing parameter");
  }
  const failed = `User ${action} failed - check the icecast error log`;
  // The accounts of a URL are its own. A name with a colon could never log in.
  if (kind !== "htpasswd" || (action === "add" && !isAccountName(username))) {
    return accounts(request, failed);
  }
  await note({ mount, action, username });
  const result =
    action === "add"
      ? await station.addListenerUser(mount, username, password ?? "")
      : await station.deleteListenerUser(mount, username);
  return accounts(request, messages[result] ?? failed);
}

/** Deleting a user that does not exist is the same success to Icecast. */
const messages: Readonly<Record<string, string>> = {
  added: "User added",
  exists: "User already exists - not added",
  deleted: "User deleted",
  absent: "User deleted",
};

/** What an HTTP login can have as a name, and a file of accounts on one line. */
const isAccountName = (name: string): boolean => /^[^:\r\n\0]{1,128}$/.test(name);

async function accounts({ station, mount }: MountRequest, message?: string): Promise<Outcome> {
  const users = (await station.listenerUsers(mount)).map(({ name }) => name);
  return { kind: "accounts", mount, users, ...(message !== undefined && { message }) };
}
