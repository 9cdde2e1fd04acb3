/**
 * A model that answers by rule, for trying the examples without a key: all SDKs are pointed to it by the environment.
 *
 *     bun examples/mock-model.ts bunx motus serve start examples/openai-agents/agent.ts:agent
 *     bun examples/mock-model.ts     (prints what to set, and serves until Ctrl+C)
 *
 * It repeats what it hears, calls `get_weather` at "weather in Paris", and `delete_file` at "delete notes.txt".
 */
import { startMockModel } from "../test/helpers/mock-model.ts";

await using model = await startMockModel();
const [...command] = process.argv.slice(2);
if (command.length > 0) {
  // The command gets the signals of the terminal too, and ends this with it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  const child = Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit"], env: process.env });
  process.exitCode = await child.exited;
} else {
  for (const [name, value] of Object.entries(model.environment)) console.log(`export ${name}=${value}`);
  await new Promise((resolve) => process.once("SIGINT", resolve));
}
