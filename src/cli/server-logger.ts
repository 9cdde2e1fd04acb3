import pino from "pino";
import type { Logger } from "../logger.ts";

export interface LogFlags {
  logLevel: "debug" | "info" | "warn" | "warning" | "error";
  /** @default pretty on a terminal, else json */
  logFormat?: "pretty" | "json";
}

/** Logs to stdout, line by line as things happen, so that the last line before a crash is there. */
export async function createLogger({ logLevel, logFormat }: LogFlags): Promise<Logger> {
  const destination = pino.destination({ dest: 1, sync: true });
  // A server goes on when whoever read its log has gone.
  destination.on("error", () => {});
  const options: pino.LoggerOptions = {
    level: logLevel === "warning" ? "warn" : logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  };
  const format = logFormat ?? (process.stdout.isTTY ? "pretty" : "json");
  if (format === "json") return pino(options, destination);
  const { default: pretty } = await import("pino-pretty");
  const translateTime = "SYS:yyyy-mm-dd HH:MM:ss.l";
  return pino(
    options,
    pretty({ destination, colorize: process.stdout.isTTY, singleLine: true, translateTime }),
  );
}
