import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import fc from "fast-check";
import { isChatMessage } from "../../src/protocol/chat-message.check.ts";
import { ChatMessageSchema } from "../../src/protocol/chat-message.ts";
import { dropNulls } from "../../src/protocol/drop-nulls.ts";

test("the generated checks are what their script writes", async () => {
  // In a process of its own: the schema library counts names, and Elysia marks schemas, through a whole process.
  const check = Bun.spawn([process.execPath, "scripts/generate-checks.ts", "--check"], {
    stderr: "pipe",
  });
  expect(await new Response(check.stderr).text()).toBe("");
  expect(await check.exited).toBe(0);
});

test("isChatMessage() agrees with ChatMessageSchema on whatever it is given", () => {
  const field = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.constant(undefined), fc.object());
  const call = fc.record(
    {
      id: field,
      type: fc.constantFrom("function", "other"),
      function: fc.record({ name: field, arguments: field }),
    },
    { requiredKeys: [] },
  );
  const message = fc.record(
    {
      role: fc.constantFrom("system", "user", "assistant", "tool", "robot"),
      content: field,
      name: field,
      tool_calls: fc.oneof(field, fc.array(call)),
      reasoning_details: fc.oneof(field, fc.array(fc.anything())),
      user_params: fc.oneof(field, fc.dictionary(fc.string(), fc.anything())),
      unknown: field,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(fc.oneof(message, fc.anything()), (value) => {
      expect(isChatMessage(value)).toBe(Value.Check(ChatMessageSchema, value));
    }),
    { numRuns: 2_000 },
  );
});

test("dropNulls() leaves out fields that are null, and nothing deeper", () => {
  expect(dropNulls({ role: "user", content: null, user_params: { a: null } })).toEqual({
    role: "user",
    user_params: { a: null },
  } as never);
  const whole = { role: "user" };
  expect(dropNulls(whole)).toBe(whole);
  expect(dropNulls([null])).toEqual([null]);
  expect(dropNulls("text")).toBe("text");
});
