/** Prints what a server said, for people and for programs. */
export async function printJson(value: unknown): Promise<void> {
  await print(JSON.stringify(value, null, 2));
}

/** Prints a line. */
export async function print(text: string): Promise<void> {
  await write(`${text}\n`);
}

/**
 * Writes to stdout; resolves when all of it is written, because a process that exits earlier would cut it off.
 *
 * @returns Whether somebody reads: who wants only the beginning, as `head` does, has all that it wants.
 */
export async function write(text: string): Promise<boolean> {
  try {
    await Bun.write(Bun.stdout, text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
    return false;
  }
}
