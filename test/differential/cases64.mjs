// Random cases for guest64.asm, as cases32.mjs makes them for the 32-bit guest.
import { hex } from './random.mjs';

const LAND = 0xa000;
const SCRATCH = 0xb000;
const STACK3 = 0x9000;
const WINDOW = 0x400000;
const FREE = 0x60;
const DESCRIPTORS = 64;
const LDT = 12;

/** Limit 4 GiB, base 0, accessed; `size` is L and D as in the descriptor's upper half. */
const flat = (attr, size) => `dd 0xffff, ${hex((0x8f0000 | (attr << 8) | size) >>> 0)}`;

/** The descriptors of a table: gates and system segments take two places. */
function randomTable(r, places, system) {
  const rows = [];
  while (rows.length < places) {
    const present = r.chance(88) ? 0x80 : 0;
    const attr = present | (r.pick([0, 0, 3, 3, 1, 2]) << 5);
    const kind = r.below(100);
    if (kind < 45 || !system || rows.length + 2 > places) {
      const size = r.pick([0x200000, 0x200000, 0x200000, 0x400000, 0x400000, 0]);
      rows.push(flat(attr | 0x19 | (r.chance(25) ? 4 : 0) | (r.chance(75) ? 2 : 0), size));
    } else if (kind < 65) {
      rows.push(
        flat(attr | 0x11 | (r.chance(80) ? 2 : 0) | (r.chance(15) ? 4 : 0), r.chance(80) ? 0x400000 : 0),
      );
    } else if (kind < 88) {
      const type = r.pick([12, 12, 12, 12, 4, 5]);
      const target = r.chance(40) ? r.pick([8, 8, 0x2b]) : selector(r);
      rows.push(`dd ${hex((target * 0x10000 + offset(r)) >>> 0)}, ${hex((attr | type) << 8)}`);
      rows.push(r.chance(85) ? 'dq 0' : r.pick(['dd 0x8000, 0', 'dd 0, 0x1200', 'dd 0, 0x100']));
    } else {
      const type = r.pick([9, 9, 11, 2, 2, 1, 3, 0, 14]);
      const base = type === 2 ? 'live_ldt' : 'live_tss';
      rows.push(`dw 0x87, ${base} & 0xffff\ndb ${base} >> 16 & 0xff, ${hex(attr | type)}, 0, 0`);
      rows.push(r.chance(85) ? 'dq 0' : r.pick(['dd 0x8000, 0', 'dd 0, 0x1200']));
    }
  }
  return rows;
}

function selector(r) {
  const rpl = r.chance(50) ? 0 : r.chance(70) ? 3 : r.below(4);
  const kind = r.below(100);
  if (kind < 62) return FREE + r.below(DESCRIPTORS) * 8 + rpl;
  if (kind < 72) return r.below(LDT) * 8 + 4 + rpl;
  if (kind < 92) return r.pick([8, 0x10, 0x18, 0x20, 0x28, 0x50]) + rpl;
  if (kind < 95) return rpl;
  return r.pick([0x30, 0x40, 0x3f8, 0x400, 0xfff8, 0x60 + 4]) + rpl;
}

const offset = (r) => LAND - 0x100 + r.below(64) * 2;
const place = (r) => hex(SCRATCH + r.below(0xf00));
function windowPlace(r) {
  const page = WINDOW + r.below(17) * 4096;
  return hex(page + (r.chance(60) ? -r.below(17) : r.below(0xfe0)));
}
/** Addresses that are not canonical in any of their bytes. */
const odd = (r) =>
  r.pick(['0x800000000000', '0xffff7ffffffffffc', '0x8000000000000000', '0xfffffffffffffffe']);
