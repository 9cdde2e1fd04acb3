/** Seconds after which a connection that says nothing is closed; the runtime's longest is 255. */
export const idleTimeoutSeconds = 30;
