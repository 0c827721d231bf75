/** What changes from one crash of a bug to the next goes out of its title. Each is repeated until nothing changes. */
const VOLATILE: readonly (readonly [RegExp, string])[] = [
  // The fuzzer's processes and directories: the name of the program, without its number.
  [/\b(syz-executor|syzkaller)[0-9]+\b/, '$1'],
  [/\bsyz-executor\.[0-9]+\b/, 'syz-executor'],
  [/\b(syz)\.[0-9]+\.[0-9]+\b/, '$1'],
  [/\b([a-zA-Z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+\b/, '$1'],
  [/\b0x[0-9a-f]{6,}\b/, 'ADDR'],
  [/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{6,}\b/, 'ADDR'],
  [/\b[0-9a-f]{12,}\b/, 'ADDR'],
  [/\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b/, 'IP'],
  [/\b([\w./-]+\.[chS]):[0-9]+(?::[0-9]+)?/, '$1:LINE'],
  [/\bCPU#[0-9]+/, 'CPU'],
  [/(\/[\w.-]*?[a-zA-Z])[0-9]{3,}\b/, '$1NUM'],
  [/([ =(#:/[,])[0-9]+(?=[\s:),.[\]]|$)/, '$1NUM'],
  [/[0-9]{7,}/, 'NUM'],
]

const MAX_LENGTH = 120

/** A title that does not change from one crash of a bug to the next. */
export function stableTitle(raw: string): string {
  let title = raw
  for (const [volatile, replacement] of VOLATILE) {
    // Each replacement takes one away; the limit is for what no one foresaw.
    for (let round = 0; round < 100 && volatile.test(title); round++) {
      title = title.replace(volatile, replacement)
    }
  }
  return title
    .replaceAll(/[^\u0020-\u007e]+/g, '')
    .replaceAll(/ {2,}/g, ' ')
    .slice(0, MAX_LENGTH)
    .trim()
}
