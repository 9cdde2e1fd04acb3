/** Raised whenever an envelope of worker-message.ts changes; both ends come from the same package. */
export const protocolVersion = 4;
