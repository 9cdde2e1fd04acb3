/** How much a turn may say at once. A worker refuses what is beyond, and the server believes no worker. */

/** One event, in characters of its JSON. */
export const maxEventCharacters = 1024 * 1024;
/** A text in pieces of at most this many characters, so that one long delta reaches its reader as any other text. */
export const maxDeltaCharacters = 64 * 1024;
/** What is asked in one question, in characters of its JSON. */
export const maxQuestionCharacters = 256 * 1024;
/** Questions of one turn that wait at once. */
export const maxOpenQuestions = 100;
