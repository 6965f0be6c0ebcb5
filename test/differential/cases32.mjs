// Random cases for guest32.asm: descriptors, gates, page-table entries, and short pieces of code that use them. What QEMU is
// known to do otherwise is kept out; README.md says what that is.
import { hex } from './random.mjs';

const LAND = 0xa000;
const SCRATCH = 0xb000;
const STACK3 = 0x9000;
const WINDOW = 0x400000;
const FREE = 0x40;
const DESCRIPTORS = 48;
const LDT = 12;

function descriptor(base, limit, attr, granular) {
  const low = ((base & 0xffff) * 0x10000 + (limit & 0xffff)) >>> 0;
  const high =
    ((base & 0xff000000) |
      ((base >> 16) & 0xff) |
      (attr << 8) |
      (limit & 0xf0000) |
      (granular ? 0x800000 : 0)) >>>
    0;
  return { low, high };
}

/** A descriptor of any kind, accessed already: QEMU does not mark code that is returned to. Limits hold what the cases touch, or cut off the landing place. */
function randomDescriptor(r) {
  const present = r.chance(88) ? 0x80 : 0;
  const dpl = r.pick([0, 0, 3, 3, 1, 2]) << 5;
  const kind = r.below(100);
  if (kind < 35) {
    const type = 0x19 | (r.chance(25) ? 4 : 0) | (r.chance(75) ? 2 : 0);
    const [limit, granular] = r.pick([
      [0xfffff, true],
      [0xfffff, true],
      [0xffff, false],
      [0x9fff, false],
    ]);
    const wide = r.chance(70) ? 0x4000 : 0;
    return descriptor(0, limit, present | dpl | type | wide, granular);
  }
  if (kind < 65) {
    const type = 0x11 | (r.chance(80) ? 2 : 0);
    const down = r.chance(20);
    const wide = r.chance(80) ? 0x4000 : 0;
    if (down) return descriptor(0, 0xfff, present | dpl | type | 4 | wide, false);
    return descriptor(0, 0xfffff, present | dpl | type | wide, true);
  }
  if (kind < 80) {
    const target = r.chance(80) ? selector(r) : r.pick([0, 3, 8, 0x1b]);
    const type = r.pick([12, 12, 12, 4]);
    const at = offset(r);
    return {
      low: (target * 0x10000 + (at & 0xffff)) >>> 0,
      high: ((at & 0xffff0000) | ((present | dpl | type) << 8) | r.below(4)) >>> 0,
    };
  }
  if (kind < 85) return { low: (selector(r) * 0x10000) >>> 0, high: ((present | dpl | 5) << 8) >>> 0 };
  if (kind < 92) return { tss: present | dpl | r.pick([9, 9, 9, 11]), limit: r.chance(85) ? 0x67 : 0x66 };
  return { ldt: present | dpl | r.pick([2, 2, 0, 8, 10, 13, 14, 15]) };
}

function emitDescriptor(d) {
  if (d.tss !== undefined)
    return `dw ${hex(d.limit)}, live_tss2 & 0xffff\ndb live_tss2 >> 16 & 0xff, ${hex(d.tss)}, 0, 0`;
  if (d.ldt !== undefined) return `dw 0x5f, live_ldt & 0xffff\ndb live_ldt >> 16 & 0xff, ${hex(d.ldt)}, 0, 0`;
  return `dd ${hex(d.low)}, ${hex(d.high)}`;
}

/** A selector: mostly of a random descriptor, sometimes a plain, null or too large one. */
function selector(r) {
  const rpl = r.chance(50) ? 0 : r.chance(70) ? 3 : r.below(4);
  const kind = r.below(100);
  if (kind < 65) return FREE + r.below(DESCRIPTORS) * 8 + rpl;
  if (kind < 75) return r.below(LDT) * 8 + 4 + rpl;
  if (kind < 90) return r.pick([8, 0x10, 0x18, 0x20]) + rpl;
  if (kind < 94) return rpl;
  return r.pick([0x28, 0x38, 0x3f8, 0x400, 0xfff8, 0xfffc, 0x60 + 4]) + rpl;
}

/** A landing place within every code segment's limit, which QEMU checks in few places. */
const offset = (r) => LAND - 0x100 + r.below(64) * 2;
const place = (r) => hex(SCRATCH + r.below(0xf00));
/** A data address in or around the window: often across the edge of two pages. */
function windowPlace(r) {
  const page = WINDOW + r.below(17) * 4096;
  return hex(page + (r.chance(60) ? -r.below(9) : r.below(0xff0)));
}
const flags = (r) => hex((r.word32() & 0x4ed5) | (r.chance(20) ? r.below(4) << 12 : 0) | 2);
/** Not DS and ES, through which later pieces access memory: QEMU checks neither limits nor null segments. */
const SEGMENTS = ['fs', 'gs', 'ss'];
const REAL_SEGMENTS = ['ds', 'es', 'fs', 'gs'];