const flags = (r) => hex((r.word32() & 0x44cd5) | (r.chance(20) ? r.below(4) << 12 : 0) | 2);
const stackSelector = (r) => (r.chance(50) ? r.pick([0x23, 0x10]) : selector(r));
const far = (r, size) => {
  const at = place(r);
  const bytes = { word: 2, dword: 4, qword: 8 }[size];
  return [`mov ${size} [${at}], ${hex(offset(r))}\nmov word [${at} + ${bytes}], ${hex(selector(r))}`, at];
};
const frame = (...items) => items.map((item) => `push qword ${item}`).join('\n');

const SNIPPETS = [
  (r) => `mov eax, ${hex(selector(r))}\nmov ${r.pick(['ds', 'es', 'fs', 'gs', 'ss', 'ss'])}, ax`,
  (r) => `push qword ${hex(selector(r))}\npop ${r.pick(['fs', 'gs'])}`,
  (r) => {
    const [size, prefix] = r.chance(30) ? ['word', 'o16'] : ['dword', ''];
    const [set, at] = far(r, size);
    return `${set}\n${prefix} ${r.pick(['lfs', 'lgs', 'lss'])} ecx, [${at}]`.replace(
      /o16 (...) ecx/,
      '$1 cx',
    );
  },
  (r) =>
    `mov ecx, ${hex(selector(r))}\n${r.pick(['lar ebx, ecx', 'lsl ebx, ecx', 'lar rbx, rcx', 'lsl bx, cx', 'verr cx', 'verw cx'])}`,
  ...Array(3).fill((r) => {
    const [size, prefix] = r.pick([
      ['word', 'word'],
      ['dword', 'dword'],
      ['qword', 'qword'],
    ]);
    const [set, at] = far(r, size);
    return `${set}\n${r.pick(['jmp', 'call'])} ${prefix} far [${at}]`;
  }),
  ...Array(2).fill(
    (r) =>
      `${frame(hex(stackSelector(r)), hex(STACK3 - 64), hex(selector(r)), hex(offset(r)))}\no64 retf ${r.pick(['', '', '16'])}`,
  ),
  (r) =>
    `sub rsp, 16\nmov dword [rsp], ${hex(offset(r))}\nmov dword [rsp + 4], ${hex(selector(r))}\nmov dword [rsp + 8], ${hex(STACK3 - 64)}\nmov dword [rsp + 12], ${hex(stackSelector(r))}\nretf`,
  ...Array(3).fill(
    (r) =>
      `${frame(hex(stackSelector(r)), hex(STACK3 - 64), flags(r), hex(selector(r)), hex(offset(r)))}\niretq`,
  ),
  (r) =>
    `sub rsp, 20\nmov dword [rsp], ${hex(offset(r))}\nmov dword [rsp + 4], ${hex(selector(r))}\nmov dword [rsp + 8], ${flags(r)}\nmov dword [rsp + 12], ${hex(STACK3 - 64)}\nmov dword [rsp + 16], ${r.pick(['0x10', '0x23'])}\niretd`,
  ...Array(2).fill((r) => `int ${hex(0x40 + r.below(0x20))}`),
  (r) =>
    r.pick([
      'int3',
      'ud2',
      'cli',
      'sti',
      'clts',
      'invd',
      'wbinvd',
      'swapgs',
      'push rax\npopfq',
      'pushfq\npop rbx\nand ebx, 0x3f7fd7',
    ]),
  () => 'syscall',
  () => 'sysenter',
  (r) => `mov rcx, ${hex(offset(r))}\nmov r11, ${flags(r)}\no64 sysret`,
  (r) => `mov rcx, ${hex(offset(r))}\nmov r11, ${flags(r)}\nsysret`,
  (r) => `mov rdx, ${hex(offset(r))}\nmov rcx, ${hex(STACK3 - 64)}\no64 sysexit`,
  (r) => `mov rdx, ${hex(offset(r))}\nmov rcx, ${hex(STACK3 - 64)}\nsysexit`,
  (r) => `push qword ${flags(r)}\npopfq`,
  (r) => `mov dx, ${hex(r.below(0x300))}\n${r.pick(['in al, dx', 'in ax, dx', 'in eax, dx'])}\nxor eax, eax`,
  (r) =>
    r.pick([
      'sldt ebx',
      'str rbx',
      'smsw ebx',
      'sldt bx',
      'str cx',
      `sgdt [${place(r)}]`,
      `sidt [${place(r)}]`,
    ]),
  (r) => `${r.pick(['sldt', 'str', 'smsw', 'sgdt', 'sidt', 'lldt', 'ltr', 'invlpg'])} [${windowPlace(r)}]`,
  (r) => `mov eax, ${hex(selector(r))}\n${r.pick(['lldt', 'ltr'])} ax`,
  (r) => `mov rax, ${r.pick(['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'dr0', 'dr3', 'dr7'])}`,
  (r) =>
    `mov eax, ${hex(0x80000001 + r.pick([0x10, 0x10010, 0x10018, 0x40010, 0x10030, 0x50036]))}\nmov cr0, rax`,
  (r) => `mov rax, ${hex(r.word32())}\nmov ${r.pick(['dr0', 'dr1', 'dr2', 'dr3', 'cr2'])}, rax`,
  (r) => `mov eax, ${r.below(16)}\nmov cr8, rax`,
  () => 'mov rax, 0x100000400\nmov dr7, rax',
  (r) =>
    `mov rax, ${hex(r.word32())}\n${r.pick(['wrfsbase rax', 'wrgsbase rax', 'wrfsbase eax', 'rdfsbase rbx', 'rdgsbase ebx'])}`,
  (r) =>
    `mov ecx, ${r.pick(['0xc0000100', '0xc0000101', '0xc0000102', '0xc0000082', '0x176'])}\nmov eax, ${hex(r.word32())}\nmov edx, ${r.pick(['0', '0x7fff', '0xffff8000'])}\nwrmsr`,
  ...Array(2).fill((r) => `mov rbx, [${windowPlace(r)}]`),
  ...Array(2).fill((r) => `mov [${windowPlace(r)}], rbx`),
  (r) =>
    `mov rax, ${odd(r)}\n${r.pick(['mov rbx, [rax]', 'mov [rax], ebx', 'invlpg [rax]', 'mov rbx, [fs:rax]', 'lgdt [rax]'])}`,
  (r) => `mov eax, ${hex(WINDOW + r.below(17) * 4096 + r.below(0x7f8) * 2)}\njmp rax`,
  (r) => `mov eax, ${hex(WINDOW + (1 + r.below(15)) * 4096 - 1)}\njmp rax`,
  (r) =>
    `mov esp, ${windowPlace(r)}\n${r.pick(['push rax', 'pop rbx', 'pushfq', 'call $ + 5', 'enter 16, 3', 'leave', 'push word 5'])}`,
  (r) =>
    `mov esi, ${windowPlace(r)}\nmov edi, ${windowPlace(r)}\nmov ecx, ${r.below(12)}\n${r.pick(['rep movsb', 'rep movsq', 'rep stosd', 'rep lodsw', 'repne scasd', 'std\nrep movsd'])}`,
  (r) =>
    `mov ebp, ${windowPlace(r)}\n${r.pick(['leave', 'mov ebx, [rbp]', 'push qword [rbp]', 'pop qword [rbp]', 'lar ebx, [rbp]', 'verr [rbp]', 'mov fs, [rbp]', 'call far [rbp]', 'lgs eax, [rbp]', 'movups xmm0, [rbp]', 'cmp [rbp], rcx'])}`,
  (r) =>
    `xor ecx, ecx\nxor edx, edx\nmov eax, ${hex((r.word32() & 0xfffffffc) >>> 0)}\n${r.pick(['wrpkru', 'wrpkru', 'rdpkru'])}\n${r.pick(['mov', 'mov'])} rbx, [${windowPlace(r)}]`,
  (r) => r.pick(['stac', 'clac']),
];

