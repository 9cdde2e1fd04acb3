/**
 * One turn of an agent of ADK: the conversation is replayed into a session in memory, which ADK then goes on with. The
 * state of that session outlives the turn as what each turn has changed of it, beside the turn's last message.
 */
import type {
  BaseAgent,
  BasePlugin,
  BaseSessionService,
  Event,
  ResumabilityConfig,
  RunnableRoot,
  Runner,
} from "@google/adk";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { Turn, TurnContext } from "../types.ts";
import { type AdkMessage, type Content, fromEvents, toContent, toEvents } from "./google-adk-messages.ts";
import { ModelCalls } from "./google-adk-models.ts";
import type { Adk } from "./google-adk-plugin.ts";
import { ToolQuestions } from "./google-adk-questions.ts";
import { NodeRequests } from "./google-adk-requests.ts";
import { Speech } from "./google-adk-speech.ts";

/** What is run, with what an App says about it. */
export interface Served {
  name?: string;
  rootAgent: RunnableRoot;
  plugins?: BasePlugin[];
  resumabilityConfig?: ResumabilityConfig | undefined;
}

/** No agent has a name with a space: a session of an agent that is a tool cannot meet this one. */
const appName = "motus serve";
const userId = "user";

/** Ends of an answer that leave it an answer: it is whole, or as long as it may be. */
const goodEnds: readonly (string | undefined)[] = [undefined, "STOP", "MAX_TOKENS"];

export class GoogleAdkTurn {
  readonly #adk: Adk;
  readonly #served: Served;
  readonly #turn: TurnContext;
  readonly #models: ModelCalls;
  readonly #requests: NodeRequests;
  readonly #speech: Speech;
  readonly #events: Event[] = [];

  constructor(adk: Adk, served: Served, turn: TurnContext) {
    this.#adk = adk;
    this.#served = served;
    this.#turn = turn;
    this.#models = new ModelCalls(turn);
    this.#speech = new Speech(turn);
    this.#requests = new NodeRequests(adk, turn, (event) => this.#add(event));
  }

  async run(message: ChatMessage, state: ChatMessage[]): Promise<Turn> {
    const { signal } = this.#turn;
    const { StreamingMode, createEvent } = this.#adk;
    const sessions = new this.#adk.InMemorySessionService();
    const names = { appName: this.#served.name ?? appName, userId, sessionId: this.#turn.sessionId };
    const session = await sessions.createSession(names);
    for (const event of toEvents(state, (name) => this.#author(name)))
      await sessions.appendEvent({ session, event: createEvent({ invocationId: "past", ...event }) });
    const runner = this.#runner(sessions, names.appName, state);
    const runConfig = { streamingMode: StreamingMode.SSE };
    try {
      let next: Content | undefined = toContent({ ...message, role: "user" });
      while (next !== undefined) {
        const newMessage: Content = next;
        const run = runner.runAsync({ ...names, newMessage, runConfig, abortSignal: signal });
        for await (const event of run) this.#hear(event);
        signal.throwIfAborted(); // A run that is aborted ends without a word.
        next = await this.#requests.answers();
      }
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      this.#models.report();
    }
    return this.#answer([...state, message]);
  }

  #runner(sessionService: BaseSessionService, appName: string, state: readonly ChatMessage[]): Runner {
    const { Runner, InMemoryArtifactService, InMemoryMemoryService } = this.#adk;
    const { rootAgent, plugins = [], resumabilityConfig } = this.#served;
    const system = state.flatMap(({ role, content = "" }) => (role === "system" ? content : [])).join("\n\n");
    const questions = new ToolQuestions(this.#adk, this.#turn, this.#models);
    return new Runner({
      appName,
      agent: rootAgent,
      // The App's own are between them: what they change of an answer costs the same, and what they forbid is not asked.
      plugins: [
        this.#models.plugin(this.#adk, system),
        ...plugins,
        questions.plugin((event) => this.#add(event)),
      ],
      sessionService,
      artifactService: new InMemoryArtifactService(),
      memoryService: new InMemoryMemoryService(),
      ...(resumabilityConfig && { resumabilityConfig }),
    });
  }

  /** The agent that a message's name stands for: ADK goes on with the one that spoke last. */
  #author(name: string | undefined): string {
    const { rootAgent: root } = this.#served;
    if (name === undefined) return root.name;
    return !isAgent(root) || root.findAgent(name) !== undefined ? name : root.name;
  }

  #hear(event: Event): void {
    const { errorCode, errorMessage, nodeInfo } = event;
    // A node of a Workflow may try again; what it fails with in the end is thrown.
    if (!goodEnds.includes(errorCode) && nodeInfo?.path === undefined) throw failure(errorCode, errorMessage);
    if (event.author === "user") return;
    this.#speech.text(event);
    if (event.partial !== true) this.#add(event);
  }

  /** Keeps a whole event. */
  #add(event: Event): void {
    this.#events.push(event);
    this.#requests.hear(event);
    this.#speech.tools(event);
  }

  #answer(before: ChatMessage[]): Turn {
    const added: AdkMessage[] = fromEvents(this.#events, this.#served.rootAgent.name);
    const response = this.#response(added);
    const stateDelta = Object.assign({}, ...this.#events.map(({ actions }) => jsonOf(actions.stateDelta)));
    const last = added.at(-1);
    if (last !== undefined && Object.keys(stateDelta).length > 0) last.adk_state = stateDelta;
    return [response, [...before, ...added]];
  }

  /** The last thing that was said, or what came of a tool whose result is to be the answer. */
  #response(added: AdkMessage[]): ChatMessage {
    const last = added.at(-1);
    if (last?.role === "assistant") return last;
    const { errorCode, errorMessage } = this.#events.findLast((event) => event.errorCode !== undefined) ?? {};
    const actions = this.#events.at(-1)?.actions;
    if (last?.role === "tool" && actions?.skipSummarization === true && actions.escalate !== true) {
      const response: ChatMessage = { role: "assistant", content: last.content ?? "" };
      added.push(response);
      return response;
    }
    const said = added.findLast(({ role, content }) => role === "assistant" && content !== undefined);
    if (said === undefined && errorCode === "MAX_TOKENS") throw failure(errorCode, errorMessage);
    return {
      role: "assistant",
      content: said?.content ?? "",
      ...(said?.name !== undefined && { name: said.name }),
    };
  }
}

function isAgent(root: RunnableRoot): root is BaseAgent {
  return Symbol.for("google.adk.baseAgent") in root;
}

function failure(code = "", message = ""): Error {
  const words = message === "" ? "the model gave no answer" : message;
  return new Error(code === "UNKNOWN_ERROR" ? words : `${code}: ${words}`);
}

/** What of a state can be kept as JSON. */
function jsonOf(state: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(state).filter(([, value]) => {
    try {
      return JSON.stringify(value) !== undefined;
    } catch {
      return false;
    }
  });
  return Object.fromEntries(kept);
}
