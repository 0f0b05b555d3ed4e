import { beforeEach, describe, expect, it, vi } from "vitest";
import { type EdgeSecrets, listenerUsersInAll, listenerUsersOfMount } from "../../shared/edge-secrets.ts";

// Node has no comparison in constant time where the platform has it.
vi.mock(import("../../worker/is-secret.ts"), () => ({
  isSecret: (given, secret) => Promise.resolve(given === secret),
}));
vi.mock("cloudflare:workers", () => ({ DurableObject: Object }));
const { ingestApi } = await import("../../worker/ingest-api.ts");

const token = "the ingest token";
const kept = vi.fn<(station: unknown, secrets: EdgeSecrets) => Promise<void>>(async () => undefined);
const env = { INGEST_TOKEN: token, DIRECTORY: { getByName: () => ({ keepStation: kept }) } };

const call = async (path: string, body: unknown) => {
  const text = JSON.stringify(body);
  const headers = { Authorization: `Bearer ${token}`, "Content-Length": String(text.length) };
  const response = await ingestApi.request(path, { method: "POST", headers, body: text }, env);
  return { status: response.status, body: (await response.json()) as { message?: string } };
};

const withUsers = (counts: readonly number[], nameLength = 24) => ({
  station: {},
  secrets: {
    listeners: Object.fromEntries(
      counts.map((count, mount) => [
        `/${mount}.mp3`,
        {
          auth: {
            kind: "htpasswd",
            users: Array.from({ length: count }, (_, index) => ({
              name: String(index).padStart(nameLength, "u"),
              hash: `$pbkdf2-sha256$i=100000$${"s".repeat(22)}$${"h".repeat(43)}`,
            })),
          },
        },
      ]),
    ),
  },
});

describe("the call that tells the station", () => {
  beforeEach(() => kept.mockClear());

  it("takes 20,000 listener users of two mounts", async () => {
    const { status } = await call("/station", withUsers([listenerUsersOfMount, listenerUsersOfMount]));
    expect(status).toBe(200);
    const { auth } = kept.mock.calls[0]?.[1].listeners["/1.mp3"] ?? {};
    expect(auth?.kind === "htpasswd" && auth.users).toHaveLength(listenerUsersOfMount);
  });

  it.each([
    ["of one mount", [listenerUsersOfMount + 1], "users: Too big"],
    [
      "in all",
      [listenerUsersOfMount, listenerUsersOfMount, 1],
      `${listenerUsersInAll} listener users in all`,
    ],
  ])("says that there are too many users %s", async (_, counts, message) => {
    const { status, body } = await call("/station", withUsers(counts));
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
    expect(kept).not.toHaveBeenCalled();
  });

  it("says how many bytes a body may have, of which the other calls have fewer", async () => {
    const tooMuch = await call("/station", { station: { name: "x".repeat(9_000_000) } });
    expect(tooMuch).toMatchObject({ status: 413, body: { message: "a body has at most 8388608 bytes" } });
    const claim = await call("/claim", { source: "x".repeat(300_000) });
    expect(claim).toMatchObject({ status: 413, body: { message: "a body has at most 262144 bytes" } });
  });
});
