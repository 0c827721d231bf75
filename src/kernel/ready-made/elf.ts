/** The bytes of a section of a 64-bit little-endian ELF file (elf(5)); undefined if there is no such section. */
export function elfSection(file: Buffer, name: string): Buffer | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) return undefined
  const table = Number(file.readBigUInt64LE(40))
  const [size, count, namesIndex] = [
    file.readUInt16LE(58),
    file.readUInt16LE(60),
    file.readUInt16LE(62),
  ]
  if (size < 64 || table + size * count > file.length) return undefined
  const header = (index: number) => file.subarray(table + index * size, table + (index + 1) * size)
  const content = (index: number) => {
    const at = Number(header(index).readBigUInt64LE(24))
    return file.subarray(at, at + Number(header(index).readBigUInt64LE(32)))
  }
  if (namesIndex >= count) return undefined
  const names = content(namesIndex)
  for (let index = 0; index < count; index++) {
    const start = header(index).readUInt32LE(0)
    if (names.toString('latin1', start, names.indexOf(0, start)) === name) return content(index)
  }
  return undefined
}
