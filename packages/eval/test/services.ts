import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Whether all these programs are installed. */
export function installed(...programs: readonly string[]): boolean {
  try {
    for (const program of programs) execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A port that nobody listens to. */
const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until a condition holds; throws after so many seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 300): Promise<void> {
  for (const end = Date.now() + 1000 * seconds; Date.now() < end; await sleep(50)) if (await condition()) return;
  throw new Error(`not after ${seconds} seconds: ${what}`);
}

const end = (child: ChildProcess, signal: NodeJS.Signals) =>
  new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill(signal);
  });

/** A Redis of its own, that keeps what it was told when it is restarted. */
export async function startRedis(folder: string) {
  const port = await freePort();
  const start = async () => {
    const child = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--dir',
        folder,
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
      ],
      { stdio: 'ignore' },
    );
    const answers = () => {
      try {
        return execFileSync('redis-cli', ['-p', String(port), 'ping'], { encoding: 'utf8', stdio: 'pipe' }).startsWith(
          'PONG',
        );
      } catch {
        return false;
      }
    };
    await until('Redis answers', answers, 60);
    return child;
  };
  let child = await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    /** Killed, away for so long, and back with what it had written. */
    async restart(milliseconds: number) {
      await end(child, 'SIGKILL');
      await sleep(milliseconds);
      child = await start();
    },
    stop: () => end(child, 'SIGKILL'),
  };
}

/** A Slurm of one node, without authentication; `environment` is what its commands need. */
export async function startSlurm(folder: string) {
  for (const name of ['state', 'spool']) mkdirSync(join(folder, name), { recursive: true });
  const [control, node] = [await freePort(), await freePort()];
  const conf = join(folder, 'slurm.conf');
  writeFileSync(
    conf,
    `ClusterName=test
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
SlurmctldPort=${control}
SlurmdPort=${node}
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
NodeName=${hostname()} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  );
  const environment = { ...process.env, SLURM_CONF: conf };
  const daemon = (program: string) => spawn(program, ['-D'], { stdio: 'ignore', env: environment });
  const daemons = [daemon('slurmctld'), daemon('slurmd')];
  const idle = () => {
    try {
      return execFileSync('sinfo', ['--noheader', '--format=%T'], { encoding: 'utf8', env: environment }).includes(
        'idle',
      );
    } catch {
      return false;
    }
  };
  await until('a node of Slurm is idle', idle);
  return {
    environment,
    stop: async () => void (await Promise.all(daemons.map((child) => end(child, 'SIGKILL')))),
  };
}
