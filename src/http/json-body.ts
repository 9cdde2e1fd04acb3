/** Reads request bodies: JSON only, and only so long. */
import { Elysia } from "elysia";
import { MotusError } from "../errors.ts";

const maxDepth = 200;

export function jsonBody(maxBytes: number) {
  return new Elysia({ name: "json-body" }).onParse({ as: "global" }, async ({ request }) => {
    const text = await readText(request, maxBytes);
    if (text === "") return undefined;
    const type = request.headers.get("content-type") ?? "";
    // A form can be posted by any web page without asking; JSON cannot.
    if (!/^application\/(.+\+)?json\s*(;|$)/i.test(type)) {
      throw new MotusError(
        "unsupported_media_type",
        `Cannot read a body of type "${type}": send JSON with the header Content-Type: application/json`,
        { headers: { Accept: "application/json" } },
      );
    }
    try {
      return checkDepth(JSON.parse(text));
    } catch (error) {
      if (MotusError.isInstance(error)) throw error;
      throw new MotusError("body_not_json", `Cannot read the body: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
}

/** What is nested deeper than anybody needs could be taken in, but never be written out again. */
function checkDepth(body: unknown): unknown {
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) {
      const message = `is nested deeper than ${maxDepth} levels`;
      const errors = [{ field: "/", message }];
      throw new MotusError("validation_failed", `The body does not fit: / ${message}`, { errors });
    }
    level = level
      .filter((value) => typeof value === "object" && value !== null)
      .flatMap((value) => Object.values(value as object));
  }
  return body;
}

/** The body as text; counts while it reads, because a chunked body does not say how long it will be. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      length += chunk.length;
      if (length > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (MotusError.isInstance(error)) throw error;
    // The client has gone, or has not sent for too long; nobody may be there to read this.
    throw new MotusError("body_incomplete", "Cannot read the body: it ended before it was complete", {
      cause: error,
    });
  }
  return Buffer.concat(chunks).toString("utf8");
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