/** Pieces of code: each may be the last. */
const SNIPPETS = [
  (r) => `mov ax, ${hex(selector(r))}\nmov ${r.pick(SEGMENTS)}, ax`,
  (r) => `push dword ${hex(selector(r))}\npop ${r.pick(SEGMENTS)}`,
  (r) => `push word ${hex(selector(r))}\no16 pop ${r.pick(SEGMENTS)}`,
  (r) => {
    const at = place(r);
    return `mov dword [${at}], ${hex(offset(r))}\nmov word [${at} + 4], ${hex(selector(r))}\n${r.pick(['lfs', 'lgs', 'lss'])} ${r.pick(['ebx', 'ecx'])}, [${at}]`;
  },
  (r) =>
    `mov ecx, ${hex(selector(r))}\n${r.pick(['lar ebx, ecx', 'lsl ebx, ecx', 'lar bx, cx', 'lsl bx, cx', 'verr cx', 'verw cx'])}`,
  (r) => `mov ecx, ${hex(selector(r))}\nmov edx, ${hex(selector(r))}\narpl cx, dx`,
  (r) => `jmp ${hex(selector(r))}:${hex(offset(r))}`,
  (r) => `call ${hex(selector(r))}:${hex(offset(r))}`,
  (r) => `${r.pick(['jmp', 'call'])} word ${hex(selector(r))}:${hex(offset(r) & 0xffff)}`,
  (r) => {
    const at = place(r);
    return `mov dword [${at}], ${hex(offset(r))}\nmov word [${at} + 4], ${hex(selector(r))}\n${r.pick(['jmp', 'call'])} far [${at}]`;
  },
  (r) =>
    `push dword ${hex(stackSelector(r))}\npush dword ${hex(STACK3 - 64)}\n${r.chance(30) ? 'push dword 1\npush dword 2\n' : ''}push dword ${hex(selector(r))}\npush dword ${hex(offset(r))}\nretf ${r.pick(['', '', '8'])}`,
  (r) =>
    `push word ${hex(stackSelector(r))}\npush word ${hex(STACK3 - 64)}\npush word ${hex(selector(r))}\npush word ${hex(offset(r) & 0xffff)}\no16 retf`,
  (r) =>
    `push dword ${hex(stackSelector(r))}\npush dword ${hex(STACK3 - 64)}\npush dword ${flags(r)}\npush dword ${hex(selector(r))}\npush dword ${hex(offset(r))}\niretd`,
  (r) =>
    `push word ${hex(stackSelector(r))}\npush word ${hex(STACK3 - 64)}\npush word ${flags(r)} & 0xffff\npush word ${hex(selector(r))}\npush word ${hex(offset(r) & 0xffff)}\niretw`,
  (r) => `int ${hex(0x40 + r.below(0x24))}`,
  (r) => `int ${hex(0x40 + r.below(0x20))}`,
  (r) => r.pick(['int3', 'into', 'ud2', 'cli', 'sti', 'clts', 'invd', 'wbinvd', 'sysexit', 'sysenter']),
  (r) => `push dword ${flags(r)}\npopfd`,
  (r) => `push word ${flags(r)} & 0xffff\npopfw`,
  () => 'pushfd\npop ebx\nand ebx, 0x3f7fd7',
  (r) => `mov dx, ${hex(r.below(0x300))}\n${r.pick(['in al, dx', 'in ax, dx', 'in eax, dx'])}\nxor eax, eax`,
  (r) =>
    r.pick([
      'sldt ebx',
      'str ebx',
      'smsw ebx',
      'sldt bx',
      'str cx',
      'smsw dx',
      `sgdt [${place(r)}]`,
      `sidt [${place(r)}]`,
    ]),
  (r) => `${r.pick(['sldt', 'str', 'smsw', 'sgdt', 'sidt', 'lldt', 'ltr', 'invlpg'])} [${windowPlace(r)}]`,
  (r) => `mov ax, ${hex(selector(r))}\n${r.pick(['lldt', 'ltr'])} ax`,
  (r) => `mov eax, ${r.pick(['cr0', 'cr2', 'cr3', 'cr4', 'dr0', 'dr3', 'dr7'])}`,
  (r) =>
    `mov eax, ${hex(0x80000001 + r.pick([0x10, 0x10010, 0x10018, 0x40010, 0x10030, 0x50036]))}\nmov cr0, eax`,
  (r) => `mov eax, ${hex(r.word32())}\nmov dr${r.below(4)}, eax`,
  (r) => `mov ebx, [${windowPlace(r)}]`,
  (r) => `mov [${windowPlace(r)}], ebx`,
  (r) => `mov al, [${windowPlace(r)}]\nmov [${windowPlace(r)}], cx`,
  (r) => `mov eax, ${hex(WINDOW + r.below(17) * 4096 + r.below(0x7f8) * 2)}\njmp eax`,
  (r) =>
    `mov esp, ${windowPlace(r)}\n${r.pick(['push eax', 'pop ebx', 'pushad', 'popad', 'pushfd', 'call $ + 5', 'ret', 'enter 16, 3', 'leave', 'push word 5'])}`,
  (r) =>
    `mov esi, ${windowPlace(r)}\nmov edi, ${windowPlace(r)}\nmov ecx, ${r.below(12)}\n${r.pick(['rep movsb', 'rep movsd', 'rep stosd', 'rep lodsw', 'repne scasd', 'std\nrep movsd'])}`,
  (r) =>
    `mov ebp, ${windowPlace(r)}\n${r.pick(['leave', 'mov ebx, [ebp]', 'bound ecx, [ebp]', 'push dword [ebp]', 'pop dword [ebp]', 'lar ebx, [ebp]', 'verr [ebp]', 'mov fs, [ebp]', 'call far [ebp]', 'lgs eax, [ebp]'])}`,
];

