/** `Re:`, `FW:`, `Re[2]:`, `Re(3):`, `RE^2:` and the German, Scandinavian ones, at the start. */
const replyMark = /^(?:re|fwd?|aw|sv|antw(?:ort)?|wg)\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*:\s*/i;
/** `[ILUG]`, `[Razor-users]`: a short bracket without a colon at the start. */
const listMark = /^\[[^\][:]{1,30}\]\s*/;
const forwardEnd = /\s*\(fwd?\)\s*$/i;

/**
 * Removes what tells a mailing list or a conversation rather than the content: reply, forward and list marks, in any order and
 * number. White space becomes single blanks.
 */
export function cleanSubject(subject: string): string {
  let text = subject.replace(/\s+/g, ' ').trim();
  for (;;) {
    const shorter = text.replace(replyMark, '').replace(listMark, '').replace(forwardEnd, '');
    if (shorter === text) return text;
    text = shorter;
  }
}

export interface Subject {
  readonly text: string;
  readonly label: number;
}

/** Cleans subjects, drops empty ones and, ignoring case, repeated ones; the first of equals stays. */
export function distinctSubjects(subjects: readonly Subject[]): Subject[] {
  const seen = new Set<string>();
  return subjects.flatMap(({ text, label }) => {
    const clean = cleanSubject(text);
    const key = clean.toLowerCase();
    if (key === '' || seen.has(key)) return [];
    seen.add(key);
    return [{ text: clean, label }];
  });
}
