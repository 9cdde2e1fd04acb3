/** How the runtime runs workers. The server's environment has the .env already, less what is the server's own business. */
export const workerArguments = ["--no-install", "--no-env-file", "--conditions=motus-worker"];

/**
 * What an executable needs besides: in one, the runtime replaces this variable by its value, or by one that nobody has set,
 * in the user's files too.
 */
export const executableArguments = ["--define", "process.env.NODE_ENV:process.env.NODE_ENV"];
