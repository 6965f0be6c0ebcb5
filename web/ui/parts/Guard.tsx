// Keeps an error of one panel inside that panel, so that the rest of the page stays usable.

import { Component, type ReactNode } from 'react';

interface GuardProps {
  children: ReactNode;
}

/** Shows one sentence and a way back where its children threw. */
export class Guard extends Component<GuardProps, { message: string | undefined }> {
  override state = { message: undefined };

  static getDerivedStateFromError(error: unknown) {
    return { message: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    const { message } = this.state;
    if (message === undefined) return this.props.children;
    return (
      <div className="panel" role="alert">
        <p className="panel-empty">This panel stopped: {message}</p>
        <p className="panel-empty">
          <button type="button" className="button" onClick={() => this.setState({ message: undefined })}>
            Show it again
          </button>
        </p>
      </div>
    );
  }
}
