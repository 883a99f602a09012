// A household over the years: 2 of 3 owners, one phone lost, one stolen, the paper key used by a thief and
// by its owner, the device sold. What everybody saw, and the owner log with who signed what, are compared
// with what is stored beside this file.
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import {
  adding,
  agreeing,
  handingOver,
  recoveringBy,
  removing,
  replacing,
} from '../../src/ownership/owners/edits.ts'
import { freshPaper, paperDigest, paperKey } from '../../src/ownership/owners/paper.ts'
import { Family } from './family.ts'

const STORED = 'test/scenario/008-owners.log'
const HOUR = 3_600_000
/** What a person would tell of it. */
const TOLD = ['claimed', 'owners', 'recovery', 'policy', 'revoked', 'log', 'gone', 'deleted']

t.test('2 of 3, loss, replacement, paper, transfer', async (t) => {
  const family = new Family(71, 300_000)
  const { house } = family
  const random = (into: Uint8Array): void => house.world.chance.fill(into)
  house.startDevice()
  for (const name of ['anna', 'bram', 'cleo', 'dirk']) family.start(name)
  t.equal(family.claim('anna'), 'ok')
  const say = (text: string): void => house.report('story', text)

  say('anna adds bram: her key alone is not enough, somebody has to be at the device')
  const early = family.edit('anna', adding(family.card('bram')))
  // The press of the claim counts for its window; it is over here.
  t.equal(early.devices[0]?.state, 'done', 'the press of the claim counts for its window')
  house.world.runFor(61_000)
  t.equal(family.join('bram'), 'ok')
  t.equal(family.edit('anna', adding(family.card('cleo'))).devices[0]?.state, 'done', 'two owners: no press')
  t.equal(family.join('cleo'), 'ok')
  say('two of the three have to agree from now on')
  t.equal(family.edit('anna', agreeing(2)).devices[0]?.state, 'done')
  house.world.runFor(1_000)

  say('cleo alone cannot change anything')
  const alone = family.edit('cleo', removing(family.home('anna').key))
  t.same([alone.code, alone.devices[0]?.state], ['ok', 'needs-signatures'])
  t.equal(family.owned('cleo').device.log.owners.length, 3)

  say('a paper key, by anna and bram')
  const paper = freshPaper(random)
  family.knowPaper('paper', paper)
  const wanted = family.edit('anna', recoveringBy(paperDigest(paperKey(paper)!)))
  t.equal(wanted.devices[0]?.state, 'needs-signatures')
  t.same(family.home('bram').owning.describe(wanted.change!)[0]?.does, ['another paper key'])
  t.equal(family.sign('bram', wanted.change!).devices[0]?.state, 'done')
  house.world.runFor(1_000)

  say('cleo loses her phone; dirk takes her place')
  house.machine('cleo').kill()
  const replaced = family.edit('bram', replacing(family.home('cleo').key, family.card('dirk')))
  t.equal(family.sign('anna', replaced.change!).devices[0]?.state, 'done')
  t.equal(family.join('dirk'), 'ok')
  house.world.runFor(900_000)

  say('who found the phone: no key, no log, no telegram')
  family.got.delete('cleo')
  family.start('cleo')
  house.world.runFor(900_000)
  t.equal(family.got.get('cleo') ?? 0, 0)
  t.equal(family.join('cleo'), 'refused', 'a former owner is not told the log')
  t.ok((family.got.get('anna') ?? 0) > 3, 'the others read on')
  house.machine('cleo').kill()

  say('a thief finds the paper; anna and dirk see it and cancel')
  const thiefPaper = freshPaper(random)
  family.start('finn')
  t.equal(family.recover('finn', paper, thiefPaper), 'ok')
  house.world.runFor(1_000)
  t.ok(family.owned('dirk').device.log.heirs, 'every owner sees it')
  t.equal(family.finish('finn'), 'refused-too-early')
  const cancel = family.ask((done) => family.home('anna').owning.cancelRecovery([family.owned('anna')], done))
  t.equal(cancel.devices[0]?.state, 'needs-signatures', 'one key does not cancel')
  t.equal(family.sign('dirk', cancel.change!).devices[0]?.state, 'done')
  t.equal(family.finish('finn'), 'refused-malformed', 'cancelled: nothing to finish')

  say('a new paper, and then everything else burns')
  const second = freshPaper(random)
  family.knowPaper('second paper', second)
  const renew = family.edit('dirk', recoveringBy(paperDigest(paperKey(second)!)))
  t.equal(family.sign('anna', renew.change!).devices[0]?.state, 'done')
  house.world.runFor(1_000)
  for (const name of ['anna', 'bram', 'dirk', 'finn']) house.machine(name).kill()
  family.start('emma')
  const third = freshPaper(random)
  t.equal(family.recover('emma', paper, third), 'refused-malformed', 'the old paper is used up')
  t.equal(family.recover('emma', second, third), 'ok')
  house.machine('emma').kill()
  house.world.runFor(71 * HOUR)
  family.start('emma')
  t.equal(family.finish('emma'), 'refused-too-early')
  house.machine('device').cutPower()
  house.machine('emma').kill()
  house.world.runFor(10 * HOUR)
  family.start('emma')
  house.startDevice()
  t.equal(family.finish('emma'), 'refused-too-early', 'hours without power do not count')
  house.world.runFor(3 * HOUR)
  t.equal(family.finish('emma'), 'ok')
  house.until(() => (family.got.get('emma') ?? 0) > 2, 2_000_000)
  t.same(
    family.owned('emma').device.log.owners.map((o) => base64url(o.sign)),
    [base64url(family.home('emma').key)],
  )

  say('emma sells the device to finn')
  family.start('finn')
  house.startProvider('solar')
  let grant = ''
  const { card } = house.providers.get('solar')!
  const until = Math.floor(house.world.wallAtStart + house.world.now()) + 24 * HOUR
  family.home('emma').grant(family.owned('emma'), card, { class: 0, until, purpose: '' }, (error) => {
    grant = error?.code ?? 'ok'
  })
  house.until(() => grant !== '' && house.providerGot.get('solar')!.length > 0, 2_000_000)
  const sold = family.edit('emma', handingOver(family.card('finn')))
  t.equal(sold.devices[0]?.state, 'waiting')
  t.match(sold.devices[0]?.text, /hold the button/)
  family.hold()
  const again = family.ask((done) => family.home('emma').owning.apply([family.owned('emma')], done))
  t.equal(again.devices[0]?.state, 'done', again.devices[0]?.text ?? '')
  t.equal(family.join('finn'), 'ok')
  house.world.runFor(600_000)
  t.equal(family.home('emma').owned.length, 0, 'emma has it no more')
  const [emmas, solars] = [family.got.get('emma'), house.providerGot.get('solar')!.length]
  house.world.runFor(3_000_000)
  t.same([family.got.get('emma'), house.providerGot.get('solar')!.length], [emmas, solars], 'nor reads it')
  t.ok((family.got.get('finn') ?? 0) >= 6, 'finn does')
  t.same(family.owned('finn').device.log.readers, [], "emma's consents went with her")

  const story = house.log
    .filter((l) => l.who === 'story' || TOLD.includes(l.event))
    .map(({ who, event, ...detail }) =>
      who === 'story'
        ? `\n# ${event}`
        : [who, event, detail['what'], detail['kind'], detail['m'], detail['owners']]
            .filter((word) => word !== undefined)
            .join(' '),
    )
  // Who of several homes hears of an event first is no part of the story.
  const heard = (line: string | undefined): boolean => line?.includes(' log ') === true
  for (let i = 0; i < story.length; i++) {
    let end = i
    while (heard(story[end])) end++
    if (end > i) story.splice(i, end - i, ...story.slice(i, end).sort())
    i = Math.max(i, end - 1)
  }
  const text = `${story.join('\n')}\n\n# the owner log\n${family.log('finn').join('\n')}\n`
  if (process.env['WATTLE_WRITE']) writeFileSync(STORED, text)
  t.equal(text, readFileSync(STORED, 'utf8'))
})
