// Who holds a VM besides its vCPUs: the table of pins and of what they have attached. Constants only.
//
//   VM_PINS         PINS_MAX records of PIN_SIZE bytes: a module, an address space, whoever was bound
//   VM_ATTACHMENTS  ATTACHMENTS_MAX records of ATTACHMENT_SIZE bytes: its vmaps, scatter lists, doorbells, interrupts

/** Offsets from the start of the VM page; they lie behind it, see the map. */
export const VM_PINS: u32 = 0x18000;
export const PINS_MAX: u32 = 64;
export const VM_ATTACHMENTS: u32 = 0x1a000;
export const ATTACHMENTS_MAX: u32 = 512;
/** 1 while somebody ends the VM: nobody is bound meanwhile. The tables have no lock, which a killed holder could keep. */
export const VM_PINS_CLOSED: u32 = 0x140;
/** Address space that this VM shares: base of its place plus 1; its own base plus 1 where it is one itself; 0 = none. */
export const VM_VAS: u32 = 0x144;

export const PIN_SIZE: u32 = 128;
/** One of the states below (atomic). */
export const PIN_STATE: u32 = 0;
/** Bumped when the record is claimed, below the number of the VM's life: an old handle of it is found out. */
export const PIN_SERIAL: u32 = 4;
/** Bumped when the holder begins to use a translation and when it has ended: odd = it is inside (atomic). */
export const PIN_INSIDE: u32 = 8;
/** References of the holder: the last put frees the record. */
export const PIN_REFERENCES: u32 = 12;
/** u64: calls of copyTo and copyFrom, and the bytes they copied. */
export const PIN_COPIES: u32 = 16;
export const PIN_BYTES: u32 = 24;
/** f64: when it was bound, in ms since the Unix epoch. */
export const PIN_SINCE: u32 = 32;
/** What the holder is and its name: UTF-8 with zeros behind. */
export const PIN_KIND: u32 = 40;
export const PIN_KIND_SIZE: u32 = 24;
export const PIN_NAME: u32 = 64;
export const PIN_NAME_SIZE: u32 = 64;

export const PIN_FREE: u32 = 0;
export const PIN_LIVE: u32 = 1;
/** Its holder may not enter any more: it is being killed. Freed by whoever watches it. */
export const PIN_REVOKED: u32 = 2;
/** As revoked; besides, it stayed inside for too long, and nobody waits for it any more. */
export const PIN_LOST: u32 = 3;
/** Somebody is writing the record of a new pin. */
export const PIN_CLAIMED: u32 = 4;

export const ATTACHMENT_SIZE: u32 = 48;
/** Number of the pin that holds it, plus 1; 0 = free. */
export const ATTACHMENT_PIN: u32 = 0;
/** ATTACHED_*; written last, so that 0 says that the rest is being written. */
export const ATTACHMENT_KIND: u32 = 4;
/** u64: guest-physical address, port or GSI; u64: its bytes. */
export const ATTACHMENT_ADDRESS: u32 = 8;
export const ATTACHMENT_LENGTH: u32 = 16;
/** IOEVENT_* flags. */
export const ATTACHMENT_FLAGS: u32 = 24;
/** Offset in the memory: of the mapped bytes, or of the eventfd, whose generation follows. */
export const ATTACHMENT_PLACE: u32 = 28;
export const ATTACHMENT_DATAMATCH: u32 = 32;
export const ATTACHMENT_GENERATION: u32 = 40;

export const ATTACHED_VMAP: u32 = 1;
export const ATTACHED_SG: u32 = 2;
export const ATTACHED_IOEVENT: u32 = 3;
export const ATTACHED_IRQFD: u32 = 4;
export const IOEVENT_PIO: u32 = 1;
export const IOEVENT_DATAMATCH: u32 = 2;
