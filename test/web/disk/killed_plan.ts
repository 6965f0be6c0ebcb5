// What the terminated writer and its test agree on.

/** Bytes of a record: more than a cluster, and not a multiple of it. */
export const RECORD_BYTES = 5120;
/** Record n lies in slot n modulo this, so later ones overwrite. */
export const RECORD_SLOTS = 40;
