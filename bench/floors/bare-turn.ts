/**
 * The floor of sdk-start.ts: a process that imports an SDK, runs one turn as the SDK's own documentation has it, and exits.
 *
 *     bun bench/floors/bare-turn.ts <file with runBare>
 */
export {};

const { runBare } = await import(process.argv[2] ?? "");
const answer: unknown = await runBare("Hello");
if (answer !== "You said: Hello") throw new Error(`Wrong answer: ${answer}`);
process.exit(0);
