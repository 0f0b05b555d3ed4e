/** Whether the system lets nothing more be watched, and what follows of that: the same words for every folder. Else null. */
export function watchLimit(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOSPC") return `${seenLate}: no more folders can be watched (fs.inotify.max_user_watches)`;
  return code === "EMFILE" || code === "ENFILE" ? `${seenLate}: too many files are open` : null;
}

const seenLate = "changes are seen only when all is read again";
