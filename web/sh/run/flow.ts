// How a command ends otherwise than by reaching its end: what break, continue, return and exit throw.

/** `break n` and `continue n`. */
export class LoopJump {
  readonly isBreak: boolean;
  levels: number;

  constructor(isBreak: boolean, levels: number) {
    this.isBreak = isBreak;
    this.levels = levels;
  }
}

/** `return`: out of the function or the file that `.` reads. */
export class Return {
  readonly status: number;

  constructor(status: number) {
    this.status = status;
  }
}

/** `exit`, and what `set -e` does. */
export class Exit {
  readonly status: number;

  constructor(status: number) {
    this.status = status;
  }
}
