// The error of a command line that asks for what cannot be.

/** A request that cannot be met, in one sentence. */
export class UsageError extends Error {}
