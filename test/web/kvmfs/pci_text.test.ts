// The PCI bus as dev/pci shows it.
import { expect, test } from 'vitest';
import { pciText } from '../../../web/kvmfs/pci_text.ts';
import { bar, machine, plain } from '../pci/parts.ts';

test('shows functions, BARs and vectors, a line each', () => {
  const view = machine(
    plain({
      name: 'a disk',
      hasPin: true,
      bars: [bar(0, 'io', 32), bar(2, 'memory64', 0x4000)],
      msix: { vectors: 1, bar: 1 },
    }),
  );
  view.write(1, 4, 6, 2);
  view.write(1, 0x42, 0x8000, 2);
  view.mmio.write(0xe000_4008, 4, 0x41);
  view.function(1).raise(0);
  expect(pciText(view.bus.functions).split('\n')).toEqual([
    '00:00.0 8086:1237 class=060000 command=0x0 name=host-bridge',
    '00:01.0 1af4:1042 class=018000 command=0x6 gsi=17 pin=0 msix=1 name=a-disk',
    '00:01.0 bar=0 kind=io size=0x20 at=none',
    '00:01.0 bar=1 kind=memory size=0x1000 at=0xe0004000',
    '00:01.0 bar=2 kind=memory64 size=0x4000 at=0xe0000000',
    '00:01.0 vector=0 gsi=64 address=0x0 data=0x41 masked=1 pending=1',
  ]);
});
