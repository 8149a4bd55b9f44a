import { stringify } from 'yaml';
import { PeftError } from '@tfjs-peft/peft-core';
import { shellWord } from './shell-word.js';

/** An Indexed Job of Kubernetes. */
export interface KubernetesOptions {
  /** Absolute path of the sweep, in the pods as here. */
  readonly folder: string;
  /** Its jobs are labelled with it, and their names begin with it. */
  readonly name: string;
  readonly tasks: number;
  /** Pods that may run at a time; all if absent. */
  readonly atOnce?: number;
  /** Of the container: Node and the command `tfjs-peft`. */
  readonly image: string;
  /** Name of the PersistentVolumeClaim that holds the folder. */
  readonly claim: string;
  /** Where the claim is mounted: a folder above the sweep. */
  readonly mount: string;
  readonly workerArguments?: readonly string[];
}

/**
 * The manifest, for `kubectl create`: one index a share of the trials. An index whose pod fails is tried twice more and goes on from its checkpoints; others are not held up
 * by it. Needs Kubernetes 1.29 or later (`backoffLimitPerIndex`). Errors: `MOUNT_INVALID`.
 */
export function kubernetesJob(options: KubernetesOptions): string {
  const { folder, name, tasks, atOnce = tasks, image, claim, mount, workerArguments = [] } = options;
  const above = mount.replace(/\/+$/, '');
  if (!mount.startsWith('/') || !`${folder}/`.startsWith(`${above}/`))
    throw new PeftError('MOUNT_INVALID', {
      found: `"${mount}" as the place of the volume`,
      expected: `an absolute path that "${folder}" lies below`,
      fix: 'pods see the sweep, its data and its hosts under the paths that it was planned with',
    });
  const worker = ['tfjs-peft', 'sweep', 'worker', folder, ...workerArguments].map(shellWord).join(' ');
  return stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    // A job that ended keeps its name: the next one of the same sweep needs another.
    metadata: { generateName: `${name}-`, labels: { 'app.kubernetes.io/instance': name } },
    spec: {
      completionMode: 'Indexed',
      completions: tasks,
      parallelism: Math.min(atOnce, tasks),
      backoffLimitPerIndex: 2,
      maxFailedIndexes: tasks,
      template: {
        spec: {
          restartPolicy: 'Never',
          // Time to finish a step and save.
          terminationGracePeriodSeconds: 60,
          containers: [
            {
              name: 'worker',
              image,
              // Kubernetes sets the variable in every pod of an Indexed Job.
              command: ['sh', '-c', `exec ${worker} --shard "$JOB_COMPLETION_INDEX/${tasks}"`],
              volumeMounts: [{ name: 'sweep', mountPath: above === '' ? '/' : above }],
            },
          ],
          volumes: [{ name: 'sweep', persistentVolumeClaim: { claimName: claim } }],
        },
      },
    },
  });
}
