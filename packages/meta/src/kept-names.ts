/** Whether a parameter is one of those that the inner loop leaves alone: named whole, or below a name; of a simplex, that of any vertex. */
export function isKept(name: string, keeps: readonly string[]): boolean {
  const names = [name, name.replace(/\.vertex\.\d+\./, '.')];
  return keeps.some((kept) => names.some((each) => each === kept || each.startsWith(`${kept}.`)));
}
