import { runInteractive } from '../../host/index.ts'

/**
 * Turns the terminal's own output processing off. Node's raw mode leaves ONLCR on, and the guest's terminal has already
 * made carriage returns: a program that moves down with a bare line feed would lose its column.
 */
export function passOutputThrough(): void {
  runInteractive('stty', ['-opost'], { stdoutTo: 'stderr' })
}
