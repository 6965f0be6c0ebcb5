// Code that the guest changes again and again: its immediates are read where they lie. Each program is compared with one that has
// the value in a register instead, in the interpreter and compiled.
import { describe, expect, test } from 'vitest';
import { V_JIT_REGIONS, V_STAT_BLOCKS } from '../../../assembly/abi/vcpu_page.ts';
import type { Vcpu } from '../../../web/kvm/index.ts';
import { flatVcpu, type Guest, load, vmWithRam } from './machine.ts';

const TURNS = 60;

type Tier = 0 | 'off';

function machine(source: string, tier: Tier, vcpus = 1): Guest {
  const vm = vmWithRam({ vcpus });
  if (tier !== 'off') vm.compileAfter(tier);
  const labels = load(vm, source);
  return { vm, vcpu: flatVcpu(vm), labels };
}

function run({ vcpu }: Guest, budget = 1_000_000): number {
  while (vcpu.kvmRun.exitReason !== 5) vcpu.enter(budget);
  return Number(vcpu.getRegs().rax);
}

const decoded = ({ vm, vcpu }: Guest): number => Number(vm.memory.u64(vcpu.page + V_STAT_BLOCKS));
const made = ({ vm, vcpu }: Guest): number => vm.memory.u32(vcpu.page + V_JIT_REGIONS);

/** A sum over all registers and the flags of `code` in a loop, each time with another value in ESI, which `change` takes. */
const loop = (change: string, code: string): string => `
    mov ebp, ${TURNS}
    mov esi, 0x12345678
    xor eax, eax
    mov dword [0x3000], 0x7fffff80
  again:
    imul esi, esi, 0x8088405
    inc esi
    ${change}
    ${code}
  behind:
    pushf
    pop edi
    and edi, 0x8d5
    add eax, edi
    rol eax, 3
    add eax, ebx
    add eax, [0x3000]
    mov ebx, eax
    mov edx, eax
    dec ebp
    jnz again
    hlt`;

const ALU = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'];
const EACH: readonly (readonly [text: string, bytes: number])[] = [
  ...[...ALU, 'test', 'mov'].flatMap((name) => [
    [`${name} ebx, IMM`, 4] as const,
    [`${name} bx, IMM`, 2] as const,
    [`${name} bl, IMM`, 1] as const,
    [`${name} bh, IMM`, 1] as const,
    [`${name} dword [0x3000], IMM`, 4] as const,
    [`${name} word [0x3002], IMM`, 2] as const,
    [`${name} byte [0x3001], IMM`, 1] as const,
  ]),
  ['add edx, IMM', 4],
  ['and al, IMM', 1],
  ['test eax, IMM', 4],
];
const PART = ['', 'cl', 'cx', '', 'ecx'];

