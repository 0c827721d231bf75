/** Numbers from 0 up to 1. */
export type Random = () => number

/** A small generator of numbers (Mulberry32), so that an attack can be had again by its seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One of some. */
export function oneOf<T>(all: readonly T[], random: Random): T {
  const found = all[Math.floor(random() * all.length)]
  if (found === undefined) throw new Error('there is nothing to choose from')
  return found
}

/** A whole number below a limit, the small ones more often: headers are at the beginning. */
export function below(limit: number, random: Random): number {
  return Math.floor(random() < 0.5 ? random() * limit : limit ** random() - 1)
}
