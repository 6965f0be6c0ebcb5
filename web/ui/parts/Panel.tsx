// The frame that every panel shares: a named region with a heading, a note, tools and a body.

import type { ReactNode } from 'react';

interface PanelProps {
  /** The region's accessible name and its heading. */
  name: string;
  /** A few words beside the heading. */
  note?: ReactNode;
  /** Buttons at the right of the head. */
  tools?: ReactNode;
  /** Extra class of the body. */
  className?: string;
  /** Heading and body in one row, for a panel of one row. */
  isLevel?: boolean;
  /** False where the content has its own scrolling and its own way to be focused. */
  isScrolling?: boolean;
  /** What stays in sight below the body. */
  foot?: ReactNode;
  children: ReactNode;
}

/** One compartment of the glass case. F6 moves the focus from one to the next. */
export function Panel({
  name,
  note,
  tools,
  className,
  isLevel = false,
  isScrolling = true,
  foot,
  children,
}: PanelProps) {
  const body = className ? `panel-body ${className}` : 'panel-body';
  return (
    <section
      className={isLevel ? 'panel is-level' : 'panel'}
      aria-label={name}
      tabIndex={-1}
      data-panel={name}
    >
      <header className="panel-head">
        <h2 className="panel-title">{name}</h2>
        {note !== undefined && <span className="panel-note">{note}</span>}
        {tools && <div className="panel-tools">{tools}</div>}
      </header>
      <div
        className={body}
        {...(isScrolling && { role: 'group', tabIndex: 0, 'aria-label': `${name}, contents` })}
      >
        {children}
      </div>
      {foot}
    </section>
  );
}
