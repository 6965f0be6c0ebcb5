// The control queue of a network card: which frames its driver wants to have. It moves no frames.
//
// Source: VIRTIO 1.2, 5.1.6.5.

import type { Chain, Device, Queue } from '../backend.ts';

/** VIRTIO_NET_F_CTRL_RX and _CTRL_MAC_ADDR: 5.1.3. */
export const CTRL_RX = 1n << 18n;
export const CTRL_MAC_ADDR = 1n << 23n;

/** Classes and commands of VIRTIO_NET_CTRL_*. */
const RX = 0;
const RX_PROMISCUOUS = 0;
const RX_ALL_MULTICAST = 1;
const MAC = 1;
const MAC_TABLE_SET = 0;
const MAC_ADDRESS_SET = 1;
const OK = 0;
const REFUSED = 1;

/** Group addresses that are kept; more, and all are let through. */
const GROUPS_MAX = 32;
/** Longest command: the tables of addresses of a driver with very many. */
const COMMAND_MAX = 4096;

/** Where in the device's own bytes what lies: a snapshot and a new thread find it there. */
const STATE = { mark: 0, promiscuous: 1, allGroups: 2, mac: 3, count: 9, groups: 10 } as const;

/** What the driver has said, in the device's own bytes. */
export class ControlState {
  readonly #bytes: Uint8Array;

  /** Promiscuous and with the card's own address, until a driver that can says otherwise. */
  constructor({ state, features }: Device, mac: number) {
    this.#bytes = state;
    const isNew = state[STATE.mark] !== 1;
    state[STATE.mark] = 1;
    if (isNew || !(features & CTRL_RX)) state[STATE.promiscuous] = 1;
    if (isNew || !(features & CTRL_MAC_ADDR)) this.mac = mac;
  }

  /** The address that the card has now. */
  get mac(): number {
    return macAt(this.#bytes, STATE.mac);
  }

  set mac(mac: number) {
    for (let at = 5, rest = mac; at >= 0; at -= 1, rest = Math.floor(rest / 256))
      this.#bytes[STATE.mac + at] = rest % 256;
  }

  /** True for frames that the driver wants. */
  wants(frame: Uint8Array): boolean {
    if (this.#bytes[STATE.promiscuous] === 1) return true;
    const to = macAt(frame, 0);
    if (((frame[0] ?? 0) & 1) === 0) return to === this.mac;
    return to === 2 ** 48 - 1 || this.#bytes[STATE.allGroups] === 1 || this.#hasGroup(to);
  }

  /** Carries out a command; false when it is not known or badly made. */
  carryOut(command: Uint8Array): boolean {
    const [kind, what, value = 0] = command;
    if (kind === RX && command.length >= 3 && what === RX_PROMISCUOUS)
      this.#bytes[STATE.promiscuous] = value ? 1 : 0;
    else if (kind === RX && command.length >= 3 && what === RX_ALL_MULTICAST)
      this.#bytes[STATE.allGroups] = value ? 1 : 0;
    else if (kind === MAC && what === MAC_ADDRESS_SET && command.length >= 8) this.mac = macAt(command, 2);
    else if (kind === MAC && what === MAC_TABLE_SET) return this.#setTables(command);
    else return false;
    return true;
  }

  /** Two tables, each a count and its addresses: of machines, and of groups. */
  #setTables(command: Uint8Array): boolean {
    const view = new DataView(command.buffer, command.byteOffset, command.length);
    if (command.length < 6) return false;
    const machines = view.getUint32(2, true);
    const at = 6 + machines * 6;
    if (at + 4 > command.length) return false;
    const groups = view.getUint32(at, true);
    if (at + 4 + groups * 6 > command.length) return false;
    if (machines > 0) this.#bytes[STATE.promiscuous] = 1;
    if (groups > GROUPS_MAX) this.#bytes[STATE.allGroups] = 1;
    const kept = groups > GROUPS_MAX ? 0 : groups;
    this.#bytes[STATE.count] = kept;
    this.#bytes.set(command.subarray(at + 4, at + 4 + kept * 6), STATE.groups);
    return true;
  }

  #hasGroup(mac: number): boolean {
    for (let n = 0; n < (this.#bytes[STATE.count] ?? 0); n += 1)
      if (macAt(this.#bytes, STATE.groups + n * 6) === mac) return true;
    return false;
  }
}

/** Answers one command of the driver, whose last byte is for the answer. */
export async function answerControl(queue: Queue, chain: Chain, state: ControlState): Promise<void> {
  const command = new Uint8Array(Math.min(chain.readable, COMMAND_MAX));
  const isWhole = chain.readable <= COMMAND_MAX && (await chain.read(0, command)) === command.length;
  const answer = isWhole && state.carryOut(command) ? OK : REFUSED;
  await queue.push(chain, await chain.write(0, Uint8Array.of(answer)));
}

function macAt(bytes: Uint8Array, at: number): number {
  let mac = 0;
  for (let n = at; n < at + 6; n += 1) mac = mac * 256 + (bytes[n] ?? 0);
  return mac;
}
