/** What of the C library the server calls itself (Linux). */
import { dlopen, FFIType } from "bun:ffi";

interface Libc {
  prlimit(
    pid: number,
    resource: number,
    limits: BigUint64Array | null,
    before: BigUint64Array | null,
  ): number;
  clock_gettime(clock: number, time: BigInt64Array): number;
}

const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];

let loaded: Libc | null | undefined;

/** Null where it is not Linux, or has a C library that is neither glibc nor musl. */
export function libc(): Libc | null {
  if (process.platform !== "linux") return null;
  loaded ??= load();
  return loaded;
}

function load(): Libc | null {
  const { i32, ptr } = FFIType;
  const symbols = {
    prlimit: { args: [i32, i32, ptr, ptr], returns: i32 },
    clock_gettime: { args: [i32, ptr], returns: i32 },
  } as const;
  for (const name of names) {
    try {
      return dlopen(name, symbols).symbols as unknown as Libc;
    } catch {
      // It is the other one's machine.
    }
  }
  return null;
}
