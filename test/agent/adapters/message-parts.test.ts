import { expect, test } from "bun:test";
import {
  argumentsOf,
  imageOf,
  parseJson,
  textOf,
  toolCall,
  toolNames,
} from "../../../src/agent/adapters/message-parts.ts";

const user = (base64_image: string) => imageOf({ role: "user", base64_image });

test("imageOf() reads the type off the URL, or off the first bytes", () => {
  expect(user("data:image/avif;base64,AAAA")).toEqual({
    mediaType: "image/avif",
    base64: "AAAA",
    dataUrl: "data:image/avif;base64,AAAA",
  });
  expect(user("data:image/svg+xml;charset=utf-8;base64,AAAA")?.mediaType).toBe("image/svg+xml");
  expect(user("iVBORw0KGgoAAA")?.mediaType).toBe("image/png");
  expect(user("/9j/4AAQ")?.dataUrl).toBe("data:image/jpeg;base64,/9j/4AAQ");
  expect(user("R0lGODlh")?.mediaType).toBe("image/gif");
  expect(user("UklGRiQA")?.mediaType).toBe("image/webp");
  expect(imageOf({ role: "user" })).toBeUndefined();
  expect(user("")).toBeUndefined();
});

test("argumentsOf() is a value, also of what a model wrote badly", () => {
  expect(argumentsOf(toolCall("1", "f", { a: 1 }))).toEqual({ a: 1 });
  expect(argumentsOf(toolCall("1", "f", ""))).toEqual({});
  expect(argumentsOf(toolCall("1", "f", "{oops"))).toBe("{oops");
});

test("textOf() and parseJson() are each other's way back", () => {
  expect(textOf("as it is")).toBe("as it is");
  for (const value of [{ a: [1] }, 3, null, true]) expect(parseJson(textOf(value))).toEqual(value);
  expect(textOf(undefined)).toBe("");
});

test("toolNames() finds the name of a call by its id", () => {
  const messages = [
    { role: "assistant" as const, tool_calls: [toolCall("1", "f", {}), toolCall("2", "g", {})] },
  ];
  expect([...toolNames(messages)]).toEqual([
    ["1", "f"],
    ["2", "g"],
  ]);
});
