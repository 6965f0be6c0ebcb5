// Everything that the core asks of its host: the only place with imported functions. It holds no logic.

/** Machine time in nanoseconds: monotonic, standing still while the machine is stopped. */
@external('env', 'now')
export declare function host_now(): u64;