/** What the supervisor sets before a case: CR0.WP, and bits of CR4 (UMIP, FSGSBASE, SMEP, SMAP, PKE). */
function setup(r, user) {
  const lines = [];
  if (r.chance(25)) lines.push('mov eax, 0x80000011\nmov cr0, rax');
  if (r.chance(50)) {
    // The code and the stacks of ring 0 lie in user pages: no SMEP and SMAP for it.
    let bits = 0x20;
    for (const bit of user ? [0x800, 0x10000, 0x400000] : [0x10000, 0x400000]) if (r.chance(60)) bits |= bit;
    lines.push(`mov eax, ${hex(bits)}\nmov cr4, rax`);
    if (bits & 0x400000) lines.push('xor ecx, ecx\nxor edx, edx\nxor eax, eax\nwrpkru');
  }
  return lines.join('\n');
}

function pageEntry(r) {
  const kind = r.below(10);
  let bits = 0x21;
  if (kind < 6) bits |= 6;
  else bits |= r.below(4) << 1;
  if (r.chance(40)) bits |= 0x40;
  if (r.chance(12)) bits &= ~1;
  if (r.chance(15)) bits &= ~0x20;
  let high = 0;
  if (r.chance(20)) high |= 0x80000000;
  if (r.chance(30)) high |= r.below(4) << 27;
  return `dd ${hex(0x300000 + r.below(16) * 4096 + bits)}, ${hex(high >>> 0)}`;
}

