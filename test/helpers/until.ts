/** Resolves when a condition holds; fails with its name when it does not for ten seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ten seconds in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
