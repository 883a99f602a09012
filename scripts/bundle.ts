// The esbuild options that every bundle of ours shares.
import type { BuildOptions } from 'esbuild'

export const bundleOptions: BuildOptions = {
  bundle: true,
  platform: 'node',
  legalComments: 'none',
  // Optional peer dependencies: loaded where installed, never needed.
  external: ['serialport', 'onoff'],
}
