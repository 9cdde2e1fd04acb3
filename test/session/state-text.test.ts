import { expect, test } from "bun:test";
import fc from "fast-check";
import { keepThenAppend, messagesOf, stateOf, textsOf } from "../../src/session/state-text.ts";

const message = fc.string().map((content) => JSON.stringify({ role: "user", content }));
const turns = fc.array(fc.tuple(fc.nat(), fc.array(message)), { maxLength: 40 });

test("keepThenAppend() is what it is for lists, turn after turn, whatever the messages hold", () => {
  fc.assert(
    fc.property(fc.array(message), turns, (before, changes) => {
      let expected = before;
      let state = stateOf(before);
      for (const [number, append] of changes) {
        // Most turns keep everything.
        const keep = number % 3 === 0 ? number % (expected.length + 1) : expected.length;
        expected = [...expected.slice(0, keep), ...append];
        state = keepThenAppend(state, keep, append);
        expect(messagesOf(state)).toEqual(expected);
        expect(state.count).toBe(expected.length);
        expect(textsOf(state)).not.toContain("");
      }
    }),
  );
});

test("a long state stays as it is, and what a thousand turns append is a few texts", () => {
  const long = Array.from({ length: 1_000 }, (_, index) =>
    JSON.stringify({ content: `${index}`.padEnd(500) }),
  );
  let state = stateOf(long);
  const [first] = textsOf(state);
  for (let turn = 0; turn < 1_000; turn++)
    state = keepThenAppend(state, state.count, [`{"content":"${turn}"}`]);
  const texts = textsOf(state);
  expect(texts[0]).toBe(first!);
  expect(texts.length).toBeLessThanOrEqual(12);
  expect(state.count).toBe(2_000);
});
