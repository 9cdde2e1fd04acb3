/** Every example is started and held a conversation of two turns with. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startServer } from "./helpers/start-server.ts";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** What each example answers to "one two three", then to "four". */
const answers: Record<string, [string, string]> = {
  hello: ["Hello! You said: one two three", "You said: four (and 1 before)"],
  counter: ["This is turn 1. You said: one two three", "This is turn 2. You said: four"],
  "word-count": ["3 words", "1 words"],
};

describe("examples/", () => {
  for (const name of names) {
    test(`${name} holds a conversation`, async () => {
      await using server = await startServer(`${name}/agent.ts:agent`, { folder, standby: 1 });
      const id = await server.createSession();
      const said = [await server.turn(id, "one two three"), await server.turn(id, "four")];
      expect(said.map(({ response }) => response?.content ?? "nothing")).toEqual(answers[name] ?? []);
    });
  }

  test("are all listed in its README", async () => {
    const readme = await Bun.file(`${folder}README.md`).text();
    for (const name of names) expect(readme).toContain(`(${name}/agent.ts)`);
  });
});