function oneCase(r, n) {
  const count = r.pick([1, 1, 2, 3]);
  const user = r.chance(50);
  const body = Array.from({ length: count }, () => r.pick(SNIPPETS)(r)).join('\n');
  const registers = ['rax', 'rcx', 'rdx', 'rbx', 'rbp', 'rsi', 'rdi', 'r8', 'r11']
    .map((name) => `mov ${name}, ${hex(r.word32())}`)
    .join('\n');
  const segments = user ? 'mov ax, 0x23\nmov ds, ax\nmov es, ax\nmov fs, ax\nmov gs, ax\n' : '';
  const iopl = r.chance(15) ? r.below(4) << 12 : 0;
  return `case_${n}:
${setup(r, user)}
${segments}mov esp, STACK0
${frame(user ? '0x23' : '0x10', user ? 'STACK3' : 'STACK0 - 0x80', hex(iopl + 2), user ? '0x2b' : '8', '.body')}
${registers}
iretq
.body:
${body}
int 0x30
`;
}

export function generate64(r, count) {
  const descriptors = randomTable(r, DESCRIPTORS, true);
  const ldt = randomTable(r, LDT, false);
  const gates = Array.from({ length: 0x20 }, () => {
    const target = r.chance(60) ? r.pick([8, 8, 8, 0x2b, 0x50]) : selector(r);
    const attr = 0xe0 | r.pick([14, 15]);
    return `dd ${hex((target * 0x10000 + offset(r)) >>> 0)}, ${hex(attr << 8)}, 0, 0`;
  });
  const map = Array.from({ length: 32 }, () => hex(r.chance(50) ? 0 : r.below(256)));
  const cases = Array.from({ length: count }, (_, n) => oneCase(r, n));
  return `CASES equ ${count}
INNER_RSP2 equ ${r.chance(70) ? 'INNER - 0x300' : '0x800000000000'}
%macro random_descriptors 0
${descriptors.join('\n')}
%endmacro
%macro random_ldt 0
${ldt.join('\n')}
%endmacro
%macro random_io_map 0
db ${map.join(', ')}
%endmacro
%macro random_window 0
${Array.from({ length: 16 }, () => pageEntry(r)).join('\n')}
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
export const FIELDS64 =
  'number vector code rip cs flags rsp ss now cr2 ds es fs gs rax rcx rdx rbx rbp rsi rdi r8 r11 cr0 cr4 cr8 fsbase gsbase kernel tr ldt pages tables scratch window'.split(
    ' ',
  );
