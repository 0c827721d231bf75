/** A name that a VM of a segment has, and where it is. */
export interface HostName {
  readonly address: string
  readonly name: string
}
