/**
 * What a worker wrote to one of its streams. The stream is always drained, or the worker would block; the
 * end of it is kept, up to a bound.
 */
import type { TurnLogs } from "../protocol/session.ts";

interface Chunk {
  at: number;
  bytes: Uint8Array;
}

export class CapturedOutput {
  /** Bytes written in all, kept or not. */
  totalBytes = 0;
  /** Resolves when the stream has ended: everything that held it is gone. */
  readonly ended: Promise<void>;
  #chunks: Chunk[] = [];
  #keptBytes = 0;
  readonly #maxBytes: number;
  readonly #onWrite: () => void;

  /** @param onWrite Called whenever something was written. */
  constructor(stream: ReadableStream<Uint8Array>, maxBytes: number, onWrite: () => void) {
    this.#maxBytes = maxBytes;
    this.#onWrite = onWrite;
    this.ended = this.#drain(stream);
  }

  /** The last `maxBytes` that were written, as text. */
  text(): string {
    return this.entries()
      .map(({ text }) => text)
      .join("");
  }

  /** The same, piece by piece as it came, with its times. */
  entries(): { at: number; text: string }[] {
    const decoder = new TextDecoder();
    let excess = Math.max(0, this.#keptBytes - this.#maxBytes);
    const entries = this.#chunks.map(({ at, bytes }) => {
      const text = decoder.decode(bytes.subarray(excess), { stream: true });
      excess = 0;
      return { at, text };
    });
    return entries.filter(({ text }) => text !== "");
  }

  /** The stream as the API shows it. */
  view(): TurnLogs["stdout"] {
    return {
      entries: this.entries().map(({ at, text }) => ({ time: new Date(at).toISOString(), text })),
      total_bytes: this.totalBytes,
      cut_bytes: Math.max(0, this.totalBytes - this.#maxBytes),
    };
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of stream) {
        this.#keep({ at: Date.now(), bytes });
        this.#onWrite();
      }
    } catch {
      // A stream that breaks has ended; the worker's exit says why.
    }
  }

  #keep(chunk: Chunk): void {
    this.totalBytes += chunk.bytes.length;
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.bytes.length;
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (this.#keptBytes - first.bytes.length < this.#maxBytes) return;
      this.#chunks.shift();
      this.#keptBytes -= first.bytes.length;
    }
  }
}
