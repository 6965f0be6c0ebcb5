// A shell's variables: values, the export and readonly marks, and the scopes that `local` makes. It expands nothing.

interface Variable {
  /** Undefined while it is unset and only marked. */
  value: string | undefined;
  isExported: boolean;
  isReadonly: boolean;
}

/** An error that ends a script (POSIX XCU 2.8.1): status 2 unless it says otherwise. */
export class ShellError extends Error {
  readonly status: number;

  constructor(sentence: string, status = 2) {
    super(sentence);
    this.status = status;
  }
}

/** True for what may name a variable. */
export function isName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}

export class Variables {
  private readonly map = new Map<string, Variable>();
  /** What each running function's `local` has hidden, innermost last. */
  private readonly scopes: Map<string, Variable | undefined>[] = [];

  get(name: string): string | undefined {
    return this.map.get(name)?.value;
  }

  /** Sets it; a readonly one is an error. */
  set(name: string, value: string): void {
    const found = this.map.get(name);
    if (found === undefined) {
      this.map.set(name, { value, isExported: this.exportsAll, isReadonly: false });
      return;
    }
    if (found.isReadonly) throw new ShellError(`${name}: is read only`);
    found.value = value;
    if (this.exportsAll) found.isExported = true;
  }

  /** `set -a`. */
  exportsAll = false;

  unset(name: string): void {
    const found = this.map.get(name);
    if (found?.isReadonly) throw new ShellError(`${name}: is read only`);
    this.map.delete(name);
  }

  /** Takes it away, readonly or not: a new process does not have it. */
  forget(name: string): void {
    this.map.delete(name);
  }

  mark(name: string, mark: 'isExported' | 'isReadonly'): void {
    const found = this.map.get(name);
    if (found) found[mark] = true;
    else this.map.set(name, { value: undefined, isExported: false, isReadonly: false, [mark]: true });
  }

  isExported(name: string): boolean {
    return this.map.get(name)?.isExported ?? false;
  }

  /** Takes a variable back to what it was, after `name=value command`. */
  save(name: string): () => void {
    const found = this.map.get(name);
    const copy = found && { ...found };
    return () => {
      if (copy) this.map.set(name, copy);
      else this.map.delete(name);
    };
  }

  /** All names with a value, sorted. */
  names(mark?: 'isExported' | 'isReadonly'): string[] {
    return [...this.map]
      .filter(([, variable]) => (mark ? variable[mark] : variable.value !== undefined))
      .map(([name]) => name)
      .sort();
  }

  /** What a command gets as its environment. */
  environment(): Map<string, string> {
    const all = new Map<string, string>();
    for (const [name, { value, isExported }] of this.map)
      if (isExported && value !== undefined) all.set(name, value);
    return all;
  }

  get isInFunction(): boolean {
    return this.scopes.length > 0;
  }

  enterFunction(): void {
    this.scopes.push(new Map());
  }

  leaveFunction(): void {
    for (const [name, variable] of this.scopes.pop() ?? []) {
      if (variable) this.map.set(name, variable);
      else this.map.delete(name);
    }
  }

  /** `local name`: it keeps the value it has, and the old one comes back when the function ends. */
  makeLocal(name: string): void {
    const scope = this.scopes.at(-1);
    if (!scope || scope.has(name)) return;
    const found = this.map.get(name);
    scope.set(name, found && { ...found });
  }

  clone(): Variables {
    const copy = new Variables();
    for (const [name, variable] of this.map) copy.map.set(name, { ...variable });
    for (const scope of this.scopes) copy.scopes.push(new Map(scope));
    copy.exportsAll = this.exportsAll;
    return copy;
  }
}
