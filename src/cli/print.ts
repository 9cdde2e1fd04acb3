/** Prints what a server said, for people and for programs. */
export async function printJson(value: unknown): Promise<void> {
  await print(JSON.stringify(value, null, 2));
}

/** Prints a line. */
export function print(text: string): Promise<void> {
  return write(`${text}\n`);
}

/** Writes to stdout; resolves when all of it is written, because a process that exits earlier would cut it off. */
export async function write(text: string): Promise<void> {
  try {
    await Bun.write(Bun.stdout, text);
  } catch (error) {
    // Who reads only the beginning, as `head` does, has all that it wants.
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}
