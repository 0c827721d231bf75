/** A stored time (ISO 8601) for people: to the second, in UTC. */
export function date(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ')
}
