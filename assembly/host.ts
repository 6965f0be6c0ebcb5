// Everything that the core asks of its host. The only declared imports.

/** Machine time in nanoseconds (real or virtual, as the engine has it). */
@external("env", "now")
export declare function host_now(): u64;
