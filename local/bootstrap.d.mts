export function projectNode(modules: string): string;
export function lockStamp(lockText: string | Uint8Array): string;
export function isInstalled(folder: string): boolean;
export function npmCommand(env: Readonly<Record<string, string | undefined>>): {
  command: string;
  args: string[];
  shell?: boolean;
};
export function resolveProgram(folder: string, name: string): string | undefined;
