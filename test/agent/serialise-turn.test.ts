import { expect, test } from "bun:test";
import { serialiseTurn } from "../../src/agent/serialise-turn.ts";
import type { ChatMessage } from "../../src/protocol/chat-message.ts";

const message = (content: string): ChatMessage => ({ role: "user", content });
const texts = (...contents: string[]) => contents.map((content) => JSON.stringify(message(content)));
const response = message("r");

function state(before: string[], after: string[]) {
  const { keep, append } = serialiseTurn([response, after.map(message)], texts(...before), 1_000);
  return { keep, append: append === "" ? [] : append.split("\n").map((line) => JSON.parse(line).content) };
}

test("serialiseTurn() sends only what was appended", () => {
  expect(state(["a", "b"], ["a", "b", "c", "d"])).toEqual({ keep: 2, append: ["c", "d"] });
  expect(state([], ["a"])).toEqual({ keep: 0, append: ["a"] });
  expect(state(["a"], ["a"])).toEqual({ keep: 1, append: [] });
});

test("serialiseTurn() sends what follows the first change", () => {
  expect(state(["a", "b", "c"], ["a", "x", "c"])).toEqual({ keep: 1, append: ["x", "c"] });
  expect(state(["a", "b", "c"], ["summary"])).toEqual({ keep: 0, append: ["summary"] });
  expect(state(["a", "b", "c"], ["a"])).toEqual({ keep: 1, append: [] });
  expect(state(["a", "b"], [])).toEqual({ keep: 0, append: [] });
});

test("serialiseTurn() sees a message that was changed in place", () => {
  const before = texts("a", "b");
  const after = before.map((text) => JSON.parse(text));
  after[0].content = "changed";
  expect(serialiseTurn([response, after], before, 1_000)).toMatchObject({ keep: 0 });
});

test("serialiseTurn() keeps a line break inside its message", () => {
  expect(state([], ["one\ntwo\u2028three"])).toEqual({ keep: 0, append: ["one\ntwo\u2028three"] });
});

test("serialiseTurn() refuses more than a turn may return", () => {
  expect(() => serialiseTurn([response, [message("x".repeat(2_000))]], [], 1_000)).toThrow(RangeError);
});
