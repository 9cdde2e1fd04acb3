/** Reads request bodies: JSON only, and only so long. */
import { Elysia } from "elysia";
import { MotusError } from "../errors.ts";
import { idleTimeoutSeconds } from "./idle-timeout.ts";

const maxDepth = 200;
/** How much of a body has to come in each `idleTimeoutSeconds`. */
const progressBytes = 64 * 1024;
/** Stands for an empty body until it is parsed: told nothing, Elysia would read the body once more, and fail. */
const nothing = Symbol("no body");
const utf8 = new TextDecoder("utf-8", { fatal: true });

export function jsonBody(maxBytes: number) {
  const parser = new Elysia({ name: "json-body" }).onParse({ as: "global" }, async ({ request, server }) => {
    const bytes = await readBytes(request, {
      maxBytes,
      // The runtime gives a body so long in all, and closes the connection without an answer.
      onProgress: () => server?.timeout(request, idleTimeoutSeconds),
    });
    if (bytes.length === 0) return nothing;
    const type = request.headers.get("content-type") ?? "";
    // A form can be posted by any web page without asking; JSON cannot.
    if (!/^application\/(.+\+)?json\s*(;|$)/i.test(type)) {
      throw new MotusError(
        "unsupported_media_type",
        `Cannot read a body of type "${type}": send JSON with the header Content-Type: application/json`,
        { headers: { Accept: "application/json" } },
      );
    }
    const encoding = request.headers.get("content-encoding") ?? "identity";
    if (!/^(identity)?$/i.test(encoding)) {
      throw new MotusError(
        "unsupported_media_type",
        `Cannot read a body in the encoding "${encoding}": send it as it is, without Content-Encoding`,
        { headers: { Accept: "application/json", "Accept-Encoding": "identity" } },
      );
    }
    try {
      // What is no UTF-8 is refused, because whatever it were read as would not be what was meant.
      return checked(JSON.parse(utf8.decode(bytes)));
    } catch (error) {
      if (MotusError.isInstance(error)) throw error;
      throw new MotusError("body_not_json", `Cannot read the body: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
  return parser.onTransform({ as: "global" }, (context) => {
    if (context.body === nothing) context.body = undefined;
  });
}

/** A body that does no harm to whoever handles it, whatever its schema allows. */
function checked(value: unknown, level = 1): unknown {
  if (typeof value !== "object" || value === null) return value;
  // It could be taken in, but never be written out again.
  if (level > maxDepth) throw doesNotFit(`is nested deeper than ${maxDepth} levels`);
  // Whoever copies the field gives the copy another prototype: fields that are not there, to checks and to agents.
  if (Object.hasOwn(value, "__proto__")) throw doesNotFit("has a field named __proto__");
  if (Object.hasOwn(value, "toString")) giveText(value);
  for (const inner of Array.isArray(value) ? value : Object.values(value)) checked(inner, level + 1);
  return value;
}

function doesNotFit(message: string): MotusError {
  return new MotusError("validation_failed", `The body does not fit: / ${message}`, {
    errors: [{ field: "/", message }],
  });
}

/** Elysia writes a value that does not fit into its error, and would fail on one with a field of this name. */
function giveText(value: object): void {
  Object.defineProperty(value, Symbol.toPrimitive, { value: () => "[object Object]" });
}

interface ReadOptions {
  maxBytes: number;
  /** Called whenever another piece of `progressBytes` has come: a slow line is no reason to give up, a byte now and then is. */
  onProgress: () => void;
}

/** The whole body; counts while it reads, because a chunked body does not say how long it will be. */
async function readBytes(request: Request, { maxBytes, onProgress }: ReadOptions): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      const pieces = Math.floor(length / progressBytes);
      length += chunk.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      if (Math.floor(length / progressBytes) > pieces) onProgress();
      chunks.push(chunk);
    }
  } catch (error) {
    if (MotusError.isInstance(error)) throw error;
    // The client has gone, or has not sent for too long; nobody may be there to read this.
    throw new MotusError("body_incomplete", "Cannot read the body: it ended before it was complete", {
      cause: error,
    });
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): MotusError {
  return new MotusError(
    "body_too_large",
    `Cannot read the body: it is longer than ${maxBytes} bytes, the limit of this server`,
    {
      headers: { Connection: "close" },
    },
  );
}
