/**
 * Agents of LangChain (`createAgent`) and graphs of LangGraph whose state has a channel `messages`.
 *
 * The conversation lies in the session's state, so every turn is a thread of its own for a checkpointer: with the same
 * one again, the history would be there twice.
 */
import type { BaseMessage } from "@langchain/core/messages";
import { MotusError } from "../../errors.ts";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { Turn, TurnContext } from "../types.ts";
import type { Adapt } from "./adapter.ts";
import { isAi, isTool, outputOf } from "./langchain-content.ts";
import { answers, type Graph, graphAt, whyNot } from "./langchain-graph.ts";
import { toMessages } from "./langchain-messages.ts";
import { prepareModel, providerOf } from "./langchain-model.ts";
import { askAll, type Interrupt } from "./langchain-questions.ts";
import { Speech } from "./langchain-speech.ts";
import { GraphState, type Values } from "./langchain-state.ts";
import { sayToolCall, sayToolResult } from "./say-tool.ts";

type Sdk = Pick<typeof import("@langchain/langgraph"), "Command" | "MemorySaver" | "messagesStateReducer">;

interface Agent {
  /** The graph of an agent made with `createAgent`, which is none itself. */
  graph?: Graph;
  options?: { model?: unknown };
  stream(input: unknown, config: object): Promise<AsyncIterable<Chunk>>;
}

type Chunk = MessageChunk | [namespace: string[], mode: "values", value: Values];
type MessageChunk = [namespace: string[], mode: "messages", value: [message: BaseMessage, about: About]];

interface About {
  langgraph_node: string;
  tags?: string[];
  /** Which of LangChain's own helpers has called the model. */
  lc_source?: string;
}

export const adapt: Adapt = async (value, sdk) => {
  const agent = value as Agent;
  const reason = whyNot(agent.graph ?? (value as Graph));
  if (reason !== undefined) throw new MotusError("agent_invalid", `Cannot serve the agent: ${reason}`);
  if (agent.graph !== undefined) sdk.check("langchain");
  const langgraph = await sdk.import<Sdk>("@langchain/langgraph", "langchain");
  return {
    run: (message, state, turn) => {
      const before = [...state, message];
      const isClaude = providerOf(agent.options?.model) === "anthropic";
      // The reducer makes messages of them, and gives them ids by which they are known again.
      const messages = langgraph.messagesStateReducer([], toMessages(before, isClaude));
      return new LangChainTurn(langgraph, agent, turn, messages).run(before);
    },
    warnings: await prepareModel(agent.options?.model, sdk),
  };
};

class LangChainTurn {
  readonly #sdk: Sdk;
  readonly #agent: Agent;
  readonly #graph: Graph;
  readonly #turn: TurnContext;
  readonly #messages: BaseMessage[];
  readonly #state: GraphState;
  readonly #speech: Speech;
  readonly #config: object;
  /** Calls that were said, by their ids, with the names of their tools. */
  readonly #called = new Map<string, string>();
  readonly #returned = new Set<string>();

  constructor(sdk: Sdk, agent: Agent, turn: TurnContext, messages: BaseMessage[]) {
    this.#sdk = sdk;
    this.#agent = agent;
    this.#graph = agent.graph ?? (agent as unknown as Graph);
    this.#turn = turn;
    this.#messages = messages;
    this.#state = new GraphState(messages);
    this.#speech = new Speech(turn);
    // Without a checkpointer nothing can be asked.
    const isOurs = this.#graph.checkpointer === undefined;
    if (isOurs) this.#graph.checkpointer = new sdk.MemorySaver();
    this.#config = {
      configurable: { thread_id: turn.turnId },
      ...(isOurs && { durability: "exit" }),
      signal: turn.signal,
      streamMode: ["messages", "values"],
      subgraphs: true,
      callbacks: [{ awaitHandlers: true, handleLLMEnd: (output: unknown) => this.#reportUsage(output) }],
    };
  }

  async run(before: ChatMessage[]): Promise<Turn> {
    try {
      let questions = await this.#follow({ messages: this.#messages });
      while (questions.length > 0) {
        const resume = await askAll(this.#turn, questions);
        questions = await this.#follow(new this.#sdk.Command({ resume }));
      }
    } catch (error) {
      throw this.#turn.signal.aborted ? this.#turn.signal.reason : error;
    }
    this.#turn.signal.throwIfAborted();
    const { response, added, isNew } = this.#state.answer();
    this.#speech.say(this.#state.added);
    if (isNew && response.content) this.#turn.emit({ type: "text-delta", delta: response.content });
    return [response, [...before, ...added]];
  }

  /** Says what happens until the graph ends or asks; resolves with what it asks. */
  async #follow(input: unknown): Promise<Interrupt[]> {
    const questions = new Map<string, Interrupt>();
    for await (const [namespace, mode, value] of await this.#agent.stream(input, this.#config)) {
      const graph = graphAt(this.#graph, namespace);
      if (graph === undefined) continue;
      const place = namespace.join("|");
      if (mode === "messages") {
        this.#hear(value, graph, place);
      } else if (value.__interrupt__ === undefined) {
        this.#hearState(value, place);
      } else if (place === "") {
        // Each node that asks says so by itself; a breakpoint asks nothing.
        if (value.__interrupt__.length === 0) throw new Error("The graph has stopped at a breakpoint");
        for (const question of value.__interrupt__) questions.set(question.id, question);
      }
    }
    return [...questions.values()];
  }

  #hear([message, about]: [BaseMessage, About], graph: Graph, place: string): void {
    if (isTool(message)) this.#hearTools(message);
    if (!isAi(message)) return;
    // The first in a chain is read by what follows it, which makes an object of it.
    const isHelper = about.lc_source !== undefined || about.tags?.includes("seq:step:1") === true;
    if (isHelper || !answers(graph, about.langgraph_node)) this.#speech.miss(message);
    else if ("concat" in message) this.#speech.hear(message, place, this.#state.added);
    else this.#speech.expect(message);
  }

  #hearState(values: Values, place: string): void {
    if (place === "") this.#state.update(values);
    const added = this.#state.newIn(values);
    this.#speech.pass(place, added);
    for (const message of added) this.#hearTools(message);
  }

  #hearTools(message: BaseMessage): void {
    if (isAi(message)) {
      for (const { id = "", name, args } of message.tool_calls ?? []) {
        if (this.#called.has(id)) continue;
        this.#called.set(id, name);
        sayToolCall(this.#turn, { id, name }, args);
      }
    } else if (isTool(message)) {
      const { tool_call_id: id, status } = message;
      const name = this.#called.get(id);
      if (name === undefined || this.#returned.has(id)) return;
      this.#returned.add(id);
      sayToolResult(this.#turn, { id, name, isError: status === "error" }, outputOf(message));
    }
  }

  /** Called for every call of a model, whoever makes it. */
  #reportUsage(output: unknown): void {
    const { generations = [] } = output as { generations?: { message?: UsageHolder }[][] };
    const usage = generations[0]?.[0]?.message?.usage_metadata;
    if (usage === undefined) return;
    const { input_tokens = 0, output_tokens = 0, total_tokens = input_tokens + output_tokens } = usage;
    this.#turn.reportUsage({ input_tokens, output_tokens, total_tokens });
  }
}

interface UsageHolder {
  usage_metadata?: { input_tokens?: number; output_tokens?: number; total_tokens?: number };
}
