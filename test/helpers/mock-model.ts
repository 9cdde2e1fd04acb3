/**
 * A model that answers by rule, over HTTP, in the formats of OpenAI (both), Anthropic and Gemini. In front of it stands
 * a recording proxy, which keeps the bodies as they came and makes the faults that a mock has no word for.
 */
import { type ChatCompletionRequest, type FixtureResponse, LLMock } from "@copilotkit/aimock";

export interface RecordedRequest {
  path: string;
  /** The body as it came. */
  text: string;
  /** Resolves when the client has let go of the request before its answer was whole. */
  aborted: Promise<void>;
}

export interface MockModel extends AsyncDisposable {
  url: string;
  /** What points every SDK to it. */
  environment: Record<string, string>;
  requests: RecordedRequest[];
  /** Requests as chat completions, whatever format they came in. */
  readonly normalised: ChatCompletionRequest[];
  /** Resolves with the next request. */
  nextRequest(): Promise<RecordedRequest>;
}

/** What each request is said to have cost, whichever names its format has for it. */
const usage = {
  prompt_tokens: 11,
  completion_tokens: 7,
  total_tokens: 18,
  input_tokens: 11,
  output_tokens: 7,
  promptTokenCount: 11,
  candidatesTokenCount: 7,
  totalTokenCount: 18,
};

/** Also points every SDK in this process, and in the workers it starts, to the mock. */
export async function startMockModel(): Promise<MockModel> {
  // Small pieces, so that every text comes in several deltas.
  const mock = new LLMock({ port: 0, host: "127.0.0.1", chunkSize: 4 });
  const normalised: ChatCompletionRequest[] = [];
  mock.on({ predicate: () => true }, (request) => {
    normalised.push(request);
    return { usage, ...withFinishReason(request, answer(request)) } as FixtureResponse;
  });
  const target = await mock.start();
  const requests: RecordedRequest[] = [];
  let waiters: ((request: RecordedRequest) => void)[] = [];

  const proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const text = await request.text();
      const aborted = Promise.withResolvers<void>();
      request.signal.addEventListener("abort", () => aborted.resolve());
      const recorded: RecordedRequest = { path: pathname, text, aborted: aborted.promise };
      requests.push(recorded);
      for (const wake of waiters) wake(recorded);
      waiters = [];
      const fault = /\[(malformed|429|500)\]/.exec(text)?.[1];
      if (fault === "malformed") return new Response("{ this is no JSON", { headers: json });
      if (fault !== undefined) return failure(Number(fault));
      const headers = new Headers(request.headers);
      headers.delete("host");
      headers.delete("content-length");
      headers.delete("accept-encoding");
      const response = await fetch(target + pathname + search, {
        method: request.method,
        headers,
        body: text,
      });
      return text.includes("[hang]") ? withoutEnd(response) : response;
    },
  });
  const url = `http://127.0.0.1:${proxy.port}`;
  const before = { ...process.env };
  const environment = {
    OPENAI_API_KEY: "mock",
    OPENAI_BASE_URL: `${url}/v1`,
    ANTHROPIC_API_KEY: "mock",
    ANTHROPIC_BASE_URL: url,
    GEMINI_API_KEY: "mock",
    GOOGLE_GEMINI_BASE_URL: url,
  };
  Object.assign(process.env, environment);
  return {
    url,
    environment,
    requests,
    normalised,
    nextRequest: () => new Promise((resolve) => waiters.push(resolve)),
    [Symbol.asyncDispose]: async () => {
      for (const name of Object.keys(environment)) setVariable(name, before[name]);
      await proxy.stop(true);
      await mock.stop();
    },
  };
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

const json = { "content-type": "application/json" };

/** What the model says to the last message. */
function answer({ messages }: ChatCompletionRequest): Partial<FixtureResponse> {
  const last = messages.at(-1);
  const text = textOf(last?.content);
  if (last?.role === "tool") return { content: `The tool said: ${text}` };
  const [, city] = /^weather in (\w+)/.exec(text) ?? [];
  if (city !== undefined) return { toolCalls: [call("get_weather", { city })] };
  const paths = text.startsWith("delete ") ? [...text.matchAll(/delete (\S+)/g)] : [];
  if (paths.length > 0) return { toolCalls: paths.map(([, path]) => call("delete_file", { path })) };
  if (text.startsWith("ask")) {
    const labels = text.startsWith("ask wrongly") ? ["Red"] : ["Red", "Blue"];
    const options = labels.map((label) => ({ label, description: `The colour ${label}` }));
    const questions = [{ question: "Which colour?", header: "Colour", multiSelect: false, options }];
    return { toolCalls: [call("ask_user", { questions })] };
  }
  if (text.startsWith("transfer back")) return { toolCalls: [call("transfer_to_Assistant", {})] };
  if (text.startsWith("transfer")) return { toolCalls: [call("transfer_to_Billing", {})] };
  const [, prompt] = /^delegate (.+)/.exec(text) ?? [];
  if (prompt !== undefined) return { toolCalls: [call("agent-helper", { prompt })] };
  if (text.startsWith("think")) return { content: "I have thought.", reasoning: "Let me think about it." };
  if (text.startsWith("json")) return { content: '{"city":"Paris","degrees":21}' };
  if (text.startsWith("recall")) return { content: recall(messages) };
  return { content: `You said: ${text}` };
}

/** All that the model was given, a line a message, so that a test sees what came of a conversation. */
function recall(messages: ChatCompletionRequest["messages"]): string {
  return messages
    .map(({ role, content, tool_calls = [] }) => {
      const calls = tool_calls.map(({ function: { name, arguments: text } }) => `${name}(${text})`);
      return [`${role}:`, textOf(content), ...calls].filter((part) => part !== "").join(" ");
    })
    .join("\n");
}

let calls = 0;
function call(name: string, input: object) {
  calls += 1;
  return { id: `call_${calls}`, name, arguments: JSON.stringify(input) };
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => part?.text ?? "").join("");
}

/** The mock says of a call in Gemini's format what no Gemini says. */
function withFinishReason({ model }: ChatCompletionRequest, response: Partial<FixtureResponse>) {
  return model?.startsWith("gemini") ? { ...response, finishReason: "stop" } : response;
}

/** An error in the words of all formats at once, with what tells SDKs not to try again. */
function failure(status: number): Response {
  const [type, name] =
    status === 429 ? ["rate_limit_error", "RESOURCE_EXHAUSTED"] : ["api_error", "INTERNAL"];
  const error = { type, code: status, status: name, message: `The model answered ${status}` };
  return Response.json({ type: "error", error }, { status, headers: { "x-should-retry": "false" } });
}

/** The first part of an answer, and then silence. */
function withoutEnd(response: Response): Response {
  const body = response.body?.pipeThrough(
    new TransformStream({
      async transform(chunk, controller) {
        controller.enqueue(chunk.slice(0, Math.ceil(chunk.length / 2)));
        await new Promise(() => {});
      },
    }),
  );
  return new Response(body ?? null, { status: response.status, headers: response.headers });
}
