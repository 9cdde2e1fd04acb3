import { expect, test } from "bun:test";
import fc from "fast-check";
import { keepThenAppend, messagesOf, stateOf } from "../../src/session/state-text.ts";

const message = fc.string().map((content) => JSON.stringify({ role: "user", content }));

test("keepThenAppend() is what it is for lists, whatever the messages hold", () => {
  const lists = fc.tuple(fc.array(message), fc.array(message), fc.nat());
  fc.assert(
    fc.property(lists, ([before, append, number]) => {
      const keep = number % (before.length + 1);
      const state = keepThenAppend(stateOf(before), keep, append);
      const expected = [...before.slice(0, keep), ...append];
      expect(messagesOf(state)).toEqual(expected);
      expect(state.count).toBe(expected.length);
    }),
  );
});
