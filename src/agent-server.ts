/** The public server: `Motus` behind its HTTP application, on an address. */
import { aborted } from "./aborted.ts";
import { MotusError } from "./errors.ts";
import { type App, createApp } from "./http/app.ts";
import { serveApp } from "./http/serve.ts";
import { Motus } from "./server/motus.ts";
import { type AgentServerOptions, resolveOptions } from "./server/options.ts";

/** Where a server listens, and what it serves. */
export interface Listening {
  /** Without a slash at its end: `http://127.0.0.1:8000`. */
  url: string;
  port: number;
  /** What kind of agent was found. */
  agent: string;
}

/**
 * Serves one agent over HTTP, every turn in a process of its own.
 *
 * @example
 * ```ts
 * import { AgentServer } from "motus-serve";
 *
 * const server = new AgentServer("./agent.ts:agent", { port: 8000 });
 * const { url } = await server.listen();
 * console.log(`Serving on ${url}`);
 * ```
 */
export class AgentServer {
  readonly #motus: Motus;
  #app: App | undefined;
  #http: ReturnType<typeof serveApp> | undefined;
  #stopping: Promise<void> | undefined;
  /** Fires when a stop has no more time. */
  readonly #hurry = new AbortController();

  /**
   * Starts no process and listens nowhere yet. With a `store` that is a file it opens that, and holds it until `stop`.
   *
   * @param agent Where the agent is, as `motus serve start` takes it: `src/app.ts:agent`.
   * @throws {MotusError} `option_invalid`; `address_unprotected` when others could reach it without a token;
   * `nested_too_deep` inside a worker; `sandbox_unavailable` when there can be no sandbox; `store_invalid`, `store_locked` or
   * `store_unavailable` when the store cannot be used.
   */
  constructor(agent: string, options: AgentServerOptions = {}) {
    // biome-ignore lint/style/noProcessEnv: the workers' environment is made from the server's own
    this.#motus = new Motus(agent, resolveOptions(options), process.env);
  }

  /**
   * The Elysia application. It works without `listen`, in tests for example:
   * `await server.app.handle(new Request("http://localhost/health"))`; then call `stop` at the end.
   *
   * @throws {MotusError} `option_invalid` when a file with tokens or keys cannot be read.
   */
  get app(): App {
    this.#app ??= createApp(this.#motus);
    return this.#app;
  }

  /**
   * Listens, and loads the agent once in a worker to see that it can.
   *
   * @throws {MotusError} `already_used` when it listens or was stopped; `option_invalid` when a file with tokens or keys
   * cannot be read; `address_unavailable`; `agent_not_found`, `agent_export_missing`, `agent_invalid` or
   * `agent_import_failed`, and then nothing is left running.
   */
  async listen(): Promise<Listening> {
    if (this.#http !== undefined || this.#stopping !== undefined) {
      throw new MotusError(
        "already_used",
        "Cannot listen: this server listens already or was stopped; make another one",
      );
    }
    this.#http = serveApp(this.app, this.#motus.options);
    try {
      const agent = await this.#motus.start();
      return { url: this.#http.url, port: this.#http.port, agent };
    } catch (error) {
      await this.stop({ now: true });
      throw error;
    }
  }

  /**
   * Stops: takes no new turns, lets running ones end for `shutdownTimeout` seconds, cancels the rest, delivers
   * webhooks, and closes the address. Resolves when no worker is left. Called again with `now`, it ends at once.
   */
  async stop({ now = false }: { now?: boolean } = {}): Promise<void> {
    this.#motus.drain();
    const deadline = now || this.#stopping !== undefined ? 0 : this.#motus.options.shutdownTimeout * 1_000;
    if (deadline === 0) this.#hurry.abort();
    this.#stopping ??= this.#stop(deadline);
    await this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const timer = setTimeout(() => this.#hurry.abort(), deadlineMs);
    await Promise.race([this.#motus.idle(), aborted(this.#hurry.signal)]);
    await this.#motus.close(this.#hurry.signal);
    clearTimeout(timer);
    await this.#http?.close();
    await this.#motus.closeStores();
  }
}
