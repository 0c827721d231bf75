import { carryObstacle } from '../../vm/index.ts'
import type { Scene } from './scene.ts'

/** What decides it. */
export interface CloneQuestion {
  readonly lab: {
    readonly config: { readonly run: Pick<Scene['lab']['config']['run'], 'templates'> }
  }
  readonly request: Pick<Scene['request'], 'vm' | 'agentPath'>
  readonly decision: { readonly plan: Pick<Scene['decision']['plan'], 'transport'> } & Pick<
    Scene['decision'],
    'display' | 'machine'
  >
  readonly view: { readonly mounts: readonly unknown[] }
}

/** Why a VM is booted and not cloned from a template: empty when that is as the user wants it; undefined when it can be cloned. */
export function cloneObstacle({ lab, request, decision, view }: CloneQuestion): string | undefined {
  const { vm } = request
  if (vm.start !== 'clone' || request.agentPath !== undefined || !lab.config.run.templates)
    return ''
  if (decision.plan.transport === 'virtiofs' && view.mounts.length > 0)
    return vm.transport === 'virtiofs'
      ? 'a virtiofs device cannot be carried over'
      : 'its kernel has no 9p, and a virtiofs device cannot be carried over'
  if (decision.display) return 'a display cannot be carried over'
  if (vm.networks.some(({ kind }) => kind === 'bridge')) return 'its card depends on the bridge'
  return carryObstacle(decision.machine, 'template')
}
