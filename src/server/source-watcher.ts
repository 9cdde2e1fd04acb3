/**
 * Notices when the agent's own files have changed. Folders are watched, so that new workers are started as soon as a
 * change is saved; and `check` looks at once, so that no turn runs the old code because the news is still on its way.
 */
import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { entryOf, readAgentSources } from "../compile/agent-sources.ts";
import type { Logger } from "../logger.ts";

export interface SourceWatcherOptions {
  /** Where the agent is, as `motus serve start` takes it. */
  importPath: string;
  folder: string;
  logger: Logger;
  onChange(): void;
}

/** Editors write in several steps, and a half-written file is no change yet. */
const settleMs = 50;

export class SourceWatcher {
  readonly #options: SourceWatcherOptions;
  /** The files as they were when they were last looked at: a file, and what would change with it. */
  #files = new Map<string, string>();
  #folders = new Map<string, FSWatcher>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: SourceWatcherOptions) {
    this.#options = options;
  }

  /** Takes the files as they are now. */
  start(): void {
    const files = this.#read();
    this.#files = new Map(files.map((file) => [file, mark(file)]));
    this.#watchFolders(new Set(files.map((file) => dirname(file))));
  }

  /** Looks whether anything has changed, and if so says it before it returns. */
  check(): void {
    if (this.#isClosed) return;
    const changed = [...this.#files].filter(([file, before]) => mark(file) !== before).map(([file]) => file);
    if (changed.length === 0) return;
    this.start();
    this.#options.logger.info({ files: changed }, "the agent's files have changed: the next turn runs them");
    this.#options.onChange();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watchFolders(new Set());
  }

  /** A file that is broken for a moment imports nothing that can be read: the files of before stay watched. */
  #read(): string[] {
    const { importPath, folder } = this.#options;
    try {
      return readAgentSources(entryOf(importPath, folder)).files;
    } catch {
      return [...this.#files.keys()];
    }
  }

  #watchFolders(folders: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#folders) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of folders) {
      if (!this.#folders.has(folder)) this.#watchFolder(folder);
    }
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.check(), settleMs);
        this.#timer.unref();
      });
      watcher.on("error", () => watcher.close());
      this.#folders.set(folder, watcher);
    } catch (error) {
      this.#options.logger.warn(
        { err: error, folder },
        "a folder cannot be watched: a change in it is noticed when the next turn starts",
      );
    }
  }
}

/** What changes with a file. Editors replace files, so a name may be another file with the same time. */
function mark(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "gone";
  }
}
