// The CodeMirror editor as the page uses it: NASM, diagnostics, and the line that runs next. No React.

import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching } from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, RangeSet, StateEffect, StateField, type Text } from '@codemirror/state';
import {
  Decoration,
  drawSelection,
  EditorView,
  GutterMarker,
  gutterLineClass,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { nasm } from './nasm.ts';
import type { Problem } from './toolchain.ts';

const setNextLine = StateEffect.define<number | undefined>();
const lineMark = Decoration.line({ class: 'cm-next-line' });
const gutterMark = new (class extends GutterMarker {
  override elementClass = 'cm-next-gutter';
})();

/** Start of the line that the selected vCPU runs next; it moves with the text. */
const nextLine = StateField.define<number | undefined>({
  create: () => undefined,
  update(from, transaction) {
    for (const effect of transaction.effects) {
      if (!effect.is(setNextLine)) continue;
      const { doc } = transaction.state;
      return effect.value !== undefined && effect.value <= doc.lines
        ? doc.line(effect.value).from
        : undefined;
    }
    return from === undefined ? undefined : transaction.changes.mapPos(from);
  },
  provide: (field) => [
    EditorView.decorations.compute([field], (state) => {
      const from = state.field(field);
      return from === undefined
        ? Decoration.none
        : Decoration.set(lineMark.range(state.doc.lineAt(from).from));
    }),
    gutterLineClass.compute([field], (state) => {
      const from = state.field(field);
      return from === undefined ? RangeSet.empty : RangeSet.of(gutterMark.range(state.doc.lineAt(from).from));
    }),
  ],
});

const look = EditorView.theme({
  '&': { height: '100%', fontSize: 'var(--code)', color: 'var(--ink)', backgroundColor: 'transparent' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--ink)', padding: '2px 0 24px' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '.cm-gutters': { backgroundColor: 'transparent', border: 'none', color: 'var(--ink-3)' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 10px 0 12px' },
  '.cm-gutter-lint': { width: '12px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '2px 0 0 3px' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--ink) 4%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--ink)' },
  '.cm-next-line, .cm-next-line.cm-activeLine': { backgroundColor: 'var(--tint)' },
  '.cm-next-gutter, .cm-next-gutter.cm-activeLineGutter': {
    backgroundColor: 'var(--tint)',
    color: 'var(--accent)',
    fontWeight: '700',
  },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 24%, transparent)',
  },
  '.cm-panels': { backgroundColor: 'var(--case-2)', color: 'var(--ink)' },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: 'var(--radius-s)',
    backgroundColor: 'var(--case)',
    color: 'var(--ink)',
    boxShadow: 'var(--shadow)',
  },
  '.cm-diagnostic': { fontFamily: 'var(--font)', maxWidth: '52ch' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--danger)',
    textUnderlineOffset: '3px',
  },
});

/** Assembly errors as CodeMirror wants them; a place outside of the text is moved to the nearest inside. */
export function diagnosticsOf(doc: Text, problems: readonly Problem[]): Diagnostic[] {
  return problems.map(({ line, column, endColumn, message, severity }) => {
    const place = doc.line(Math.max(1, Math.min(line, doc.lines)));
    const from = Math.min(place.from + column - 1, place.to);
    return {
      from,
      to: Math.max(from, Math.min(place.from + endColumn - 1, place.to)),
      severity,
      message,
    };
  });
}

/** The editor's outlets. */
export interface EditorOptions {
  text: string;
  onChange: (text: string) => void;
  /** Mod-Enter. */
  onRun: () => void;
}

/** One editor in `parent`. Tab is left to the browser, so that the keyboard can leave it. */
export class CodeEditor {
  readonly #view: EditorView;

  constructor(parent: HTMLElement, { text, onChange, onRun }: EditorOptions) {
    const run = () => {
      onRun();
      return true;
    };
    const extensions = [
      lineNumbers(),
      lintGutter(),
      history(),
      drawSelection(),
      bracketMatching(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSelectionMatches(),
      EditorState.tabSize.of(8),
      nextLine,
      nasm(),
      look,
      keymap.of([
        { key: 'Mod-Enter', run },
        ...defaultKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...lintKeymap,
      ]),
      EditorView.contentAttributes.of({
        'aria-label': 'Guest source, NASM syntax',
        spellcheck: 'false',
        tabindex: '0',
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
    ];
    this.#view = new EditorView({ parent, state: EditorState.create({ doc: text, extensions }) });
  }

  /** Replaces the text when it is another; the undo history keeps the old one. */
  setText(text: string): void {
    const { doc } = this.#view.state;
    if (doc.toString() !== text) this.#view.dispatch({ changes: { from: 0, to: doc.length, insert: text } });
  }

  setProblems(problems: readonly Problem[]): void {
    const { state } = this.#view;
    this.#view.dispatch(setDiagnostics(state, diagnosticsOf(state.doc, problems)));
  }

  /** Marks the line that runs next, or none; `isFollowed` scrolls it into sight. */
  setNextLine(line: number | undefined, isFollowed: boolean): void {
    const { doc } = this.#view.state;
    const effects: StateEffect<unknown>[] = [setNextLine.of(line)];
    if (isFollowed && line !== undefined && line <= doc.lines) {
      effects.push(EditorView.scrollIntoView(doc.line(line).from, { y: 'nearest', yMargin: 40 }));
    }
    this.#view.dispatch({ effects });
  }

  /** Puts the cursor to a place, counted from 1, and the focus into the editor. */
  goTo(line: number, column: number): void {
    const place = this.#view.state.doc.line(Math.max(1, Math.min(line, this.#view.state.doc.lines)));
    const anchor = Math.min(place.from + column - 1, place.to);
    this.#view.dispatch({
      selection: { anchor },
      effects: EditorView.scrollIntoView(anchor, { y: 'center' }),
    });
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }
}