describe.each<Tier>(['off', 0])('with compiling %s', (tier) => {
  test.each(EACH)('%s has the immediate that was stored last', (text, bytes) => {
    const value = PART[bytes] as string;
    // Large enough that the assembler chooses no shorter form.
    const imm = [0, 0x55, 0x5555, 0, 0x55555555][bytes];
    const changed = machine(
      loop(`mov ecx, esi\nmov [behind - ${bytes}], ${value}`, text.replace('IMM', `${imm}`)),
      tier,
    );
    const fixed = machine(loop('mov ecx, esi\nmov [0x3100], ecx', text.replace('IMM', value)), tier);
    expect(run(changed)).toBe(run(fixed));
    expect(decoded(changed)).toBeLessThan(40);
    expect(made(changed)).toBeLessThan(20);
  });

  test('a store to a part of an immediate is seen', () => {
    const changed = machine(
      loop('mov [behind - 4], esi\nmov byte [behind - 2], 7', 'add ebx, 0x55555555'),
      tier,
    );
    const fixed = machine(
      loop('mov [0x3100], esi\nmov byte [0x3102], 7\nmov ecx, [0x3100]', 'add ebx, ecx'),
      tier,
    );
    expect(run(changed)).toBe(run(fixed));
  });

  test('an immediate that is sign-extended is seen', () => {
    const changed = machine(loop('mov ecx, esi\nmov [behind - 1], cl', 'add ebx, 5'), tier);
    const fixed = machine(loop('mov ecx, esi\nmovsx ecx, cl', 'add ebx, ecx'), tier);
    expect(run(changed)).toBe(run(fixed));
  });

  test('an instruction that stores over its own immediate has the one of before', () => {
    const itself = 'xor dword [itself - 4], 0x55555555\nitself: mov ecx, [itself - 4]\nadd ebx, ecx';
    const changed = machine(loop('mov [itself - 4], esi', itself), tier);
    expect(run(changed)).toBe(run(machine(loop('', 'xor ecx, ecx\nadd ebx, ecx'), tier)));
  });

  test('its opcode may change when the immediate has changed often', () => {
    // ADD EAX, imm32 (05) becomes SUB EAX, imm32 (2d) and XOR EAX, imm32 (35) behind the first 20 turns.
    const source = (change: string, code: string) => `
      mov ebp, 60
      xor eax, eax
    again:
      ${change}
      ${code}
    behind:
      dec ebp
      jz done
      cmp ebp, 40
      je minus
      cmp ebp, 20
      je other
      jmp again
    minus: mov byte [behind - 5], 0x2d
      jmp again
    other: mov byte [behind - 5], 0x35
      jmp again
    done: hlt`;
    let expected = 0;
    for (let turn = 60; turn > 0; turn--)
      expected = (turn > 40 ? expected + turn : turn > 20 ? expected - turn : expected ^ turn) >>> 0;
    expect(run(machine(source('mov [behind - 4], ebp', 'add eax, 0x55555555'), tier))).toBe(expected);
  });

  test('bytes of an immediate that are executed too are decoded anew', () => {
    // Every other turn jumps into the immediate of MOV EBX: its first byte is INC EAX (40) or DEC EAX (48), then NOPs.
    const guest = machine(
      `mov ebp, 60
       mov eax, 1000
     again: mov ecx, 0x90909040
       test ebp, 2
       jz keep
       mov cl, 0x48
     keep: mov [behind - 4], ecx
       test ebp, 1
       jz behind - 4
       mov ebx, 0x55555555
     behind: dec ebp
       jnz again
       hlt`,
      tier,
    );
    let expected = 1000;
    for (let turn = 60; turn > 0; turn--) if ((turn & 1) === 0) expected += turn & 2 ? -1 : 1;
    expect(run(guest)).toBe(expected);
  });

  test('REP MOVSB over the whole routine is seen', () => {
    const guest = machine(
      `mov ebp, 60
       xor eax, eax
     again: mov [template + 1], ebp
       mov esi, template
       mov edi, 0x4000
       mov ecx, 6
       rep movsb
       call 0x4000
       mov dword [0x4001], 3
       call 0x4000
       dec ebp
       jnz again
       hlt
     template: add eax, 0x55555555
       ret`,
      tier,
    );
    expect(run(guest)).toBe((60 * 61) / 2 + 180);
  });

  test('what the host stores to an immediate that has changed often is seen', () => {
    const guest = machine(
      `mov ebp, 60
     again: mov [behind - 4], ebp
       mov eax, 0x55555555
     behind: dec ebp
       jnz again
       out 0x80, al
       mov ebp, 1
       jmp behind - 5`,
      tier,
    );
    guest.vcpu.enter(1_000_000);
    guest.vm.write(Number(guest.labels.get('behind')) - 4, new Uint8Array([9, 0, 0, 0]));
    guest.vcpu.enter(1_000_000);
    expect(Number(guest.vcpu.getRegs().rax)).toBe(9);
  });

  test('a vCPU that comes later sees what the first stores, and the first what it stores', () => {
    const guest = machine(
      `mov ebp, 60
     again: mov [behind - 4], ebp
       call code
       dec ebp
       jnz again
       out 0x80, al
       mov dword [behind - 4], 9
       call code
       out 0x80, al
       call code
       out 0x80, al
     code: mov eax, 0x55555555
     behind: ret
     later: call code
       out 0x80, al
       call code
       out 0x80, al
       mov dword [behind - 4], 11
       call code
       out 0x80, al`,
      tier,
      2,
    );
    const seen = (vcpu: Vcpu): number => {
      vcpu.enter(1_000_000);
      return Number(vcpu.getRegs().rax);
    };
    expect(seen(guest.vcpu)).toBe(1);
    const later = flatVcpu(guest.vm, 1, Number(guest.labels.get('later')));
    later.setRegs({ ...later.getRegs(), rsp: 0x7000 });
    expect(seen(later)).toBe(1);
    expect(seen(guest.vcpu)).toBe(9);
    expect(seen(later)).toBe(9);
    expect(seen(later)).toBe(11);
    expect(seen(guest.vcpu)).toBe(11);
  });
});

test('a budget that ends in the middle of a block that changes drops nothing', () => {
  const source = loop('mov [behind - 4], esi', 'add ebx, 0x55555555').replace(`${TURNS}`, '2000');
  const whole = machine(source, 0);
  const parts = machine(source, 0);
  expect(run(parts, 37)).toBe(run(whole));
  expect(made(parts)).toBeLessThan(100);
});
