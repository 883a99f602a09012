// What a device thinks of others over real streams: its owner sees it with reasons, vouches, forgives; a
// provider hears only what concerns itself; a restart keeps it, a deletion does not.
import t from 'tap'
import { base64url } from '../../src/base/bytes.ts'
import { encodeAct, encodeBare, encodeStatement, PEERS, type PeerOpinion } from '../../src/wire/net/peers.ts'
import { House } from './house.ts'

function ask(house: House, message: Uint8Array): { error: string | null; peers: PeerOpinion[] } {
  let answer: { error: string | null; peers: PeerOpinion[] } | null = null
  house.home!.askPeers(house.owned(), message, (error, peers) => {
    answer = { error: error?.code ?? null, peers }
  })
  house.until(() => answer !== null)
  return answer!
}

t.test('opinions, asked for by the owner', async (t) => {
  const house = new House(7)
  house.startDevice()
  house.startHome()
  house.machine('device').button.press()
  house.world.runFor(500)
  t.equal(house.claim(), 'ok')
  house.until(() => house.homeGot.length > 3)
  const device = house.owned().device.key
  const own = base64url(house.home!.key)

  const first = ask(house, encodeBare(PEERS.askPeers))
  t.equal(first.error, null)
  const ofHome = first.peers.find((p) => base64url(p.key) === own)
  t.same(ofHome?.reasons, [{ what: 'answers', points: ofHome?.score }])
  t.ok(ofHome!.score > 0, 'home connected')

  const vouch = house.home!.vouchFor(house.owned(), 'installed-by', 86_400_000)
  t.equal(ask(house, encodeStatement(PEERS.vouch, vouch)).error, null)
  t.equal(ask(house, encodeAct(PEERS.show, house.home!.key)).error, null)
  t.equal(ask(house, encodeAct(PEERS.show, device)).error, 'unknown', 'nobody with that key vouched')
  t.equal(ask(house, Uint8Array.of(99)).error, 'no-answer', 'a message that is none ends the stream')

  t.equal(ask(house, encodeAct(PEERS.forgive, house.home!.key)).error, null)
  t.notOk(ask(house, encodeBare(PEERS.askPeers)).peers.some((p) => base64url(p.key) === own))
})
