// What is measured: the suites, their workloads, and how many turns of each make a second or so on v86 with its JIT. A turn
// of a bare workload stands in workloads/NAME.asm, one under Linux in guest/*.c.

/** Turns of the bare workloads. */
const BARE = {
  count: 150,
  integer: 80,
  memory: 80,
  branchy: 50,
  x87: 12,
  sse2: 10,
  selfmod: 20,
};

/** Turns of the workloads under Linux. `-1` and `-2`: the same work by one process, and by two at once. */
const LINUX = {
  sieve: 100,
  sha256: 60,
  crc32: 100,
  quicksort: 50,
  dhrystone: 60,
  memcpy: 50,
  wordcopy: 150,
  chase16k: 200,
  chase16m: 20,
  'matmul-x87': 40,
  'matmul-sse2': 100,
  'nbody-x87': 20,
  'nbody-sse2': 60,
  getppid: 60,
  fork: 100,
  exec: 20,
  faults: 60,
  pipe: 60,
  'sieve-2': 10,
  'mixed-2': 3,
  gzip: 5,
  sha256sum: 10,
};

/** Only where there are several processors: what one of them does alone. */
const ALONE = { 'sieve-1': 10, 'mixed-1': 3 };

/** What is measured without a program of ours: from the start of the process to init's ready line. */
export const BOOT = 'boot';

/**
 * The suites by name: `kind` of guest, width in bits, the fetched guests that can run it (the first when nobody chooses), and
 * the number of vCPUs.
 */
export const SUITES = {
  bare: { kind: 'bare', bits: 32, kernels: [], cpus: [1] },
  linux32: { kind: 'linux', bits: 32, kernels: ['686', 'small32'], cpus: [1] },
  linux64: { kind: 'linux', bits: 64, kernels: ['cloud', 'small'], cpus: [1, 2] },
};

/** The workloads of a suite with so many vCPUs: `[{ name, turns }]`. */
export function workloadsOf({ kind }, cpus) {
  const table = kind === 'bare' ? BARE : { [BOOT]: 1, ...LINUX, ...(cpus > 1 ? ALONE : {}) };
  return Object.entries(table).map(([name, turns]) => ({ name, turns }));
}

/** Names of all workloads. */
export const NAMES = [...new Set([...Object.keys(BARE), BOOT, ...Object.keys(LINUX), ...Object.keys(ALONE)])];
