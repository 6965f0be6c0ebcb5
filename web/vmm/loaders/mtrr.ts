// Memory types as firmware leaves them in the MTRRs of every processor, so that a kernel believes them and uses its PAT: RAM
// is written back, the hole below 4 GiB and the VGA window are uncached, option ROMs write-protected.
//
// Source: SDM vol. 3, 12.11. Nothing is cached here; only what a kernel reads matters.

const MTRR_PHYSBASE0 = 0x200;
const MTRR_FIX64K = 0x250;
const MTRR_FIX16K_80000 = 0x258;
const MTRR_FIX16K_A0000 = 0x259;
const MTRR_FIX4K_C0000 = 0x268;
const MTRR_DEF_TYPE = 0x2ff;

const UNCACHED = 0n;
const WRITE_PROTECTED = 5n;
const WRITE_BACK = 6n;
/** IA32_MTRR_DEF_TYPE: MTRRs and the fixed ranges are on. */
const ENABLED = 0xc00n;
/** IA32_MTRR_PHYSMASK: the pair is valid. */
const VALID = 0x800n;
/** MAXPHYADDR of CPUID's leaf 0x80000008. */
const PHYSICAL_BITS = 40n;
const FOUR_GIB = 2 ** 32;
/** The hole begins here, or behind more RAM: with this step at most seven pairs cover it. */
const HOLE = 0xc000_0000;
const HOLE_STEP = 0x200_0000;

/** One MSR and its value. */
export interface MsrValue {
  readonly index: number;
  readonly data: bigint;
}

/** Eight ranges of one type, as a fixed MTRR has them. */
const eight = (type: bigint): bigint => type * 0x0101_0101_0101_0101n;

/** The MTRRs of a machine with so many bytes of RAM from 0 on. */
export function firmwareMtrrs(ramBytes: number): MsrValue[] {
  const msrs: MsrValue[] = [
    { index: MTRR_FIX64K, data: eight(WRITE_BACK) },
    { index: MTRR_FIX16K_80000, data: eight(WRITE_BACK) },
    { index: MTRR_FIX16K_A0000, data: eight(UNCACHED) },
  ];
  for (let n = 0; n < 8; n++) msrs.push({ index: MTRR_FIX4K_C0000 + n, data: eight(WRITE_PROTECTED) });
  let pair = MTRR_PHYSBASE0;
  let base = Math.max(HOLE, Math.ceil(ramBytes / HOLE_STEP) * HOLE_STEP);
  while (base < FOUR_GIB) {
    // The largest power of two that the address is a multiple of.
    const size = 2 ** (31 - Math.clz32(base & -base));
    const mask = (1n << PHYSICAL_BITS) - BigInt(size);
    msrs.push({ index: pair, data: BigInt(base) | UNCACHED }, { index: pair + 1, data: mask | VALID });
    pair += 2;
    base += size;
  }
  msrs.push({ index: MTRR_DEF_TYPE, data: ENABLED | WRITE_BACK });
  return msrs;
}
