import { randomBytes } from 'node:crypto'

const ALPHABET = 'abcdefghjkmnpqrstvwxyz23456789'

/** A short id that is easy to read aloud and to type: 8 letters of a 30-letter alphabet (39 bits). */
export function newId(length = 8): string {
  let id = ''
  while (id.length < length) {
    // Bytes from 240 on would make the first letters likelier.
    for (const byte of randomBytes(length)) {
      if (byte < 240 && id.length < length) id += ALPHABET[byte % ALPHABET.length]
    }
  }
  return id
}
