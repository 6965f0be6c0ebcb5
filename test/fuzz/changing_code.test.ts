// Random loops that store to their own immediates, in 32 and 64 bits, through another mapping too: what a lone vCPU leaves, which
// reads immediates that change often where they lie, is what one leaves that is not alone and decodes them anew.
import { expect, test } from 'vitest';
import { V_STAT_BLOCKS } from '../../assembly/abi/vcpu_page.ts';
import { KVM_EXIT } from '../../web/kvm/index.ts';
import { CODE, flatVcpu, load, longVcpu, vmWithRam } from '../assembly/run/machine.ts';
import { Random } from './random.ts';

const PROGRAMS = Number(process.env.VITRINE_PROGRAMS ?? 40);
const TURNS = 90;
/** In 64 bits the first 2 MiB are seen from here too (longVcpu). */
const ALIAS = 0x200000;

const R8 = ['al', 'bl', 'dl', 'ah', 'bh', 'dh'];
const R16 = ['ax', 'bx', 'dx'];
const R32 = ['eax', 'ebx', 'edx'];
const R64 = ['rax', 'rbx', 'rdx', 'r8', 'r9'];
const ALU = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp', 'test', 'mov'];

/** An instruction that ends with an immediate of so many bytes. */
interface Changed {
  readonly text: string;
  readonly bytes: number;
}

/** Forms that are read in place, and some that never are: sign-extended ones, IMUL and LOCK. */
function instruction(random: Random, wide: boolean): Changed {
  const op = random.pick(ALU);
  const forms: readonly (readonly [string, number])[] = [
    [`${op} ${random.pick(R32)}, 0x55555555`, 4],
    [`${op} ${random.pick(R32)}, 0x55555555`, 4],
    [`${op} ${random.pick(R16)}, 0x5555`, 2],
    [`${op} ${random.pick(R8)}, 0x55`, 1],
    [`${op} dword [0x30${random.pick(['00', '04', '0a'])}], 0x55555555`, 4],
    [`${op} byte [0x3001], 0x55`, 1],
    [`${random.pick(['add', 'xor', 'sub', 'cmp'])} ${random.pick(R32)}, 5`, 1],
    [`imul ${random.pick(R32)}, ${random.pick(R32)}, 0x55555555`, 4],
    [`lock ${random.pick(['add', 'xor', 'or'])} dword [0x3010], 0x55555555`, 4],
    ...(wide
      ? ([
          [`mov ${random.pick(R64)}, 0x5555555555555555`, 8],
          [`${random.pick(['add', 'xor', 'cmp', 'mov', 'and'])} ${random.pick(R64)}, 0x55555555`, 4],
        ] as const)
      : []),
  ];
  const [text, bytes] = random.pick(forms);
  return { text, bytes };
}

/** A store of ECX, or of a part of it, to the immediate before the label `label`, or to a part of that. */
function change(random: Random, label: string, bytes: number, wide: boolean): string {
  const at = `${label} - ${bytes}${wide && random.chance(33) ? ` + ${ALIAS}` : ''}`;
  if (bytes === 8) return random.pick([`mov [${at}], rcx`, `mov [${at} + ${random.below(5)}], ecx`]);
  const whole = `[${at}], ${bytes === 4 ? 'ecx' : bytes === 2 ? 'cx' : 'cl'}`;
  if (bytes < 4 || random.chance(50)) return `${random.pick(['mov', 'mov', 'mov', 'xor'])} ${whole}`;
  const p = wide ? 'r' : 'e';
  return random.pick([
    `xor ${whole}`,
    `mov [${at} + ${random.below(4)}], cl`,
    `mov [${at} + ${random.below(3)}], cx`,
    // With the byte before the immediate, which stays as it is.
    `xor dword [${at} - 1], ${random.below(1 << 24) * 256}`,
    `push ${p}ax\npush ${p}cx\npush ${p}di\nmov eax, ecx\nmov edi, ${at}\nmov ecx, 4\nrep stosb\npop ${p}di\npop ${p}cx\npop ${p}ax`,
  ]);
}

