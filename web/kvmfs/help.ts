// What README and help in the tree say. Words only; the whole story is in the folder's README.md.

export const ROOT_README = `This is KVM as a file tree. A directory is an object, mkdir makes one, rmdir takes it away;
a file is one value, and what you read can be written back.

  mkdir vm0                                    a virtual machine
  mkdir vm0/memory/0
  echo "gpa=0 size=1M flags=log_dirty" > vm0/memory/0/ctl
  mkdir vm0/cpu/0                              a vCPU; it is paused
  printf '\\xb0\\x41\\xe6\\x42\\xf4' > vm0/memory/0/mem   mov al,'A'; out 0x42,al; hlt
  echo 0 > vm0/cpu/0/reg/cs.base; echo 0 > vm0/cpu/0/reg/cs
  echo 0 > vm0/cpu/0/reg/rip
  echo 0 > vm0/cpu/0/paused                    run
  cat vm0/cpu/0/event                          io out port=0x42 size=1 count=1 data=41
  echo 0 > vm0/cpu/0/paused; cat vm0/cpu/0/event    hlt
  rmdir vm0

NAME is a struct of <linux/kvm.h> byte for byte, NAME.txt the same as field=value.
See help for all files, and README in each VM.
`;

export const ROOT_HELP = `version              KVM_API_VERSION
extensions/NAME      KVM_CHECK_EXTENSION
VM/                  mkdir: a VM of any name. rmdir: EBUSY while a vCPU runs or somebody holds it (pins)
VM/ctl               engine=parallel|deterministic seed=N limit=SIZE vcpus=N, before anything is made in it
VM/state             stopped, running, paused, or ended REASON status=N
VM/paused            all vCPUs: 0 runs them, 1 stops them
VM/event             waits for the next event of any vCPU: cpu N EVENT
VM/memory/N/         mkdir, then ctl: gpa= size= flags=log_dirty,readonly offset=
  mem                the bytes    dirty_bitmap  read: get and reset    dirty  page numbers, no reset
  clear_dirty        first=0 pages=64
VM/alias/N           gpa= size= target=
VM/cpu/N/            mkdir: a vCPU, paused
  paused event exit  0 runs it; event waits for what parks it; exit is what it was
  answer             what an io in, mmio read or rdmsr that parked it gets
  step debugger      step: COUNT; debugger: singlestep=1 break=A watch=A,4,w clear=A off
  irq nmi smi        KVM_INTERRUPT (vector), KVM_NMI, KVM_SMI
  reg/NAME msr/0xN translate/0xGVA stats run
  regs sregs fpu xsave xcrs msrs cpuid lapic events debugregs mp_state    and each with .txt
VM/irqchip/          mkdir, before the first vCPU: pic0 pic1 ioapic routing irq/N msi; mkdir pit
VM/dev/              board none|pc, unclaimed park|float, stop vcpu|vm, exit_port, serial0/in, serial0/out
VM/console           the serial port: read and write
VM/boot/             image kernel initrd append; ctl: load=flat at=0x7c00 mode=real, or load=kernel
VM/reset             write 1: as after boot/ctl
VM/clock tsc_khz enable_cap trace trace_pipe snapshot pins
`;

export const VM_README = `A virtual machine. memory/ and cpu/ are empty when it is made; mkdir fills them.

ctl          engine, seed, limit, vcpus: before the first slot, vCPU or irqchip
memory/N     mkdir memory/0; echo "gpa=0 size=16M" > memory/0/ctl; bytes in memory/0/mem
cpu/N        mkdir cpu/0; it is paused. reg/ has a file for each register
             echo 0 > cpu/0/paused runs it; cat cpu/0/event waits until it parks
             an exit that no device claims parks it: io, mmio, hlt, debug, shutdown ...
             a read waits for its answer: echo 0x2a > cpu/0/answer; echo 0 > cpu/0/paused
irqchip      mkdir irqchip (before the first vCPU), mkdir irqchip/pit
dev/board    echo pc > dev/board: serial port, RTC, keyboard, power; then console is its terminal
boot/        cp guest.bin boot/image; echo load=flat at=0x7c00 mode=real > boot/ctl
snapshot     cat snapshot > file, cat file > snapshot (paused)
pins         who holds this VM: while anybody does, rmdir is EBUSY

Files that read or write registers stop the vCPU for that moment if it runs: reg/, msr/, the structs and their .txt,
translate/, debugger, exit. All others do not stop it.
`;
