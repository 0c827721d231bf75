/** The end of an exhaustive switch: a new kind that nobody handles is a compile error here. */
export function unreachable(value: never): never {
  throw new Error(`not handled: ${JSON.stringify(value)}`)
}
