import type { Agent, ExecRequest } from '../../guest/index.ts'
import type { Kernel } from '../../kernel/index.ts'
import { formatDuration, newId } from '../../base/index.ts'
import { InputRecord } from '../history/run-input.ts'
import { rulesOf } from '../host-view/lab-rules.ts'
import { hiddenBy } from '../host-view/rules.ts'
import { copyShareBack } from '../host-view/share-copy.ts'
import { peerOf } from '../boot/peer.ts'
import { lastKernel } from '../kernels/last-kernel.ts'
import { GuessedWrong } from '../life/guessed-wrong.ts'
import { chooseKernel } from '../kernels/choose-kernel.ts'
import {
  followCommand,
  startCommand,
  whileItAnswers,
  type Command,
  type Surroundings,
} from '../life/command.ts'
import { endOfVm } from '../life/end-of-vm.ts'
import { waitForLateReports } from '../life/late-reports.ts'
import { liveOnce, runDirectory } from '../life/life.ts'
import type { LifeResult, Living } from '../life/living.ts'
import type { LabEvent, OnEvent } from '../outcome/events.ts'
import type { Ending } from '../outcome/verdict.ts'
import type { Lab } from '../session/context.ts'
import { findUser, guestEnvironment } from '../session/guest-user.ts'
import type { Interrupts, Terminal } from '../session/terminal.ts'
import type { RunRequest } from '../spec/run-request.ts'
import { OutputRecord } from '../history/output-record.ts'
import { Presence } from './presence.ts'

export type RunResult = LifeResult

/** What is around a run: whose terminal it has, who ends it, who is told. */
export interface RunParts {
  readonly terminal: Terminal
  readonly interrupts: Interrupts
  readonly onEvent: OnEvent
  /** It is one of many, so many at a time. */
  readonly batch?: { readonly jobs: number }
  readonly agentPath?: string
}

/** One command in one fresh VM, recorded. Throws KlabError when it does not come to a VM at all. */
export async function runInVm(lab: Lab, request: RunRequest, parts: RunParts): Promise<RunResult> {
  checkRequest(lab, request)
  const { kernel: choice } = request.vm
  const guess = choice.kernel === undefined ? await lastKernel(lab, choice) : undefined
  if (guess) return await runGuessed(lab, request, { ...parts, guess })
  const { interrupts, onEvent } = parts
  const kernel = await chooseKernel(lab, choice, { signal: interrupts.stop, onEvent })
  return await runOnKernel(lab, request, { ...parts, kernel })
}

/** Brings the kernel of the last time up while the tree is looked at: mostly that is the right one, and the look has cost nothing. */
async function runGuessed(
  lab: Lab,
  request: RunRequest,
  { guess, ...parts }: RunParts & { readonly guess: Kernel },
): Promise<RunResult> {
  const { interrupts, onEvent } = parts
  const wrong = Promise.withResolvers<boolean>()
  const choosing = chooseKernel(lab, request.vm.kernel, {
    signal: interrupts.stop,
    onEvent: (event) => {
      // What has to be built is another one, and takes its time.
      if (event.kind === 'build') wrong.resolve(false)
      onEvent(event)
    },
  })
  const found = choosing.then(
    ({ manifest }) => manifest?.id === guess.manifest?.id,
    () => false,
  )
  const sure = Promise.race([found, wrong.promise])
  // Of what is dropped nobody hears.
  const held: LabEvent[] = []
  let isSure = false
  void sure.then((isRight) => {
    isSure = isRight
    if (isRight) for (const event of held) onEvent(event)
  })
  const heard = (event: LabEvent) => (isSure ? onEvent(event) : held.push(event))
  try {
    return await runOnKernel(lab, request, { ...parts, kernel: guess, onEvent: heard, sure })
  } catch (error) {
    if (!(error instanceof GuessedWrong)) throw error
    return await runOnKernel(lab, request, { ...parts, kernel: await choosing })
  }
}

