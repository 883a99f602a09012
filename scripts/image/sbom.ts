// What is in an image, from where and under which licence: SPDX 2.3 as JSON, for programs and people.
// Debian's packages by the lock, npm's by the bundle's own list of what went in.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../bundle.ts'
import { ADDONS, addonPackage } from './addons.ts'
import { type Bundled, bundledPackages } from './bundled.ts'
import { readLock } from './packages.ts'
import type { RootParts } from './root.ts'

/** Writes usr/share/wattle.spdx.json. */
export function writeManifest(root: string, { board, release }: RootParts): void {
  const epoch = Number(release['epoch'])
  const debian = readLock(board)
    .filter((p) => Object.hasOwn(board.packages, p.name))
    .map((p) => ({
      SPDXID: `SPDXRef-deb-${id(p.name)}`,
      name: p.name,
      versionInfo: p.version,
      downloadLocation: 'NOASSERTION',
      checksums: [{ algorithm: 'SHA256', checksumValue: p.sha256 }],
      licenseConcluded: 'NOASSERTION',
      comment: `licence text: /usr/share/licenses/${p.name}`,
      externalRefs: [
        purl(`pkg:deb/debian/${p.name}@${encodeURIComponent(p.version)}?arch=${board.debian.arch}`),
      ],
    }))
  const npm = [...bundledPackages('firmware'), ...ADDONS.map(addonPackage)].map((p: Bundled) => ({
    SPDXID: `SPDXRef-npm-${id(p.name)}`,
    name: p.name,
    versionInfo: p.version,
    downloadLocation: 'NOASSERTION',
    licenseConcluded: p.licence,
    externalRefs: [purl(`pkg:npm/${p.name.replace('@', '%40')}@${p.version}`)],
  }))
  const own = {
    SPDXID: 'SPDXRef-wattle',
    name: 'wattle',
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    licenseConcluded: 'Apache-2.0',
  }
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `wattle-${board.board}-${version}`,
    documentNamespace: `https://spdx.org/spdxdocs/wattle-${board.board}-${version}-${epoch}`,
    creationInfo: {
      created: new Date(epoch * 1_000).toISOString().replace('.000', ''),
      creators: ['Tool: make image'],
    },
    packages: [own, ...npm, ...debian],
  }
  writeFileSync(join(root, 'usr/share/wattle.spdx.json'), `${JSON.stringify(document, null, 1)}\n`)
}

const id = (name: string): string => name.replace(/[^A-Za-z0-9.]+/g, '-')
const purl = (locator: string): Record<string, string> => ({
  referenceCategory: 'PACKAGE-MANAGER',
  referenceType: 'purl',
  referenceLocator: locator,
})
