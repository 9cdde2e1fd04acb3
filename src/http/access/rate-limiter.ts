/** So many requests a second for each caller; those of two seconds may come at once. */
import { TokenBucket } from "limiter";
import { MotusError } from "../../errors.ts";

/** How many callers are counted; the one that was silent for longest is forgotten, and starts afresh. */
const maxCallers = 10_000;
/** A page or a client opens with a few requests at once, however low the limit is. */
const leastBurst = 5;

export class RateLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  /** The one that was silent for longest comes first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#burst = Math.max(leastBurst, Math.ceil(2 * perSecond));
  }

  /**
   * Counts one request of a caller and returns the headers that tell what is left.
   *
   * @throws {MotusError} `rate_limited`.
   */
  take(caller: string): Record<string, string> {
    const bucket = this.#bucketOf(caller);
    const isAllowed = bucket.tryRemoveTokens(1);
    const headers = this.#headers(bucket);
    if (isAllowed) return headers;
    const seconds = Math.max(1, Math.ceil(bucket.getWaitTime(1) / 1_000));
    throw new MotusError(
      "rate_limited",
      `Cannot answer so many requests: ${this.#perSecond} a second are allowed; wait ${seconds} s before the next`,
      { headers: { ...headers, "Retry-After": String(seconds) } },
    );
  }

  #bucketOf(caller: string): TokenBucket {
    let bucket = this.#buckets.get(caller);
    if (bucket === undefined) {
      bucket = new TokenBucket({
        bucketSize: this.#burst,
        tokensPerInterval: this.#perSecond,
        interval: "second",
      });
      bucket.content = this.#burst;
    }
    this.#buckets.delete(caller);
    this.#buckets.set(caller, bucket);
    const [silent] = this.#buckets.keys();
    if (this.#buckets.size > maxCallers && silent !== undefined) this.#buckets.delete(silent);
    return bucket;
  }

  /** As draft-ietf-httpapi-ratelimit-headers-10 has them. */
  #headers({ content }: TokenBucket): Record<string, string> {
    const windowSeconds = Math.ceil(this.#burst / this.#perSecond);
    const untilFull = Math.ceil((this.#burst - content) / this.#perSecond);
    return {
      "RateLimit-Policy": `"requests";q=${this.#burst};w=${windowSeconds}`,
      RateLimit: `"requests";r=${Math.floor(content)};t=${untilFull}`,
    };
  }
}
