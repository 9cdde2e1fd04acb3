import { InMemorySessionService, LlmAgent, LogLevel, Runner, StreamingMode, setLogLevel } from "@google/adk";

export const agent = new LlmAgent({ name: "assistant", model: "gemini-3-pro", instruction: "Be brief." });

export async function runBare(message: string): Promise<string> {
  setLogLevel(LogLevel.ERROR);
  const sessionService = new InMemorySessionService();
  const names = { appName: "bench", userId: "u", sessionId: "s" };
  await sessionService.createSession(names);
  const runner = new Runner({ appName: names.appName, agent, sessionService });
  let answer = "";
  for await (const event of runner.runAsync({
    ...names,
    newMessage: { role: "user", parts: [{ text: message }] },
    runConfig: { streamingMode: StreamingMode.SSE },
  })) {
    if (event.partial !== true) answer += event.content?.parts?.map(({ text = "" }) => text).join("") ?? "";
  }
  return answer;
}