/** Pieces that QEMU does right in ring 0 only. */
const SUPERVISOR_SNIPPETS = [...SNIPPETS, ...Array(6).fill((r) => virtual8086(r))];

/** A stack that is wide enough wherever it is used. */
const stackSelector = (r) => (r.chance(50) ? 0x23 : selector(r));

const REAL = [
  () => 'int 0x41',
  (r) => `int ${hex(0x30 + r.below(0x30))}`,
  (r) =>
    r.pick([
      'cli',
      'sti',
      'pushf',
      'popf',
      'pushfd',
      'popfd',
      'hlt',
      'int3',
      'into',
      'clts',
      'lldt ax',
      'arpl ax, bx',
      'lar ax, bx',
      'sgdt [bx]',
      'smsw ax',
      'mov eax, cr0',
    ]),
  (r) => `push word ${flags(r)} & 0xffff\npopf`,
  (r) => `push dword ${flags(r)}\npopfd`,
  () => 'pushf\npop bx',
  (r) => `mov ax, ${hex(r.below(0x10000))}\nmov ${r.pick(REAL_SEGMENTS)}, ax`,
  (r) => `push word ${flags(r)} & 0xffff\npush word 0xc00\npush word ${hex(0x40 + r.below(16) * 2)}\niret`,
  (r) => `push word 0xc00\npush word ${hex(0x40 + r.below(16) * 2)}\nretf`,
  (r) => `${r.pick(['jmp', 'call'])} 0xc00:${hex(0x40 + r.below(16) * 2)}`,
  (r) => `mov dx, ${hex(r.below(0x300))}\n${r.pick(['in al, dx', 'in ax, dx', 'in eax, dx'])}\nxor eax, eax`,
];

/** IRET to virtual-8086 mode, whose code is copied to 0xc000; behind it lie INT3s, and at 0x40 up INT 0x30. */
function virtual8086(r) {
  const iopl = r.chance(50) ? 0x3000 : 0;
  const first = iopl === 0 && r.chance(10) ? r.pick(['iret', 'iretd']) : '';
  const code = `${first}\n${r.pick(REAL)(r)}\n${r.pick(REAL)(r)}`;
  const tag = `v${r.word32()}`;
  return `mov esi, ${tag}
mov edi, V86_CODE
mov ecx, 0x80
rep movsb
push dword ${hex(r.below(0x10000))}
push dword ${hex(r.below(0x10000))}
push dword 0xb00
push dword 0xb00
push dword 0x800
push dword 0xf00
push dword ${hex(0x20002 + iopl + (r.chance(30) ? 0x4000 : 0))}
push dword 0xc00
push dword 0
iretd
bits 16
${tag}:
${code}
int3
times 0x40 - ($ - ${tag}) int3
times 0x20 int 0x30
bits 32`;
}

