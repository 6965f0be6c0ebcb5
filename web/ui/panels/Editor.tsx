// The guest's source with its assembly errors, and the line that the selected vCPU runs next.

import { type RefObject, useCallback, useEffect, useRef } from 'react';
import {
  codeSize,
  linearOfCode,
  type MachineMemory,
  readRegisters,
  vcpuIds,
} from '../../session/views/index.ts';
import { useActions, useWorkbench } from '../context.ts';
import { CodeEditor } from '../editor/code_editor.ts';
import { rowAt } from '../editor/code_window.ts';
import { errorsOf, type Problem } from '../editor/toolchain.ts';
import { plural } from '../parts/numbers.ts';
import { Panel } from '../parts/Panel.tsx';
import { useMachine } from '../state/watch.ts';
import './editor.css';

export function Editor() {
  const bench = useActions();
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<CodeEditor>(undefined);
  const source = useWorkbench((state) => state.source);
  const kernel = useWorkbench((state) => state.kernel);
  const problems = useWorkbench((state) => state.problems);
  const isStale = useWorkbench((state) => state.isStale && state.session !== undefined);

  useEffect(() => {
    if (!host.current || kernel) return;
    const made = new CodeEditor(host.current, {
      text: bench.state.get().source,
      onChange: (text) => bench.edit(text),
      onRun: () => void bench.run(),
    });
    editor.current = made;
    const stopWaiting = bench.onGoTo((line, column) => made.goTo(line, column));
    return () => {
      stopWaiting();
      made.destroy();
      editor.current = undefined;
    };
  }, [bench, kernel]);
  useEffect(() => editor.current?.setText(source), [source]);
  useEffect(() => editor.current?.setProblems(problems), [problems]);
  useNextLine(editor);

  if (kernel) {
    return (
      <Panel name="Editor" note={kernel.name}>
        <p className="panel-empty">
          This machine runs the kernel {kernel.name}, which has no source here. Choose a guest to come back to
          its source.
        </p>
      </Panel>
    );
  }
  const note = isStale ? 'changed: Run or Reset assembles it anew' : 'NASM syntax';
  return (
    <Panel name="Editor" note={note} className="editor" isScrolling={false}>
      <div ref={host} className="editor-host" />
      {problems.length > 0 && (
        <section
          className={errorsOf(problems).length ? 'problems is-bad' : 'problems'}
          aria-label="Assembler messages"
        >
          <h3>{titleOf(problems)}</h3>
          <ul>
            {problems.map((problem) => (
              <li
                className={`is-${problem.severity}`}
                key={`${problem.line}:${problem.column}:${problem.message}`}
              >
                <button type="button" onClick={() => editor.current?.goTo(problem.line, problem.column)}>
                  <span className="mono">
                    {problem.line}:{problem.column}
                  </span>{' '}
                  {problem.message}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Panel>
  );
}

function titleOf(problems: readonly Problem[]): string {
  const errors = errorsOf(problems).length;
  const warnings = problems.length - errors;
  return [errors && plural(errors, 'error'), warnings && plural(warnings, 'warning')]
    .filter(Boolean)
    .join(', ');
}

/** Marks the source line at RIP of the selected vCPU, scrolled into sight while the machine stands. */
function useNextLine(editor: RefObject<CodeEditor | undefined>): void {
  const vcpu = useWorkbench((state) => state.vcpu);
  const listing = useWorkbench((state) => state.listing);
  const isStale = useWorkbench((state) => state.isStale);
  const state = useWorkbench((page) => page.status.state);
  const readRip = useCallback(
    (memory: MachineMemory) => {
      if (!vcpuIds(memory).includes(vcpu)) return undefined;
      const registers = readRegisters(memory, vcpu);
      return codeSize(registers) === 64 ? registers.rip : linearOfCode(registers, registers.rip);
    },
    [vcpu],
  );
  const rip = useMachine(readRip);
  const isShown = !isStale && state !== 'running' && rip !== undefined;
  const line = isShown ? rowAt(listing, rip)?.line : undefined;
  useEffect(() => editor.current?.setNextLine(line, state !== 'stopped'), [editor, line, state]);
}
