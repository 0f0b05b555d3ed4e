import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./free-port.ts";
import { rawRequest } from "./raw-request.ts";
import { waitFor } from "./wait.ts";

/** Debian's Icecast. */
export interface IcecastServer {
  readonly port: number;
  readonly pid: number;
  readonly password: string;
  /** What it was configured with. */
  readonly file: string;
  stop(): Promise<void>;
}

const program = "/usr/bin/icecast2";
const share = "/usr/share/icecast2";
const password = "bench";

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** As Debian names it, like `2.4.4`; null where it is not installed. */
export function icecastVersion(): string | null {
  if (!existsSync(program)) return null;
  const { stdout } = spawnSync(program, ["-v"], { encoding: "utf8" });
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? "unknown";
}

/** Where an Icecast that a test configures is to listen and may write. */
export interface IcecastPlace {
  readonly port: number;
  /** A folder of its own. */
  readonly folder: string;
  /** Where Debian keeps its pages. */
  readonly share: string;
}

/** With its defaults, but for how many may come, unless it is `configured`. Null where Icecast is not installed. */
export async function startIcecast(
  configured: (place: IcecastPlace) => string = usual,
): Promise<IcecastServer | null> {
  if (!existsSync(program)) return null;
  // One more for SHOUTcast sources, should it be configured to take them.
  const port = await freePorts(2);
  const folder = mkdtempSync(join(tmpdir(), "skywave-icecast-"));
  // It refuses to run as root and becomes its own user, who writes the log.
  chmodSync(folder, 0o777);
  const file = join(folder, "icecast.xml");
  writeFileSync(file, configured({ port, folder, share }));
  const child = spawn(program, ["-c", file], { stdio: "ignore" });
  running.add(child);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => {
      running.delete(child);
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await waitFor("Icecast to answer", () => answers(port, child), 15_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid ?? 0, password, file, stop };
}

async function answers(port: number, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`Icecast ended with ${child.exitCode}`);
  const reply = await rawRequest(port, "GET /status-json.xsl HTTP/1.0\r\n\r\n").catch(() => Buffer.alloc(0));
  return reply.toString("latin1").startsWith("HTTP/1.0 200");
}

const usual = ({ port, folder }: IcecastPlace): string => `<icecast>
  <limits>
    <clients>20000</clients><sources>2000</sources><queue-size>524288</queue-size>
    <client-timeout>30</client-timeout><header-timeout>15</header-timeout><source-timeout>10</source-timeout>
    <burst-on-connect>1</burst-on-connect><burst-size>65535</burst-size>
  </limits>
  <authentication>
    <source-password>${password}</source-password><relay-password>${password}</relay-password>
    <admin-user>admin</admin-user><admin-password>${password}</admin-password>
  </authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>${port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <fileserve>0</fileserve>
  <paths>
    <basedir>${share}</basedir><logdir>${folder}</logdir><webroot>${share}/web</webroot><adminroot>${share}/admin</adminroot>
  </paths>
  <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>1</loglevel></logging>
  <security><chroot>0</chroot><changeowner><user>icecast2</user><group>icecast</group></changeowner></security>
</icecast>
`;
