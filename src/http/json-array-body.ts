/** How much is written before the server looks after other requests. */
const chunkCharacters = 256 * 1024;

/**
 * A JSON array of items that are JSON already. A long one is written piece by piece, so that it neither stops
 * other requests nor is held in memory twice. A short one is a text, because the runtime closes the connection
 * when another request comes in while a stream is being answered.
 */
export function jsonArrayBody(items: Iterable<string>): string | ReadableStream<Uint8Array> {
  const iterator = items[Symbol.iterator]();
  let separator = "[";

  function nextPiece(): { text: string; isLast: boolean } {
    let text = "";
    while (text.length < chunkCharacters) {
      const { value, done } = iterator.next();
      if (done) return { text: `${text}${separator === "[" ? "[" : ""}]`, isLast: true };
      text += separator + value;
      separator = ",";
    }
    return { text, isLast: false };
  }

  const first = nextPiece();
  if (first.isLast) return first.text;

  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(first.text));
    },
    async pull(controller) {
      // The runtime asks for piece after piece without looking at anything else.
      await new Promise(setImmediate);
      const { text, isLast } = nextPiece();
      controller.enqueue(encoder.encode(text));
      if (isLast) controller.close();
    },
  });
}
