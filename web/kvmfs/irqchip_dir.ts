// irqchip/: the interrupt chips in the core: mkdir irqchip is KVM_CREATE_IRQCHIP, mkdir irqchip/pit KVM_CREATE_PIT2.

import {
  IRQ_GSIS,
  KVM_IRQ_ROUTING_MSI,
  ROUTE_CHIP,
  ROUTE_COUNT,
  ROUTE_DATA,
  ROUTE_GSI,
  ROUTE_PIN,
  ROUTE_SIZE,
  ROUTE_TYPE,
} from '../../assembly/abi/irqchip.ts';
import { IOAPIC_PAGE, ROUTES_PAGE, VM_HAS_PIT } from '../../assembly/abi/map.ts';
import {
  boolean,
  bytesFile,
  commandFile,
  type DirNode,
  directory,
  hex,
  parseInteger,
  type Row,
  valueFile,
} from '../fs/index.ts';
import {
  decode,
  encode,
  KVM_IRQ_ROUTING,
  KVM_IRQCHIP,
  KvmError,
  type KvmIrqchip,
  kvm_ioapic_state,
  kvm_pic_state,
  kvm_pit_state2,
  type Struct,
  type Vm,
} from '../kvm/index.ts';
import { structFromText, structText } from './struct_text.ts';
import type { VmEntry } from './vm_entry.ts';

/** A struct as two files, byte for byte and as text. */
function pair<T>(name: string, struct: Struct<T>, get: () => T, set: (value: T) => void): Row[] {
  const any = struct as Struct<unknown>;
  const bytes = () => encode(struct, get() as never);
  return [
    [
      name,
      bytesFile({ mode: 0o644, size: struct.size, get: bytes, set: (given) => set(decode(struct, given)) }),
    ],
    [
      `${name}.txt`,
      valueFile({
        get: () => structText(any, bytes()),
        set: (text) => set(decode(struct, structFromText(any, bytes(), text))),
      }),
    ],
  ];
}

function chipRows(vm: Vm): Row[] {
  const chip = (chip_id: number, arm: 'pic' | 'ioapic') => ({
    get: () => vm.getIrqchip(chip_id).chip[arm],
    set: (value: unknown) =>
      vm.setIrqchip({ chip_id, chip: { [arm]: value } as Partial<KvmIrqchip['chip']> }),
  });
  const pic0 = chip(KVM_IRQCHIP.PIC_MASTER, 'pic');
  const pic1 = chip(KVM_IRQCHIP.PIC_SLAVE, 'pic');
  const ioapic = chip(KVM_IRQCHIP.IOAPIC, 'ioapic');
  type Pic = KvmIrqchip['chip']['pic'];
  type Ioapic = KvmIrqchip['chip']['ioapic'];
  return [
    ...pair('pic0', kvm_pic_state, pic0.get as () => Pic, pic0.set),
    ...pair('pic1', kvm_pic_state, pic1.get as () => Pic, pic1.set),
    ...pair('ioapic', kvm_ioapic_state, ioapic.get as () => Ioapic, ioapic.set),
  ];
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

const CHIPS = ['pic0', 'pic1', 'ioapic'] as const;

/** The GSI routes: `gsi=4 ioapic pin=4`, `gsi=24 msi address=0xfee00000 data=0x41`. */
function routingText(vm: Vm): string {
  const { memory } = vm;
  const table = memory.base + IOAPIC_PAGE;
  return numbers(memory.u32(table + ROUTE_COUNT))
    .map((n) => {
      const at = memory.base + ROUTES_PAGE + n * ROUTE_SIZE;
      const gsi = memory.u16(at + ROUTE_GSI);
      const low = memory.u32(at + ROUTE_CHIP);
      const high = memory.u32(at + ROUTE_PIN);
      if (memory.u16(at + ROUTE_TYPE) !== KVM_IRQ_ROUTING_MSI)
        return `gsi=${gsi} ${CHIPS[low] ?? low} pin=${high}`;
      const address = (BigInt(high) << 32n) | BigInt(low);
      return `gsi=${gsi} msi address=0x${address.toString(16)} data=0x${memory.u32(at + ROUTE_DATA).toString(16)}`;
    })
    .join('\n');
}

function parseRoute(line: string) {
  const words = line.split(/\s+/);
  const kind = words.find((word) => !word.includes('='));
  const number = (key: string): bigint => {
    const found = words.find((word) => word.startsWith(`${key}=`));
    if (found === undefined) throw new KvmError('EINVAL', `'${line}' needs ${key}=`);
    return BigInt.asUintN(64, parseInteger(found.slice(key.length + 1)));
  };
  const low = (value: bigint) => Number(BigInt.asUintN(32, value));
  const gsi = low(number('gsi'));
  if (kind === 'msi') {
    const address = number('address');
    const msi = { address_lo: low(address), address_hi: low(address >> 32n), data: low(number('data')) };
    return { gsi, type: KVM_IRQ_ROUTING.MSI, u: { msi } };
  }
  const irqchip = CHIPS.indexOf(kind as (typeof CHIPS)[number]);
  if (irqchip < 0) throw new KvmError('EINVAL', `'${line}' names none of ${CHIPS.join(', ')}, msi`);
  return { gsi, type: KVM_IRQ_ROUTING.IRQCHIP, u: { irqchip: { irqchip, pin: low(number('pin')) } } };
}

function pitDir(vm: Vm): DirNode {
  return directory([
    ...pair(
      'state',
      kvm_pit_state2,
      () => vm.getPit2(),
      (value) => vm.setPit2(value),
    ),
    ['reinject', valueFile({ ...boolean, set: (on) => vm.reinjectControl(on) })],
  ]);
}

/** irqchip/, as it is once it was made. */
export function irqchipDir(entry: VmEntry): DirNode {
  const { vm } = entry;
  const rows: Row[] = [
    ...chipRows(vm),
    [
      'irq',
      directory(
        numbers(IRQ_GSIS).map(
          (gsi): Row => [
            String(gsi),
            () => valueFile({ ...boolean, set: (level) => void vm.irqLine(gsi, level) }),
          ],
        ),
      ),
    ],
    [
      'msi',
      commandFile({
        keys: { address: hex(), data: hex(32) },
        set: ({ address = 0n, data = 0n }) => {
          const address_lo = Number(BigInt.asUintN(32, address));
          vm.signalMsi({ address_lo, address_hi: Number(address >> 32n), data: Number(data) });
        },
      }),
    ],
    [
      'routing',
      valueFile({
        get: () => routingText(vm),
        set: (text) =>
          vm.setGsiRouting(
            text
              .split('\n')
              .map((line) => line.trim())
              .filter((line) => line !== '')
              .map(parseRoute),
          ),
      }),
    ],
  ];
  return directory(
    () =>
      vm.memory.load(vm.memory.vm + VM_HAS_PIT) !== 0 ? [...rows, ['pit', () => pitDir(vm)] as const] : rows,
    {
      mkdir(name) {
        if (name !== 'pit') throw new KvmError('EPERM', "only 'pit' can be made here");
        vm.createPit2();
      },
    },
  );
}
