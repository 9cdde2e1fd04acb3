/**
 * Agents of Mastra (`@mastra/core`).
 *
 * A run that has to wait for a person ends, is kept in the agent's storage, and goes on as another run. A tripped
 * processor is an answer, not a failure: the turn completes with a refusal.
 */
import type { Agent, AgentExecutionOptionsBase } from "@mastra/core/agent";
import type { ChunkType } from "@mastra/core/stream";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { Turn, TurnContext } from "../types.ts";
import type { Adapt } from "./adapter.ts";
import { explain, keyWarnings } from "./ai-sdk-faults.ts";
import { askApproval } from "./ask-approval.ts";
import { answerOf, type Run, refusal } from "./mastra-answer.ts";
import { MastraListener, type Question } from "./mastra-listener.ts";
import { toMastraMessages } from "./mastra-messages.ts";
import { giveStorage } from "./mastra-storage.ts";

type Defaults = Pick<AgentExecutionOptionsBase<unknown>, "maxSteps" | "memory" | "stopWhen"> & {
  structuredOutput?: { model?: unknown };
};
/** Goes on with a run whose question was answered. */
type GoOn = (runId: string) => Promise<Run>;

/** How many steps a run takes that was not told when to stop. */
const defaultSteps = 5;

export const adapt: Adapt = async (value, sdk) => {
  // A durable agent is run as the plain one inside it, because its process lives for one turn only.
  const { agent = value as Agent } = value as { agent?: Agent };
  await giveStorage(agent, sdk);
  return {
    run: async (message, state, turn) => {
      const defaults: Defaults = await agent.getDefaultOptions();
      const listener = new MastraListener(turn, await isHeld(agent, defaults));
      return await new MastraTurn(agent, { turn, listener, defaults }).run(message, state);
    },
    warnings: typeof agent.model === "string" ? nameWarnings(agent.model) : keyWarnings(agent.model),
  };
};

class MastraTurn {
  readonly #agent: Agent;
  readonly #turn: TurnContext;
  readonly #listener: MastraListener;
  readonly #defaults: Defaults;
  readonly #options: Pick<AgentExecutionOptionsBase<unknown>, "abortSignal" | "memory">;

  constructor(
    agent: Agent,
    { turn, listener, defaults }: { turn: TurnContext; listener: MastraListener; defaults: Defaults },
  ) {
    this.#agent = agent;
    this.#turn = turn;
    this.#listener = listener;
    this.#defaults = defaults;
    const { memory } = defaults;
    this.#options = {
      abortSignal: turn.signal,
      // The conversation is given whole: what the agent remembers of it would come twice.
      ...(memory && { memory: { ...memory, options: { ...memory.options, lastMessages: false } } }),
    };
  }

  async run(message: ChatMessage, state: ChatMessage[]): Promise<Turn> {
    const before = [...state, message];
    try {
      return await this.#answer(await this.#runToEnd(before), before);
    } catch (error) {
      this.#turn.signal.throwIfAborted();
      throw explain(error);
    }
  }

  async #runToEnd(messages: readonly ChatMessage[]): Promise<Run> {
    const history = toMastraMessages(messages) as Parameters<Agent["stream"]>[0];
    let run: Run = await this.#agent.stream(history, this.#options);
    let questions = await this.#follow(run);
    while (questions.length > 0) {
      const answered = await Promise.all(questions.map((question) => this.#ask(question)));
      questions = [];
      // One after the other, because they go on with the same run.
      for (const goOn of answered) {
        run = await goOn(run.runId);
        questions.push(...(await this.#follow(run)));
      }
    }
    return run;
  }

  async #follow(run: Run): Promise<Question[]> {
    const questions = await this.#listener.follow(run.fullStream as AsyncIterable<ChunkType>);
    if (run.error !== undefined) throw run.error;
    const reason = await run.finishReason;
    if (reason === "interrupted") throw new Error("The model's answer broke off before its end");
    if (reason === "aborted") throw new Error("The agent has aborted its run");
    return questions;
  }

  async #ask({ type, payload }: Question): Promise<GoOn> {
    const { toolCallId, toolName, args } = payload;
    if (this.#agent.getMastraInstance() === undefined) {
      throw new Error(
        `The tool "${toolName}" waits for an answer, and the agent has no storage for that; give the tool a suspendSchema, or put the agent into a Mastra`,
      );
    }
    const options = { ...this.#options, toolCallId };
    if (type === "tool-call-suspended") {
      const answer = await this.#turn.interrupt(payload.suspendPayload ?? null);
      return (runId) => this.#agent.resumeStream(answer, { ...options, runId });
    }
    const decision = await askApproval(this.#turn, toolName, args);
    return decision.approved
      ? (runId) => this.#agent.approveToolCall({ ...options, runId })
      : (runId) => this.#agent.declineToolCall({ ...options, runId, reason: decision.message });
  }

  async #answer(run: Run, before: ChatMessage[]): Promise<Turn> {
    const { tripwire } = run;
    const { maxSteps, stopWhen } = this.#defaults;
    const limit = maxSteps ?? (stopWhen === undefined ? defaultSteps : Number.POSITIVE_INFINITY);
    const [response, added] =
      tripwire === undefined ? await answerOf(run, limit) : refusal(tripwire.processorId);
    if (tripwire === undefined) this.#listener.release(added);
    else this.#listener.say("text-delta", response.content);
    return [response, [...before, ...added]];
  }
}

/**
 * Whether something sees an answer when all of it was said, and may change or refuse it: a processor, a workflow of
 * processors, or a second model that makes an object of it.
 */
async function isHeld(agent: Agent, { structuredOutput }: Defaults): Promise<boolean> {
  if (structuredOutput?.model !== undefined) return true;
  const late = ["processOutputResult", "processOutputStep", "createRun"];
  const processors = await agent.listConfiguredOutputProcessors();
  return processors.some((processor) => late.some((name) => name in processor));
}

/** The variables that Mastra reads the key of a model from that is only a name, such as "openai/gpt-5". */
const keys: Record<string, string> = {
  openai: "OPENAI_API_KEY",
  anthropic: "ANTHROPIC_API_KEY",
  google: "GOOGLE_GENERATIVE_AI_API_KEY",
};

function nameWarnings(model: string): string[] {
  const key = keys[model.split("/")[0] ?? ""];
  // biome-ignore lint/style/noProcessEnv: Mastra reads its keys from there
  if (key === undefined || process.env[key]) return [];
  return [`${key} is not set, and the model "${model}" needs it; turns will fail without it`];
}
