/** What an address answers. Errors: an answer that is none, with its status. */
export async function fetchBytes(address: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${String(address)} answers ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
