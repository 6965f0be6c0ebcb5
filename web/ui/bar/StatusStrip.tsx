// The strip at the foot of the page: one sentence about what happened last, and one about how the machine runs.

import { useWorkbench } from '../context.ts';
import { errorsOf, problemSentence } from '../editor/toolchain.ts';
import type { PageState } from '../state/workbench.ts';
import './status_strip.css';

interface Said {
  kind: 'error' | 'end' | 'plain';
  text: string;
}

/** The one sentence that matters most now. */
export function sentenceOf({
  failure,
  notice,
  fetching,
  status,
  session,
  kernel,
  isBusy,
  problems,
}: PageState): Said {
  if (fetching !== undefined) return { kind: 'plain', text: `${fetching} is being fetched.` };
  const failed = failure ?? status.error;
  if (failed) return { kind: 'error', text: failed };
  if (notice !== undefined) return { kind: 'plain', text: notice };
  const [wrong] = kernel ? [] : errorsOf(problems);
  if (wrong) return { kind: 'error', text: problemSentence(problems) };
  if (status.ending) {
    const isGood =
      status.ending.reason === 'poweroff' ||
      status.ending.reason === 'exit' ||
      status.ending.reason === 'halted';
    return { kind: isGood ? 'end' : 'error', text: status.ending.sentence };
  }
  if (status.parked) return { kind: 'end', text: status.parked.sentence };
  if (status.trouble) return { kind: 'error', text: status.trouble };
  if (!session) return { kind: 'plain', text: isBusy ? 'The machine is being made.' : '' };
  const what = kernel ? 'The kernel' : 'The guest';
  const words = {
    stopped: `${what} is loaded: Run starts it, Step runs its first instruction.`,
    running: `${what} runs; panels are read from its memory once a frame.`,
    paused: 'Every vCPU stands: marked registers differ from before the last Run or Step.',
    ended: `${what} has ended; its memory stays readable.`,
  };
  return { kind: 'plain', text: words[status.state] };
}

export function StatusStrip() {
  const kind = useWorkbench((state) => sentenceOf(state).kind);
  const text = useWorkbench((state) => sentenceOf(state).text);
  const tier = useWorkbench((state) => state.session?.tierSentence);
  const isLimited = useWorkbench((state) => state.session?.tier === 'messages');
  return (
    <footer className="strip">
      <p className={`strip-sentence is-${kind}`} role="status" aria-label="What happened">
        {kind !== 'plain' && <span aria-hidden="true">{kind === 'error' ? '▲ ' : '■ '}</span>}
        {text}
      </p>
      {tier && (
        <p className={isLimited ? 'strip-tier is-limited' : 'strip-tier'} title={tier}>
          {tier}
        </p>
      )}
    </footer>
  );
}
