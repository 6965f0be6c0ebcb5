// Names of the bits in EFLAGS, CR0, CR4 and EFER (SDM vol. 3, 2.3 and 2.5), FSW and MXCSR (vol. 1, 8.1.3 and 10.2.3),
// each with what it does. Data only.

/** One named bit; `mask` has one bit set. */
export interface Bit {
  readonly mask: number;
  readonly name: string;
  readonly meaning: string;
}

type Row = readonly [position: number, name: string, meaning: string];

function bits(rows: readonly Row[]): readonly Bit[] {
  return rows.map(([position, name, meaning]) => ({ mask: 2 ** position, name, meaning }));
}

/** EFLAGS, arithmetic flags first as a reader looks for them. */
export const FLAG_BITS = bits([
  [0, 'CF', 'carry out of the highest bit'],
  [2, 'PF', 'even number of ones in the low byte'],
  [4, 'AF', 'carry out of bit 3'],
  [6, 'ZF', 'the result is zero'],
  [7, 'SF', 'the result is negative'],
  [11, 'OF', 'signed overflow'],
  [10, 'DF', 'string instructions go downwards'],
  [9, 'IF', 'interrupts are let in'],
  [8, 'TF', 'a debug exception after each instruction'],
  [14, 'NT', 'nested task'],
  [16, 'RF', 'instruction breakpoints are off for one instruction'],
  [17, 'VM', 'virtual-8086 mode'],
  [18, 'AC', 'alignment check, or access to user pages with SMAP'],
  [21, 'ID', 'CPUID exists'],
]);

export const CR0_BITS = bits([
  [0, 'PE', 'protected mode'],
  [1, 'MP', 'WAIT obeys TS'],
  [2, 'EM', 'no FPU: its instructions raise #UD'],
  [3, 'TS', 'the FPU holds the state of another task'],
  [4, 'ET', 'an FPU is there (always 1)'],
  [5, 'NE', 'FPU errors raise #MF'],
  [16, 'WP', 'read-only pages bind the supervisor too'],
  [18, 'AM', 'alignment checks may be switched on'],
  [29, 'NW', 'not write-through'],
  [30, 'CD', 'caches are off'],
  [31, 'PG', 'paging'],
]);

export const CR4_BITS = bits([
  [0, 'VME', 'virtual-8086 extensions'],
  [1, 'PVI', 'protected-mode virtual interrupts'],
  [2, 'TSD', 'RDTSC is for ring 0'],
  [3, 'DE', 'I/O breakpoints'],
  [4, 'PSE', '4 MiB pages'],
  [5, 'PAE', '64-bit page-table entries'],
  [6, 'MCE', 'machine checks'],
  [7, 'PGE', 'global pages'],
  [8, 'PCE', 'RDPMC in every ring'],
  [9, 'OSFXSR', 'SSE'],
  [10, 'OSXMMEXCPT', 'SSE errors raise #XM'],
  [11, 'UMIP', 'SGDT, SIDT, SLDT, SMSW and STR are for ring 0'],
  [16, 'FSGSBASE', 'RDFSBASE and its brothers'],
  [17, 'PCIDE', 'process-context identifiers'],
  [18, 'OSXSAVE', 'XSAVE and XCR0'],
  [20, 'SMEP', 'the supervisor runs no user page'],
  [21, 'SMAP', 'the supervisor reads no user page'],
  [22, 'PKE', 'protection keys'],
]);

export const EFER_BITS = bits([
  [0, 'SCE', 'SYSCALL'],
  [8, 'LME', 'long mode once paging is on'],
  [10, 'LMA', 'long mode is active'],
  [11, 'NXE', 'no-execute pages'],
]);

/** Exception flags, which FSW and MXCSR have in the same places; they stay until they are cleared. */
const EXCEPTION_ROWS: readonly Row[] = [
  [0, 'IE', 'an invalid operation'],
  [1, 'DE', 'an operand was denormal'],
  [2, 'ZE', 'a division by zero'],
  [3, 'OE', 'overflow: too large for the format'],
  [4, 'UE', 'underflow: too small for the format'],
  [5, 'PE', 'precision: the result was rounded'],
];

/** FSW without TOP; the condition code as comparisons leave it. */
export const FSW_BITS = bits([
  [14, 'C3', 'equal, after a comparison'],
  [10, 'C2', 'unordered, after a comparison; or a reduction is not complete'],
  [9, 'C1', 'rounded up; after a stack fault: overflow'],
  [8, 'C0', 'less, after a comparison'],
  ...EXCEPTION_ROWS,
  [6, 'SF', 'stack fault: a push onto a used register or a use of an empty one'],
  [7, 'ES', 'an unmasked exception waits'],
  [15, 'B', 'busy: the same as ES'],
]);

export const MXCSR_BITS = bits([
  ...EXCEPTION_ROWS,
  [6, 'DAZ', 'denormal operands count as zero'],
  [15, 'FTZ', 'results that underflow become zero'],
]);

/** The named bits that are set in `value`. */
export function setBits(value: number, table: readonly Bit[]): Bit[] {
  return table.filter((bit) => Math.floor(value / bit.mask) % 2 === 1);
}
