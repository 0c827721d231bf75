import type { Socket } from 'node:net'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Deadline, decodeJson, messageOf } from '../../base/index.ts'
import { relay } from '../../guest/index.ts'
import { serve } from '../../host/index.ts'
import type { Booted } from '../boot/booted.ts'
import { waitForLateReports } from '../life/late-reports.ts'
import type { ReportLog } from '../outcome/report-log.ts'
import { isControlRequest } from './control-request.ts'
import {
  BEAT,
  firstLine,
  type ControlAnswer,
  type ControlRequest,
  type Farewell,
} from './control.ts'

interface Kept {
  readonly booted: Booted
  readonly reports: ReportLog
  readonly onState: (state: 'running' | 'paused') => void
  /** Settles when the end is recorded. */
  readonly farewell: Promise<Farewell>
  /** Begins the end of the VM. */
  readonly stop: (force: boolean) => void
}

/** Whoever waits for an answer is told that it is being worked for. */
const BEAT_EVERY_MS = 1_000

/** A request is short. */
const MAX_REQUEST = 1024 * 1024

/** Answers whoever asks a VM's keeper, until disposed of. */
export async function serveControl(path: string, kept: Kept): Promise<AsyncDisposable> {
  // Also when somebody else's monitor command does it.
  kept.booted.vm.qmp.on('event', ({ event }) => {
    if (event === 'STOP') kept.onState('paused')
    if (event === 'RESUME') kept.onState('running')
  })
  return await serve(path, (socket) => void answer(socket, kept))
}

async function answer(socket: Socket, kept: Kept): Promise<void> {
  const line = await firstLine(socket, MAX_REQUEST)
  if (line === undefined) {
    socket.destroy()
    return
  }
  const beat = setInterval(() => socket.write(BEAT), BEAT_EVERY_MS)
  socket.once('close', () => clearInterval(beat))
  const reply = (text: ControlAnswer) => {
    clearInterval(beat)
    socket.write(`${JSON.stringify(text)}\n`)
  }
  try {
    const request = decodeJson(line, { what: 'the request', check: isControlRequest })
    if (request.do === 'agent') {
      const agent = await kept.booted.boots.untilUp()
      reply({ value: kept.booted.boots.number })
      relay(agent, socket)
      return
    }
    if (isLasting(request)) {
      reply({ value: null })
      goOn(request, kept, socket)
      return
    }
    reply({ value: (await carryOut(request, kept)) ?? null })
  } catch (error) {
    reply({ error: messageOf(error) })
  }
  socket.end()
}

type Lasting = Extract<ControlRequest, { do: 'reboot' | 'console' | 'stop' | 'wait' }>
type Plain = Exclude<ControlRequest, Lasting | { do: 'agent' }>

const LASTING: readonly ControlRequest['do'][] = ['reboot', 'console', 'stop', 'wait']

/** Whether the connection stays, with these two until the VM is gone. */
function isLasting(request: ControlRequest): request is Lasting {
  return LASTING.includes(request.do)
}

function goOn(request: Lasting, { booted, stop, farewell }: Kept, socket: Socket): void {
  switch (request.do) {
    case 'reboot':
      void booted.boots.after(request.after).then((way) => socket.end(`${way}\n`))
      return
    case 'console':
      attachConsole(booted, socket)
      return
    case 'stop': {
      const beat = setInterval(() => socket.write(BEAT), BEAT_EVERY_MS)
      socket.once('close', () => clearInterval(beat))
      stop(request.force)
      return
    }
    case 'wait':
      void farewell.then((last) => socket.write(`${JSON.stringify(last)}\n`))
  }
}

async function carryOut(request: Plain, { booted, reports }: Kept): Promise<unknown> {
  const { vm } = booted
  switch (request.do) {
    case 'status':
      return { ...(await howItIs(booted)), reports: reports.all.map(({ title }) => title) }
    case 'reports':
      await waitForLateReports(vm, request.graceMs, reports)
      reports.settle()
      return reports.counted.slice(request.from)
    case 'qmp':
      return await vm.qmp.execute(request.command, request.args)
    case 'monitor':
      return await vm.qmp.execute('human-monitor-command', { 'command-line': request.line })
    case 'pause':
      return await vm.qmp.execute('stop')
    case 'resume':
      return await vm.qmp.execute('cont')
    case 'freeze':
      return await snapshot(booted, request.dir)
    case 'gdb':
      return await vm.openGdb()
    case 'dump':
      return await vm.dump(request.path, request.format)
  }
}

/** Writes what a snapshot is made of, and lets the VM go on as before. */
async function snapshot({ vm, layout }: Booted, dir: string): Promise<Booted['layout']> {
  const { status } = (await vm.qmp.execute('query-status')) as { status: string }
  const resume = async () => {
    if (status === 'running') await vm.qmp.execute('cont')
  }
  try {
    await vm.freeze(join(dir, 'state'))
    await copyFile(vm.console.path, join(dir, 'console.log'))
  } catch (error) {
    // A QEMU that has ended cannot go on, and why it could not be frozen is to be told.
    await resume().catch(() => undefined)
    throw error
  }
  await resume()
  return layout
}

/** How long `status` waits for the guest. */
const AGENT_PATIENCE_MS = 1_000

/** Whether QEMU and the guest answer, and why not. */
async function howItIs({
  vm,
  boots,
}: Booted): Promise<{ qemu: string; agent: boolean; why?: string }> {
  try {
    const { status } = (await vm.qmp.execute('query-status')) as { status: string }
    using deadline = new Deadline(AGENT_PATIENCE_MS)
    const answers = boots.ping().then(
      () => true,
      () => false,
    )
    const agent = (await Promise.race([answers, deadline.passed])) === true
    return { qemu: status, agent }
  } catch (error) {
    return { qemu: 'silent', agent: false, why: messageOf(error) }
  }
}

function attachConsole({ vm }: Booted, socket: Socket): void {
  const detach = vm.console.attachPeer(socket)
  socket.once('close', detach)
  socket.on('error', () => undefined)
}
