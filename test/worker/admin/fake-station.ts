import type { ListenerSession } from "../../../shared/listener-session.ts";
import { millis, type MountPath } from "../../../shared/units.ts";
import type { ListedMount } from "../../../worker/admin/answers.ts";
import type { StationAdmin } from "../../../worker/admin/station-admin.ts";
import type { IcecastStatistics } from "../../../worker/admin/statistics-fields.ts";

export const now = 1_795_219_968_000;

export const mount = (path: string) => path as MountPath;

const listed = (path: string, more: Partial<ListedMount> = {}): ListedMount => ({
  mount: mount(path),
  fallback: "",
  listeners: 0,
  authenticator: undefined,
  connectedSeconds: 1,
  contentType: "audio/mpeg",
  ...more,
});

export const session = (id: number, more: Partial<ListenerSession> = {}): ListenerSession => ({
  id,
  mount: mount("/a.mp3"),
  address: "127.0.0.1",
  userAgent: "VLC/3.0 LibVLC",
  referer: "",
  country: null,
  user: null,
  request: "GET /a.mp3 HTTP/1.1",
  startedMs: millis(now - 1_500),
  ...more,
});

/** A login as Basic credentials. */
export const login = (name: string, password: string): string => `Basic ${btoa(`${name}:${password}`)}`;
export const adminLogin = login("admin", "adminpw");
/** Of the source that has /a.mp3. */
export const sourceLogin = login("source", "hackme");

const roles = { admin: "admin", ops: "operator", view: "viewer", relay: "relay" } as const;

/** A station in memory: /a.mp3, /b.mp3, /auth.mp3 (with accounts) and hidden /dump.mp3 are on air, /live.mp3 falls back to /b.mp3. */
export class FakeStation implements StationAdmin {
  /** What was asked of it, in order. */
  readonly calls: string[] = [];
  readonly audited: string[] = [];
  /** Whether the audit log can be written. */
  isWritable = true;
  ownAccounts = true;
  guard: (() => Response) | null = null;
  onAir = [
    listed("/a.mp3", { listeners: 1, connectedSeconds: 27 }),
    listed("/auth.mp3", { authenticator: "htpasswd" }),
    listed("/b.mp3"),
    listed("/dump.mp3"),
  ];
  users = ["u1"];
  sessions: ListenerSession[] = [session(53)];
  known: IcecastStatistics = { global: new Map(), sources: new Map() };

  admit: StationAdmin["admit"] = async ({ headers }, may) => {
    const shown = atob(headers.get("Authorization")?.replace("Basic ", "") ?? "").split(":");
    const role = Object.entries(roles).find(([name]) => name === shown[0])?.[1];
    if (role === undefined || shown[1] !== `${shown[0]}pw`)
      return new Response("You need to authenticate\r\n", { status: 401 });
    const allowed = role === "admin" || may.includes(role);
    return allowed ? { name: shown[0] ?? "", role } : new Response("no", { status: 403 });
  };
  admitToMount: StationAdmin["admitToMount"] = async (request, { may, mount: path, sourceUser }) => {
    const shown = request.headers.get("Authorization");
    const password = atob(shown?.replace("Basic ", "") ?? "").split(":")[1] ?? "";
    const asSource = sourceUser === undefined ? shown : login(sourceUser, password);
    if (path !== "/a.mp3" || asSource !== sourceLogin) return this.admit(request, may);
    return { name: `source:${path}`, role: "operator", isSource: true };
  };
  guardUnsafe: StationAdmin["guardUnsafe"] = async () => this.guard?.() ?? null;
  csrfToken = async () => "token";
  audit: StationAdmin["audit"] = async ({ name }, action, details) => {
    if (!this.isWritable) throw new Error("the log is full");
    this.audited.push(`${name} ${action} ${JSON.stringify(details)}`);
  };
  now = () => now;
  name = async () => "Radio <Sky>";
  statistics = async () => this.known;
  mounts = async () => this.onAir;
  isHidden: StationAdmin["isHidden"] = async (path) => path === "/dump.mp3";
  authenticatorOf: StationAdmin["authenticatorOf"] = async (path) =>
    path === "/auth.mp3" || path === "/quiet.mp3" ? "htpasswd" : path === "/url.mp3" ? "url" : undefined;
  playingFor: StationAdmin["playingFor"] = async (path) => {
    const playing = path === "/live.mp3" ? mount("/b.mp3") : path;
    return this.onAir.some((each) => each.mount === playing) ? playing : null;
  };
  origin = async () => "http://radio.example:8000";
  listeners: StationAdmin["listeners"] = async () => this.sessions;
  killListener: StationAdmin["killListener"] = async (path, id) => {
    this.calls.push(`kill ${path} ${id}`);
    return this.sessions.some((each) => each.id === id);
  };
  moveListeners: StationAdmin["moveListeners"] = async (from, to, listener) => {
    this.calls.push(`move ${from} ${to} ${listener}`);
  };
  killSource: StationAdmin["killSource"] = async (path) => {
    this.calls.push(`killsource ${path}`);
    return true;
  };
  setTitle: StationAdmin["setTitle"] = async (path, { text, url }) => {
    this.calls.push(`title ${path} ${text}${url === undefined ? "" : ` ${url}`}`);
    return true;
  };
  setFallback: StationAdmin["setFallback"] = async (path, fallback) => {
    this.calls.push(`fallback ${path} ${fallback}`);
  };
  hasOwnAccounts: StationAdmin["hasOwnAccounts"] = async () => this.ownAccounts;
  listenerUsers: StationAdmin["listenerUsers"] = async () => this.users.map((name) => ({ name }));
  addListenerUser: StationAdmin["addListenerUser"] = async (_, name) => {
    if (this.users.includes(name)) return "exists";
    this.users.push(name);
    return "added";
  };
  deleteListenerUser: StationAdmin["deleteListenerUser"] = async (_, name) => {
    const there = this.users.includes(name);
    this.users = this.users.filter((each) => each !== name);
    return there ? "deleted" : "absent";
  };
}
