import { MemoryBus } from "../../src/session/memory/memory-bus.ts";
import { MemoryEventLog } from "../../src/session/memory/memory-event-log.ts";
import { MemoryIdempotencyStore } from "../../src/session/memory/memory-idempotency-store.ts";
import { MemorySessionStore } from "../../src/session/memory/memory-session-store.ts";
import { MemoryTurnQueue } from "../../src/session/memory/memory-turn-queue.ts";
import { busContract } from "../contracts/bus.ts";
import { eventLogContract } from "../contracts/event-log.ts";
import { idempotencyStoreContract } from "../contracts/idempotency-store.ts";
import { sessionStoreContract } from "../contracts/session-store.ts";
import { turnQueueContract } from "../contracts/turn-queue.ts";

sessionStoreContract("MemorySessionStore", async (options) => new MemorySessionStore(options));
turnQueueContract("MemoryTurnQueue", async () => new MemoryTurnQueue());
busContract("MemoryBus", async () => new MemoryBus());
eventLogContract("MemoryEventLog", async (bounds) => new MemoryEventLog(bounds));
idempotencyStoreContract("MemoryIdempotencyStore", async (bounds) => new MemoryIdempotencyStore(bounds));
