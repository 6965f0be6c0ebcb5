// Which of the machine's buttons make sense now; the keys ask the same question.

import type { PageState } from '../state/workbench.ts';

/** What can be done in this state. */
export function available({ status, isBusy }: PageState) {
  const isRunning = status.state === 'running';
  return {
    run: !isBusy && !isRunning,
    pause: !isBusy && isRunning,
    step: !isBusy && !isRunning && status.state !== 'ended',
    reset: !isBusy,
  };
}
