/** What is kept of the turns of each session that have ended. */

/** How many of them. */
export const maxTurns = 100;
/** For how many of those what their processes wrote: each may be 128 kB. */
export const maxTurnsWithLogs = 10;
