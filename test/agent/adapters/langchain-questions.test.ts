import { expect, test } from "bun:test";
import { askAll } from "../../../src/agent/adapters/langchain-questions.ts";
import type { TurnContext } from "../../../src/agent/types.ts";

test("askAll() asks every call of a review at once, and answers in their order", async () => {
  const answers: PromiseWithResolvers<unknown>[] = [];
  const asked: unknown[] = [];
  const interrupt: TurnContext["interrupt"] = (payload) => {
    asked.push(payload);
    const answer = Promise.withResolvers<unknown>();
    answers.push(answer);
    return answer.promise;
  };
  const names = ["a", "b", "c", "d"];
  const actionRequests = names.map((name) => ({ name, args: { name }, description: "…" }));
  const result = askAll({ interrupt } as TurnContext, [
    { id: "1", value: { actionRequests, reviewConfigs: [] } },
    { id: "2", value: "Why?" },
    { id: "3" },
  ]);
  await Promise.resolve();
  const approvals = names.map((name) => ({ type: "tool_approval", tool_name: name, tool_args: { name } }));
  expect(asked).toEqual([...approvals, "Why?", null]);
  const edit = { type: "edit", editedAction: { name: "c", args: {} } };
  const said = [{ approved: true }, { approved: false, message: "No" }, edit, "what?", "Because", 0];
  // The last one first: whoever answers when, each answer goes to its call.
  for (const [index, answer] of answers.entries().toArray().toReversed()) answer.resolve(said[index]);
  expect(await result).toEqual({
    1: {
      decisions: [
        { type: "approve" },
        { type: "reject", message: "No" },
        edit,
        { type: "reject", message: "A person has denied this call." },
      ],
    },
    2: "Because",
    3: 0,
  });
});
