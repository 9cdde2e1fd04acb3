/** What the server tells a worker executable in its environment; a `WorkerStart` as JSON. */
export const startVariable = "MOTUS_WORKER_START";

export interface WorkerStart {
  /** The server's process: whoever else starts the executable does not mean it as a worker. */
  pid: number;
  /** The real runtime. */
  runtime: string;
  /** What the runtime would have been given to run. */
  entry: string;
}
