// Forms of integer instructions that regions execute themselves: `{e32}` stands for a register or memory of 32 bits, `{r32}` for a
// register, `{m32}` for memory, `{i8}` for an immediate; `{d}` is the register of a string's destination. `A` is what the address
// registers begin with. Those that name 64 bits or `wide` are of 64-bit code, those with `flat` of 32-bit code.

const SIZES = [8, 16, 32, 64];
const of = (sizes: readonly number[], ...forms: string[]): string[] =>
  sizes.flatMap((size) => forms.map((form) => form.replaceAll('N', String(size))));

const shifts = SIZES.flatMap((size) => [
  ...['shl', 'shr', 'sar', 'rol', 'ror'].flatMap((name) =>
    [1, 2, 7, 8, 9, 15, 16, 31, 0].map((count) => `${name} {e${size}}, ${count}`),
  ),
  ...['shl', 'shr', 'sar', 'rol', 'ror'].flatMap((name) => [
    `${name} {e${size}}, cl`,
    `${name} {r${size}}, cl`,
  ]),
  ...['rcl', 'rcr'].map((name) => `${name} {e${size}}, 1`),
]);
const doubles = [32, 64].flatMap((size) =>
  ['shld', 'shrd'].flatMap((name) => [
    ...[0, 1, 5, 31].map((count) => `${name} {e${size}}, {r${size}}, ${count}`),
    `${name} {e${size}}, {r${size}}, cl`,
  ]),
);
const bits = [
  ...of([16, 32, 64], 'bsf {rN}, {eN}', 'bsr {rN}, {eN}', 'tzcnt {rN}, {eN}', 'lzcnt {rN}, {eN}'),
  ...of([32, 64], 'andn {rN}, {rN}, {eN}', 'blsr {rN}, {eN}', 'blsmsk {rN}, {eN}', 'blsi {rN}, {eN}'),
  ...of([32, 64], 'bzhi {rN}, {eN}, {rN}'),
  ...of([16, 32, 64], 'popcnt {rN}, {eN}', 'bswap {rN}').filter((form) => form !== 'bswap {r16}'),
  ...of(
    [32, 64],
    'rorx {rN}, {eN}, 7',
    'sarx {rN}, {eN}, {rN}',
    'shlx {rN}, {eN}, {rN}',
    'shrx {rN}, {eN}, {rN}',
  ),
  ...['bt', 'bts', 'btr', 'btc'].flatMap((name) => of([32, 64], `movsx {rN}, bl\n${name} {mN}, {rN}`)),
  ...['cli', 'sti\nnop', 'clc', 'stc', 'cmc', 'cld', 'std\nlodsb\ncld', 'set{cc} {e8}'],
];
const products = [
  ...of(SIZES, 'mul {eN}', 'imul {eN}'),
  ...of([16, 32, 64], 'imul {rN}, {eN}', 'imul {rN}, {eN}, -7', 'imul {rN}, {eN}, 0x1234'),
  ...of([32, 64], 'mulx {rN}, {rN}, {eN}'),
];
const stack = [
  ...['push {m32} flat', 'push {m64}', 'pushfd flat', 'pushfq wide'],
  ...['ds', 'cs', 'ss'].map((name) => `push ${name}\npop ecx flat`),
  ...['fs', 'gs'].flatMap((name) => [`push ${name}\npop ecx flat`, `push ${name}\npop rcx wide`]),
  ...['mov esp, 0x6003\npush es\npop ecx flat', 'mov esp, 0x6001\npush fs\npop ecx flat'],
];
const frames = [
  'mov ebp, 0x6f04\nleave flat',
  'mov ebp, 0x6ffe\nleave flat',
  'mov ebp, 0x6f04\nleave wide',
  'mov rbp, 0x5ffd\nleave wide',
];
const directions = ['cld', 'std'];
const strings = directions.flatMap((direction) =>
  of(
    SIZES,
    ...['lods', 'stos', 'scas', 'movs', 'cmps'].map(
      (name) => `${direction}\nmov ${'{d}'}, ${'{to}'}\n${name}{sN}`,
    ),
  ),
);
const locked = [
  ...['add', 'or', 'and', 'sub', 'xor'].flatMap((name) =>
    of(SIZES, `lock ${name} {mN}, {rN}`, `lock ${name} {mN}, 0x55`),
  ),
  ...of(
    SIZES,
    'lock inc {mN}',
    'lock dec {mN}',
    'xchg {mN}, {rN}',
    'lock xadd {mN}, {rN}',
    'xadd {mN}, {rN}',
  ),
  ...of(SIZES, 'lock cmpxchg {mN}, {rN}', 'cmpxchg {mN}, {rN}'),
  ...['cmpxchg8b [{a}]', 'lock cmpxchg8b [{a}+8]', 'mov eax, [{a}]\nmov edx, [{a}+4]\ncmpxchg8b [{a}]'],
  ...of([16, 32, 64], 'lock bts {mN}, 13', 'lock btr {mN}, 13', 'lock btc {mN}, 13'),
  ...of(
    [32, 64],
    'mov {rN}, 45\nlock bts {mN}, ecx',
    'lock bts {mN}, {rN}',
    'lock btr {mN}, {rN}',
    'lock btc {mN}, {rN}',
  ).filter((form) => !form.startsWith('mov')),
];
const segments = [
  ...['fs', 'gs'].flatMap((name) => [
    `mov {r32}, [${name}:0x20008]`,
    `mov dword [${name}:0x20010], 0x1234`,
    `inc dword [${name}:{a}+8]`,
    `add {r32}, [${name}:{a}+{a}*1-16] flat`,
    `movzx {r32}, byte [${name}:{a}]`,
    `mov eax, [${name}:dword 0x20004] flat`,
    `mov [${name}:dword 0x20004], al flat`,
    `push dword [${name}:{a}] flat`,
    `inc dword [rel ${name}:data] wide`,
    `mov {r64}, [rel ${name}:data]`,
    `add [a32 ${name}:esi], {r64}`,
  ]),
  ...[
    'lea {r32}, [rsi+rbx*4-7] wide',
    'lea {r16}, [{a}+8]',
    'lea {r64}, [esi+ebx]',
    'lea {r32}, [esi+ebx] wide',
  ],
  // MSR_KERNEL_GS_BASE.
  'mov ecx, 0xc0000102\nmov eax, 24\nxor edx, edx\nwrmsr\nswapgs\nmov ecx, [gs:0x20000]\nswapgs\nmov edx, [gs:0x20000] wide',
  // CR4.PKE.
  'mov rax, cr4\nbts eax, 22\nmov cr4, rax\nmov eax, 0x30\nxor ecx, ecx\nxor edx, edx\nwrpkru\nmov edx, 7\nrdpkru wide',
  ...['mov {r32}, ds', 'mov {r16}, es', 'mov {r64}, ss', 'mov {r32}, fs'],
];

export const FORMS: readonly string[] = [
  ...shifts,
  ...doubles,
  ...bits,
  ...products,
  ...stack,
  ...frames,
  ...strings,
  ...locked,
  ...segments,
];
