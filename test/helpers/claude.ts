/** A Claude that says what a test tells it to: blocks and stop reasons that a general mock has no word for. */

export type Reply = {
  content?: object[];
  stop_reason?: string;
  stop_details?: object;
  usage?: object;
} & { status?: number; message?: string };

export interface Claude extends AsyncDisposable {
  /** The bodies of requests as they came. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every shape
  requests: any[];
  headers: Headers[];
  /** What is answered next, one for each request. */
  says(...replies: Reply[]): void;
}

/** Also points the SDK in workers that are started later to it. */
export function startClaude(): Claude {
  const requests: unknown[] = [];
  const headers: Headers[] = [];
  let replies: Reply[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      requests.push(await request.json());
      headers.push(request.headers);
      const reply = replies.shift() ?? { status: 500, message: "Nothing is left to say" };
      if (reply.status === undefined) return new Response(events(reply).map(asText).join(""), stream);
      const error = { type: "invalid_request_error", message: reply.message };
      return Response.json({ type: "error", error }, { status: reply.status, headers: dontRetry });
    },
  });
  Object.assign(process.env, {
    ANTHROPIC_API_KEY: "mock",
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${server.port}`,
  });
  return {
    requests,
    headers,
    says: (...next) => {
      requests.length = 0;
      headers.length = 0;
      replies = next;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}

const stream = { headers: { "content-type": "text/event-stream" } };
const dontRetry = { "x-should-retry": "false" };

function events({ content = [], stop_reason = "end_turn", stop_details, usage }: Reply): object[] {
  const message = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-opus-5-5",
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 1, ...usage },
  };
  return [
    { type: "message_start", message },
    ...content.flatMap((block, index) => [
      { type: "content_block_start", index, content_block: start(block as Block) },
      ...deltas(block as Block).map((delta) => ({ type: "content_block_delta", index, delta })),
      { type: "content_block_stop", index },
    ]),
    {
      type: "message_delta",
      delta: { stop_reason, stop_sequence: null, stop_details: stop_details ?? null },
      usage: { output_tokens: 5 },
    },
    { type: "message_stop" },
  ];
}

type Block = { type: string; text: string; thinking: string; signature: string; input: object };

function start(block: Block): object {
  switch (block.type) {
    case "text":
      return { ...block, text: "", citations: null };
    case "thinking":
      return { ...block, thinking: "", signature: "" };
    case "tool_use":
      return { ...block, input: {}, caller: { type: "direct" } };
    default:
      return block;
  }
}

function deltas({ type, text, thinking, signature, input }: Block): object[] {
  switch (type) {
    case "text":
      return halves(text).map((half) => ({ type: "text_delta", text: half }));
    case "thinking":
      return [
        ...halves(thinking).map((half) => ({ type: "thinking_delta", thinking: half })),
        { type: "signature_delta", signature },
      ];
    case "tool_use":
      return halves(JSON.stringify(input)).map((half) => ({ type: "input_json_delta", partial_json: half }));
    default:
      return [];
  }
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== "");
}

function asText(event: object): string {
  return `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify(event)}\n\n`;
}
