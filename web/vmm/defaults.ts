// What a machine has that was not told otherwise. Constants only.

/**
 * Entries after which a block of code is compiled: fewer compile what runs once, more interpret what is hot for longer
 * (assembly/jit/README.md has the measurements).
 */
export const JIT_ENTRIES = 2000;
