/** QEMU's option syntax: a comma in a value is written twice. */
export function escaped(value: string): string {
  return value.replaceAll(',', ',,')
}