function pageEntry(r) {
  const kind = r.below(10);
  let bits = 0x21;
  if (kind < 6) bits |= 6;
  else bits |= r.below(4) << 1;
  if (r.chance(40)) bits |= 0x40;
  if (r.chance(15)) bits &= ~1;
  if (r.chance(15)) bits &= ~0x20;
  return hex(0x300000 + r.below(16) * 4096 + bits);
}

/** One case: the registers, the ring and its code. */
function oneCase(r, n) {
  const count = r.pick([1, 1, 2, 3]);
  const user = r.chance(50);
  const body = Array.from({ length: count }, () => r.pick(user ? SNIPPETS : SUPERVISOR_SNIPPETS)(r)).join(
    '\n',
  );
  const registers = ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi']
    .map((name) => `mov ${name}, ${hex(r.word32())}`)
    .join('\n');
  const set = user ? 'mov ax, 0x23\nmov ds, ax\nmov es, ax\nmov fs, ax\nmov gs, ax\n' : '';
  const protect = r.chance(30) ? 'mov eax, 0x80000011\nmov cr0, eax\n' : '';
  const iopl = r.chance(15) ? r.below(4) << 12 : 0;
  return `case_${n}:
${protect}${set}mov esp, STACK0
${user ? 'push dword 0x23\npush dword STACK3\n' : ''}push dword ${hex(iopl + 2)}
push dword ${user ? '0x1b' : '8'}
push dword .body
${registers}
iretd
.body:
${body}
int 0x30
`;
}

/** The file cases.inc of one image. */
export function generate32(r, count) {
  const descriptors = Array.from({ length: DESCRIPTORS }, () => emitDescriptor(randomDescriptor(r)));
  const ldt = Array.from({ length: LDT }, () => {
    let d = randomDescriptor(r);
    while (d.tss !== undefined || d.ldt !== undefined) d = randomDescriptor(r);
    return emitDescriptor(d);
  });
  const gates = Array.from({ length: 0x20 }, () => {
    const target = r.chance(60) ? r.pick([8, 8, 8, 0x1b, 0x10]) : selector(r);
    const type = r.pick([14, 14, 15, 15, 6, 7, 5, 12]);
    const attr = (r.chance(90) ? 0x80 : 0) | (r.pick([3, 3, 0]) << 5) | type;
    const at = offset(r);
    return `dd ${hex((target * 0x10000 + (at & 0xffff)) >>> 0)}, ${hex(((at & 0xffff0000) | (attr << 8)) >>> 0)}`;
  });
  // Good segments: QEMU shows a wrong EIP for faults in a new task.
  const [cs, ss] = r.pick([
    [8, 0x10],
    [0x1b, 0x23],
  ]);
  const data = () => r.pick([0, 0x20, 0x23, 0x1b]);
  const segments = [data(), cs, ss, data(), data(), data()].map(hex);
  const task = [
    ...['0', 'INNER', '0x10', 'INNER - 0x100', '0x10', 'INNER', '0x10', 'directory'],
    hex(LAND),
    hex((r.below(4) === 0 ? 0x4000 : 0) | 2),
    ...Array.from({ length: 4 }, () => hex(r.word32())),
    hex(STACK3 - 0x100),
    ...Array.from({ length: 3 }, () => hex(r.word32())),
    ...segments,
    hex(r.chance(80) ? 0 : 0x38),
  ];
  const map = Array.from({ length: 32 }, () => hex(r.chance(50) ? 0 : r.below(256)));
  const cases = Array.from({ length: count }, (_, n) => oneCase(r, n));
  return `CASES equ ${count}
INNER_SS1 equ ${hex(r.chance(70) ? FREE + 1 + r.below(DESCRIPTORS) * 8 : 0x11)}
INNER_SS2 equ ${hex(FREE + 2 + r.below(DESCRIPTORS) * 8)}
%macro random_descriptors 0
${descriptors.join('\n')}
%endmacro
%macro random_ldt 0
${ldt.join('\n')}
%endmacro
%macro random_tss 0
dd ${task.join(', ')}
dw 0, 0x68
%endmacro
%macro random_io_map 0
db ${map.join(', ')}
%endmacro
%macro random_window 0
dd ${Array.from({ length: 16 }, () => pageEntry(r)).join(', ')}
%endmacro
align 4
random_gates:
${gates.join('\n')}
case_table:
dd ${cases.map((_, n) => `case_${n}`).join(', ')}
${cases.join('\n')}
`;
}

/** What a line of the guest holds, in its order. */
export const FIELDS32 =
  'number vector code eip cs flags esp ss cr2 ds es fs gs eax ecx edx ebx ebp esi edi cr0 tr ldt pages tables tasks scratch window'.split(
    ' ',
  );