/** The loop: changes, then what is changed, in another page perhaps, then a sum of registers and flags. */
function source(random: Random, wide: boolean): string {
  const list = Array.from({ length: 2 + random.below(5) }, () => instruction(random, wide));
  const some = (): string => {
    const n = random.below(list.length);
    return change(random, `m${n}`, (list[n] as Changed).bytes, wide);
  };
  const body = list
    .flatMap(({ text }, n) => [
      ...[text, `m${n}:`],
      ...(random.chance(25)
        ? [`${random.pick(['jz', 'jc', 'js', 'jnl'])} l${n}`, 'rol ebx, 3', `l${n}:`]
        : []),
      ...(random.chance(20) ? [some()] : []),
    ])
    .join('\n');
  const isFar = random.chance(33);
  const p = wide ? 'r' : 'e';
  return `
    mov ebp, ${TURNS}
    mov esi, ${random.u32() >>> 1}
    xor eax, eax
  again: imul esi, esi, 0x8088405
    inc esi
    mov ecx, esi
    ${wide ? 'imul rcx, rcx, 0x1234567' : ''}
    ${Array.from({ length: 1 + random.below(3) }, some).join('\n')}
    ${isFar ? 'call far_code' : body}
    pushf
    pop ${p}di
    and edi, 0x8d5
    add eax, edi
    rol eax, 3
    add eax, ebx
    add eax, [0x3000]
    add eax, [0x3010]
    mov ebx, eax
    dec ebp
    jnz again
    hlt
    ${isFar ? `align 4096\ntimes ${random.below(4000)} nop\nfar_code: ${body}\nret` : ''}`;
}

interface Way {
  readonly tier: number | 'off';
  /** Instructions of one entry at most, drawn anew for each. */
  readonly budget: number;
  readonly isAlone: boolean;
}

/** What a program leaves in registers, code and data, and how many blocks were decoded for it. */
function run(text: string, wide: boolean, { tier, budget, isAlone }: Way) {
  const vm = vmWithRam({ vcpus: 2 });
  if (tier !== 'off') vm.compileAfter(tier);
  load(vm, text, CODE, wide ? 64 : 32);
  const vcpu = wide ? longVcpu(vm) : flatVcpu(vm);
  if (!isAlone) vm.createVcpu(1);
  const random = new Random(budget);
  const ends: number[] = [KVM_EXIT.HLT, KVM_EXIT.SHUTDOWN];
  while (!ends.includes(vcpu.kvmRun.exitReason)) vcpu.enter(budget ? 1 + random.below(budget) : 1_000_000);
  const left = {
    exit: vcpu.kvmRun.exitReason,
    regs: vcpu.getRegs(),
    ram: Buffer.from(vm.read(CODE, 0x3000)).toString('hex'),
  };
  const blocks = Number(vm.memory.u64(vcpu.page + V_STAT_BLOCKS));
  vm.destroy();
  return { left, blocks };
}

test(`${PROGRAMS} programs leave the same, whether immediates are read in place or decoded anew`, () => {
  let inPlace = 0;
  let anew = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const random = new Random(seed);
    const wide = seed % 2 === 0;
    const text = source(random, wide);
    const expected = run(text, wide, { tier: 'off', budget: 0, isAlone: false });
    expect(expected.left.exit, text).toBe(KVM_EXIT.HLT);
    anew += expected.blocks;
    for (const [tier, budget] of [
      ['off', 0],
      [0, 0],
      [6, 0],
      ['off', 60],
      [20, 60],
    ] as const) {
      const { left, blocks } = run(text, wide, { tier, budget, isAlone: true });
      expect(left, `tier ${tier}, budget ${budget}, seed ${seed}:\n${text}`).toEqual(expected.left);
      if (tier === 'off' && budget === 0) inPlace += blocks;
    }
  }
  expect(inPlace).toBeLessThan(0.8 * anew);
}, 120_000);