/** Throws UsageError for a command that cannot be, before a kernel is built for it. */
export function checkRequest(lab: Lab, request: RunRequest): void {
  execRequest(lab, request)
}

/** As runInVm, when the kernel is there. */
export async function runOnKernel(
  lab: Lab,
  request: RunRequest,
  parts: RunParts & { readonly kernel: Kernel; readonly sure?: Promise<boolean> },
): Promise<RunResult> {
  const { kernel, interrupts, onEvent, batch, agentPath, sure } = parts
  const exec = execRequest(lab, request)
  const id = newId()
  const runDir = runDirectory(lab, id)
  const input = new InputRecord(runDir)
  await using output = new OutputRecord(runDir)
  await using presence = new Presence(lab, interrupts.stop)
  const terminal = recorded(parts.terminal, {
    input,
    output,
    isTyped: request.command.tty !== undefined,
  })
  let command: Promise<Command> | undefined
  const result = await liveOnce(
    lab,
    {
      ...{ id, vm: request.vm, kernel, judge: request.judge, asked: request },
      ...{ hostname: `klab-${id}`, stays: false, argv: exec.argv.map(String) },
      ...(batch && { batch }),
      ...(agentPath !== undefined && { agentPath }),
    },
    {
      ...{ onEvent, stop: presence.stop },
      ...(sure && { sure }),
      onEntering: (agent) => {
        const start = () => startCommand(agent, exec, terminal)
        // Right away where it may: it goes to the guest along with what that is asked for first.
        command = sure ? sure.then(unlessWrong(start)) : Promise.resolve(start())
      },
      live: async (living) => {
        presence.begin(living)
        const start = (agent: Agent) => startCommand(agent, exec, terminal)
        const ending = await commandEnding(living, await commandIn(living, { command, start }), {
          ...{ ...parts, terminal, stop: presence.stop },
        })
        await presence.settle()
        // What is done from now on is done for the user: his first Ctrl-C ends that.
        interrupts.onSignal(undefined)
        terminal.release?.()
        return ending
      },
      hold: (living) => presence.hold(living),
      input: () => (request.command.tty ? 'typed' : input.kept),
    },
  )
  presence.end(result.outcome)
  return result
}

/** A guess that was wrong has no command: its VM is being dropped. */
function unlessWrong<T>(start: () => T): (isRight: boolean) => Promise<T> {
  return (isRight) => (isRight ? Promise.resolve(start()) : new Promise<never>(() => undefined))
}

/** What goes through a terminal is kept: its input so that it can be done again, unless it is typed, and its output for later. */
function recorded(
  terminal: Terminal,
  { input, output, isTyped }: { input: InputRecord; output: OutputRecord; isTyped: boolean },
): Terminal {
  const { stdin, stdout, stderr } = terminal
  return {
    ...terminal,
    ...(stdin && !isTyped && { stdin: input.keep(stdin) }),
    stdout: (chunk) => {
      output.stdout(chunk)
      return stdout(chunk)
    },
    stderr: (chunk) => {
      output.stderr(chunk)
      return stderr(chunk)
    },
  }
}

/** The command, and the boot that it was asked for in. */
async function commandIn(
  { booted: { boots } }: Living,
  asked: { command: Promise<Command> | undefined; start: (agent: Agent) => Command },
): Promise<Command & { readonly boot: number }> {
  // What was asked for along with the root belongs to the first boot.
  if (asked.command) return { ...(await asked.command), boot: 1 }
  const agent = await boots.untilUp()
  return { ...asked.start(agent), boot: boots.number }
}

