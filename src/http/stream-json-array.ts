/** How much is written before the server looks after other requests. */
const chunkCharacters = 256 * 1024;

/**
 * A JSON array of items that are JSON already. It is written piece by piece, so that a long one neither
 * stops other requests nor is held in memory twice.
 */
export function streamJsonArray(items: Iterable<string>): ReadableStream<Uint8Array> {
  const iterator = items[Symbol.iterator]();
  const encoder = new TextEncoder();
  let separator = "[";
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      // The runtime asks for piece after piece without looking at anything else.
      await new Promise(setImmediate);
      let text = "";
      while (text.length < chunkCharacters) {
        const { value, done } = iterator.next();
        if (done) {
          controller.enqueue(encoder.encode(`${text}${separator === "[" ? "[" : ""}]`));
          controller.close();
          return;
        }
        text += separator + value;
        separator = ",";
      }
      controller.enqueue(encoder.encode(text));
    },
  });
}
