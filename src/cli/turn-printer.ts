/** Shows what a turn says: its text on stdout, all else on stderr for people who watch. */
import { styleText } from "node:util";
import type { Spinner } from "yocto-spinner";
import type { SessionEvent } from "../client/client.ts";
import { write } from "./print.ts";
import { printable } from "./printable.ts";

const maxDetailCharacters = 200;

export class TurnPrinter {
  /** On a terminal text is Markdown, and shown block by block. */
  readonly #isRendered = process.stdout.isTTY === true;
  readonly #isWatched = process.stderr.isTTY === true;
  #spinner: Spinner | undefined;
  /** Text that was said and not shown, because its block goes on. */
  #block = "";
  /** All text that was said. */
  #said = "";
  #isThinking = false;

  /** Shows that something happens. */
  async wait(): Promise<void> {
    if (!this.#isWatched) return;
    const { default: yoctoSpinner } = await import("yocto-spinner");
    // Signals are ours: its own handling of them would exit before the session is deleted.
    this.#spinner ??= yoctoSpinner({ stream: process.stderr, handleSignals: false });
    this.#spinner.start();
  }

  /** Makes room for something else on the screen. */
  pause(): void {
    this.#spinner?.stop();
    if (this.#isThinking) process.stderr.write("\n");
    this.#isThinking = false;
  }

  async show(event: SessionEvent): Promise<void> {
    switch (event.type) {
      case "text-delta":
        return this.#text(event.delta);
      case "reasoning-delta":
        return this.#think(event.delta);
      case "tool-call":
        return this.#note(`→ ${event.tool_name} ${JSON.stringify(event.input)}`);
      case "tool-result":
        return this.#note(`${event.is_error ? "✗" : "←"} ${event.tool_name} ${JSON.stringify(event.output)}`);
      default:
    }
  }

  /** Shows the rest, and the response if it is more than what was said on the way. */
  async end(response: string | undefined): Promise<void> {
    this.pause();
    const isSaid = response === undefined || this.#said.trim().endsWith(response.trim());
    if (this.#said !== "" && !isSaid) await this.#text("\n\n");
    if (!isSaid || this.#said === "") await this.#text(response ?? "");
    await this.#flush(this.#block);
    if (!this.#isRendered && (response !== undefined || this.#said !== "")) await write("\n");
  }

  async #text(delta: string): Promise<void> {
    this.#said += delta;
    if (!this.#isRendered) {
      await write(delta);
      return;
    }
    this.#block += delta;
    await this.#flush(completeBlocks(this.#block));
  }

  async #flush(text: string): Promise<void> {
    this.#block = this.#block.slice(text.length);
    if (!this.#isRendered || text.trim() === "") return;
    this.pause();
    await write(`${Bun.markdown.ansi(printable(text)).trimEnd()}\n`);
  }

  #think(delta: string): void {
    if (!this.#isWatched) return;
    this.#spinner?.stop();
    this.#isThinking = true;
    process.stderr.write(styleText("dim", printable(delta)));
  }

  #note(text: string): void {
    if (!this.#isWatched) return;
    this.pause();
    const all = printable(text).replaceAll("\n", " ");
    const line = all.length > maxDetailCharacters ? `${all.slice(0, maxDetailCharacters)}…` : all;
    process.stderr.write(`${styleText("dim", line)}\n`);
  }
}

/** The start of a Markdown text up to the last blank line that is not inside a code block. */
function completeBlocks(text: string): string {
  let end = 0;
  let position = 0;
  let isCode = false;
  for (const line of text.split(/(?<=\n)/)) {
    position += line.length;
    if (/^\s*(```|~~~)/.test(line)) isCode = !isCode;
    else if (!isCode && line.trim() === "" && line.endsWith("\n")) end = position;
  }
  return text.slice(0, end);
}
