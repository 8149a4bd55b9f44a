// Compares the WebGPU backend with HF transformers' goldens and with wasm: finds or installs what Node needs for WebGPU, outside the
// repository, and runs compare-backend.ts with it.
// Usage: node --conditions=@tfjs-peft/source --import tsx tools/parity/check-webgpu.ts [--gpu]
// Exit code: 0 all within tolerance, 1 not, 2 no WebGPU on this machine.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = ['webgpu@0.6.2', '@tensorflow/tfjs-backend-webgpu@4.22.0'];
const chromium = '/usr/lib/chromium';
const swiftShader = join(chromium, 'vk_swiftshader_icd.json');

/** Folder whose `node_modules` has the two packages, with the TensorFlow.js of this repository: a second copy would have no backends. */
function installOnce(): string {
  const folder = join(tmpdir(), `tfjs-peft-${packages[0]!.replace('@', '-')}`);
  const modules = join(folder, 'node_modules');
  if (existsSync(join(modules, '.package-lock.json'))) return folder;
  mkdirSync(folder, { recursive: true });
  console.error(`installing ${packages.join(' and ')} in ${folder}`);
  // The binaries are part of the package: no install script has to run.
  const flags = ['--prefix', folder, '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', ['install', ...flags, ...packages], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`npm could not install ${packages.join(' and ')}`);
  return folder;
}

function shareTensorflow(folder: string): void {
  const require = createRequire(import.meta.url);
  for (const name of ['tfjs-core', 'tfjs-backend-cpu']) {
    const link = join(folder, 'node_modules', '@tensorflow', name);
    rmSync(link, { recursive: true, force: true });
    symlinkSync(dirname(require.resolve(`@tensorflow/${name}/package.json`)), link, 'dir');
  }
}

/** Chromium's software renderer and Vulkan loader, unless the user names a driver or asks for the machine's own. */
function vulkanSettings(): Record<string, string> {
  if (process.argv.includes('--gpu') || process.env['VK_ICD_FILENAMES'] || !existsSync(swiftShader)) return {};
  const libraries = [chromium, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':');
  return { VK_ICD_FILENAMES: swiftShader, LD_LIBRARY_PATH: libraries };
}

const folder = installOnce();
shareTensorflow(folder);
const script = fileURLToPath(new URL('compare-backend.ts', import.meta.url));
const { status, signal } = spawnSync(process.execPath, [...process.execArgv, script, 'webgpu', folder], {
  stdio: 'inherit',
  env: { ...process.env, ...vulkanSettings() },
});
if (signal) console.error(`the comparison ended by ${signal}`);
process.exit(status ?? 1);
