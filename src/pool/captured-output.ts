/**
 * What a worker wrote to one of its streams. The stream is always drained, or the worker would block; the
 * end of it is kept, up to a bound.
 */
export class CapturedOutput {
  /** Bytes written in all, kept or not. */
  totalBytes = 0;
  /** Resolves when the stream has ended: everything that held it is gone. */
  readonly ended: Promise<void>;
  #chunks: Uint8Array[] = [];
  #keptBytes = 0;
  readonly #maxBytes: number;

  constructor(stream: ReadableStream<Uint8Array>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.ended = this.#drain(stream);
  }

  /** The last `maxBytes` that were written, as text. */
  text(): string {
    const bytes = Buffer.concat(this.#chunks);
    return bytes.subarray(Math.max(0, bytes.length - this.#maxBytes)).toString("utf8");
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of stream) this.#keep(chunk);
    } catch {
      // A stream that breaks has ended; the worker's exit says why.
    }
  }

  #keep(chunk: Uint8Array): void {
    this.totalBytes += chunk.length;
    this.#chunks.push(chunk);
    this.#keptBytes += chunk.length;
    for (
      let first = this.#chunks[0];
      first && this.#keptBytes - first.length >= this.#maxBytes;
      first = this.#chunks[0]
    ) {
      this.#chunks.shift();
      this.#keptBytes -= first.length;
    }
  }
}
