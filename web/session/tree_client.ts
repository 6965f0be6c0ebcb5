// The near end of a machine worker for who wants its file tree only, such as the shell of the command line.
import { type Fs, FsClient, type Port } from '../fs/index.ts';
import { type CallMessage, type ServerMessage, type StartOptions, splitPort } from './port.ts';

/** Opens the tree of the machine worker behind `port`: no machine of a session in it. Rejects when the worker dies first. */
export function openTree(port: Port, options: Omit<StartOptions, 'own'>): Promise<Fs> {
  const { calls, files } = splitPort(port);
  const fs = new FsClient(files);
  return new Promise((resolve, reject) => {
    calls.listen(
      (message) => {
        const answer = message as ServerMessage;
        if (!('id' in answer)) return;
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(fs);
      },
      (why) => reject(new Error(why)),
    );
    calls.post({ id: 1, call: 'start', argument: { ...options, own: false } } satisfies CallMessage);
  });
}
