/** `about 2 min 10 s left`, in steps that do not flicker. */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 60) return `about ${Math.max(5, Math.ceil(seconds / 5) * 5)} s left`;
  const rounded = Math.ceil(seconds / 10) * 10;
  if (rounded < 600) return `about ${Math.floor(rounded / 60)} min ${String(rounded % 60).padStart(2, '0')} s left`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60
    ? `about ${minutes} min left`
    : `about ${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min left`;
}