async function commandEnding(
  living: Living,
  { boot, ...command }: Command & { readonly boot: number },
  { terminal, interrupts, stop }: RunParts & { readonly stop: AbortSignal },
): Promise<Ending> {
  const { booted, reports, request } = living
  const { graceMs, onCrash, limits } = request.judge
  const { vm, boots, slowness } = booted
  await vm.reach('command', command.execution.started)
  const surroundings = {
    ...{ agent: boots, peer: peerOf(booted), slowness, isPaused: () => !boots.isUp },
    over: Promise.race<Ending>([
      endOfVm(booted),
      upAgain(living, boot),
      ...(onCrash === 'continue' ? [] : [reports.crashed.then((): Ending => ({ kind: 'report' }))]),
    ]),
    lastConsoleAt: () => vm.console.lastByteAt,
  }
  const ending = await followCommand(surroundings, command, {
    ...{ terminal, limits },
    interrupts: { ...interrupts, stop },
  })
  if (ending.kind !== 'command' && ending.kind !== 'up-again') return ending
  await waitForLateReports(vm, graceMs, reports)
  if (ending.kind !== 'command') return ending
  return await kept(living, { ending, surroundings, stop })
}

/** Settles when the guest has rebooted after the boot of a command and is up again: that is what the command was for, and its end. */
async function upAgain({ booted, onEvent }: Living, boot: number): Promise<Ending> {
  const { boots } = booted
  await boots.after(boot)
  try {
    await boots.untilUp()
  } catch {
    // It did not come up, which is told elsewhere (end-of-vm.ts).
    return await new Promise<never>(() => undefined)
  }
  if (boots.wasForced) return { kind: 'rebooted', way: 'forced' }
  onEvent({ kind: 'note', message: 'the guest is up again: the run ends with its reboot' })
  return { kind: 'up-again' }
}

/** The end of a command, when what it has written to rw shares is the host's; what keeps the guest from that, where something does. */
async function kept(
  living: Living,
  {
    ending,
    surroundings,
    stop,
  }: { readonly ending: Ending; readonly surroundings: Surroundings; readonly stop: AbortSignal },
): Promise<Ending> {
  const done = new AbortController()
  const writes = keepWrites(living)
  // It may have much to write: as long as it answers, or is at it, it is waited for.
  const patient = { ...surroundings, slowness: surroundings.slowness * WRITE_BACK_SLOWNESS }
  const late = whileItAnswers(patient, stop, done.signal).then((first): Ending =>
    first.kind === 'silence'
      ? { kind: 'broken', why: `${UNWRITTEN} for ${formatDuration(first.silentMs)}` }
      : first,
  )
  try {
    return await Promise.race([
      writes.then(() => ending),
      living.booted.vm.ended.then(() => ending),
      late,
    ])
  } finally {
    done.abort()
  }
}

/** An agent that writes back answers nobody until it is done. */
const WRITE_BACK_SLOWNESS = 4

const UNWRITTEN =
  'what the command has written to rw shares may be incomplete here: the guest was asked to write it back, and has not answered'

/** What the command has written to rw shares becomes the host's. */
async function keepWrites({ lab, booted, request }: Living): Promise<void> {
  const { boots, copiesShares } = booted
  const { agent } = boots
  const written = request.vm.shares.filter(({ mode }) => mode === 'rw')
  if (written.length === 0 || !agent) return
  if (!copiesShares) {
    await agent.sync().catch(() => undefined)
    return
  }
  const hosts = written.map(({ host }) => host)
  const parts = { paths: lab.paths, isHidden: hiddenBy(rulesOf(lab, hosts)) }
  for (const share of written) await copyShareBack(agent, share, parts)
}

function execRequest(lab: Lab, { vm, command }: RunRequest): ExecRequest {
  const user = findUser(command.user, lab.env)
  const { tty } = command
  return {
    argv: command.argv.length > 0 ? command.argv : [user.shell, ...(tty ? ['-i'] : [])],
    env: guestEnvironment(lab.env, user, [...lab.config.run.env, ...command.env]),
    cwd: vm.root.kind === 'host' ? (command.cwd ?? lab.cwd) : (command.cwd ?? '/'),
    user: user.ids,
    ...(tty && { tty }),
  }
}
