/** What the server tells a worker executable in its environment; a `WorkerStart` as JSON. */
export const startVariable = "MOTUS_WORKER_START";

export interface WorkerStart {
  /**
   * The server's process: whoever else starts the executable does not mean it as a worker. Null in a sandbox, where that
   * is not to be seen, and the worker is the first that is started.
   */
  pid: number | null;
  /** The real runtime. */
  runtime: string;
  /** What the runtime would have been given to run. */
  entry: string;
}
