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
VM/ctl               engine=parallel|deterministic seed=N limit=SIZE vcpus=N dirty_ring=SIZE, before anything is made in it
VM/state             stopped, running, paused, or ended REASON status=N
VM/paused            all vCPUs: 0 runs them, 1 stops them
VM/event             waits for the next event of any vCPU: cpu N EVENT
VM/vas               the address space of /vas whose regions it has, or none
VM/memory/N/         mkdir, then ctl: gpa= size= flags=log_dirty,readonly offset=
  mem                the bytes    dirty_bitmap  read: get and reset    dirty  page numbers, no reset
  clear_dirty        first=0 pages=64
VM/alias/N           gpa= size= target=
VM/cpu/N/            mkdir: a vCPU, paused
  paused event exit  0 runs it; event waits for what parks it; exit is what it was
  answer             what an io in, mmio read or rdmsr that parked it gets
  step debugger      step: COUNT; debugger: singlestep=1 break=A watch=A,4,w clear=A off
  irq nmi smi        KVM_INTERRUPT (a vector), KVM_NMI, KVM_SMI (1)
  dirty_ring         waits for pages that this vCPU has written, and takes them; a write resets all rings of the VM
  signal_mask        KVM_SET_SIGNAL_MASK, or none
  reg/NAME msr/0xN translate/0xGVA
  run run.txt        the page that a vCPU shares with its VMM; stats, stats_fd: counters
  tiers/             stats, regions, events of the JIT; region/N/code wasm places: a region and its module; rmdir forgets it
  regs sregs fpu xsave xcrs msrs cpuid lapic events debugregs mp_state    and each with .txt
VM/irqchip/          mkdir, before the first vCPU: pic0 pic1 ioapic (and .txt), routing, irq/GSI, msi
  pit/               mkdir: state state.txt reinject
VM/eventfd/NAME      touch makes one, rm closes it; a write adds, a read waits and takes
VM/ioeventfd         addr=0x510 len=4 datamatch=1 pio=1 eventfd=NAME; - before the line deassigns
VM/irqfd             gsi=5 eventfd=NAME resample=NAME; - before the line deassigns
VM/dev/              board none|pc, unclaimed park|float, stop vcpu|vm, exit_port, pci, serial0/in, serial0/out
VM/console           the serial port: read and write
VM/boot/             image kernel initrd append; ctl: load=flat at=0x7c00 mode=real, or load=kernel
VM/reset             write 1: as after boot/ctl
VM/clock clock.txt   kvmclock in ns    tsc_khz    enable_cap   cap=NAME args=N,N
VM/jit               off (after mkdir), or entries after which a block is compiled; it can be changed while the VM runs
VM/stats stats_fd    counters, as text and as KVM_GET_STATS_FD has them
VM/trace trace_pipe  the last exits; exits as they come
VM/snapshot pins     the whole VM as one file; who holds it
VM/balloon_pages     pages that the balloon holds, and pages reported free
See also /vas/README and /modules/README.
`;

export const VM_README = `A virtual machine. memory/ and cpu/ are empty when it is made; mkdir fills them.

ctl          engine, seed, limit, vcpus: before the first slot, vCPU or irqchip
memory/N     mkdir memory/0; echo "gpa=0 size=16M" > memory/0/ctl; bytes in memory/0/mem
cpu/N        mkdir cpu/0; it is paused. reg/ has a file for each register
             echo 0 > cpu/0/paused runs it; cat cpu/0/event waits until it parks
             an exit that no device claims parks it: io, mmio, hlt, debug, shutdown ...
             a read waits for its answer: echo 0x2a > cpu/0/answer; echo 0 > cpu/0/paused
irqchip      mkdir irqchip (before the first vCPU), mkdir irqchip/pit
eventfd/     touch eventfd/bell; echo "addr=0x510 len=4 pio=1 eventfd=bell" > ioeventfd; cat eventfd/bell
             echo "gsi=5 eventfd=line" > irqfd: then echo 1 > eventfd/line is an interrupt
dev/board    echo pc > dev/board: serial port, RTC, keyboard, power; then console is its terminal
boot/        cp guest.bin boot/image; echo load=flat at=0x7c00 mode=real > boot/ctl
snapshot     cat snapshot > file, cat file > snapshot (paused)
pins         who holds this VM: while anybody does, rmdir is EBUSY

Files that read or write registers stop the vCPU for that moment if it runs: reg/, msr/, the structs and their .txt,
translate/, debugger, exit. All others do not stop it.
`;

export const VAS_README = `An address space is guest memory without a VM: VMs and modules bind to it at the same time.

mkdir /vas/ram; mkdir /vas/ram/memory/0
echo "gpa=0x100000 size=1M" > /vas/ram/memory/0/ctl
mkdir /kvm/a /kvm/b
echo a > /vas/ram/bind; echo b > /vas/ram/bind     both have this megabyte at 0x100000, as their slot 0

memory/N     gpa size offset flags ctl mem, as those of a VM; flags are none or readonly
bind         the VMs that are bound; a write binds one more. A VM in which nothing was made moves into this memory
             for that: bind it right after its mkdir, then give it slots of its own, chips and vCPUs
unbind       takes the regions away from a VM
pins         the modules that hold it (vas=NAME in their ctl)
rmdir NAME   EBUSY, with the names, while VMs or modules are bound

Whether a VM logs the pages of a region is its own choice: flags in /kvm/VM/memory/N.
`;

export const MODULES_README = `Modules serve guests from threads of their own and see guest-physical addresses only.

mkdir rng0; echo "kind=random vm=vm0 request=0x3000 doorbell=0x510 pio=1 gsi=5" > rng0/ctl
bound        who is bound to what, a line each: references, mapped bytes, vmaps, scatter lists, ioevents, irqfds, copies

NAME/ctl     kind=random       request=GPA doorbell=ADDRESS pio=1 gsi=N
             kind=ring         ring=GPA doorbell=ADDRESS pio=1 gsi=N
             kind=framebuffer  pixels=GPA width=N height=N doorbell=ADDRESS pio=1
             kind=wasm         program=/tmp/NAME.wasm, the options of the others, output=SIZE args=NAME:NUMBER,...
             and vm=NAME of /kvm or vas=NAME of /vas
NAME/state   declared, starting, running, ended, failed WHY, killed
NAME/guest   vm NAME or vas NAME       NAME/pin   what it holds, in counts       NAME/attached   a line each
NAME/report  what it has told last, as JSON
NAME/signal  stop lets it end, kill ends its thread; when the write is done, what it held is released
NAME/frames  of a framebuffer: what it shows       NAME/output  of kind=wasm: what it has written
rmdir NAME   of one that is over

The same, from the other side: /kvm/VM/pins and /vas/NAME/pins.
`;
