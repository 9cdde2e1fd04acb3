import { describe, expect, test } from "bun:test";
import { APICallError, LoadAPIKeyError, RetryError } from "ai";
import { explain, keyWarnings } from "../../../src/agent/adapters/ai-sdk-faults.ts";

describe("explain()", () => {
  const refused = new APICallError({
    message: "Rate limit reached",
    url: "http://127.0.0.1",
    requestBodyValues: {},
    statusCode: 429,
  });

  test("says the status with the model's words", () => {
    expect(String(explain(refused))).toBe("AI_APICallError: 429 Rate limit reached");
    expect((explain(refused) as Error).cause).toBe(refused);
  });

  test("says of several tries what the last one met", () => {
    const message = "Failed after 3 attempts.";
    const retried = new RetryError({
      message,
      reason: "maxRetriesExceeded",
      errors: [new Error("first"), refused],
    });
    expect(String(explain(retried))).toBe("AI_APICallError: 429 Rate limit reached");
  });

  test("leaves everything else as it is", () => {
    const error = new LoadAPIKeyError({ message: "OpenAI API key is missing." });
    expect(explain(error)).toBe(error);
    expect(explain("a text")).toBe("a text");
    expect(explain(undefined)).toBeUndefined();
  });
});

describe("keyWarnings()", () => {
  const missing = () => {
    throw new LoadAPIKeyError({ message: "Key is missing." });
  };

  test("asks the model, when it can say so at once", () => {
    expect(keyWarnings({ config: { headers: missing } })).toEqual([
      "Key is missing. Turns will fail without it.",
    ]);
    expect(keyWarnings({ config: { headers: () => ({}) } })).toEqual([]);
  });

  test("does not ask a model that would go to the network for it", () => {
    let wasAsked = false;
    const headers = async () => {
      wasAsked = true;
    };
    expect(keyWarnings({ config: { headers } })).toEqual([]);
    expect(wasAsked).toBeFalse();
  });

  test("knows nothing of models of another make", () => {
    for (const model of [undefined, null, {}, { config: null }, { config: { headers: {} } }])
      expect(keyWarnings(model)).toEqual([]);
  });
});
