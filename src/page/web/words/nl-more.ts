// Nederlands: verzoeken van aanbieders, en de pagina van een aanbieder zelf.

import type { MoreWords } from './table.ts'

export const more: MoreWords = {
  ask: {
    title: (name) => `${name} vraagt of het je meter mag lezen`,
    who: 'Wie vraagt',
    wants: 'Vraagt om',
    purpose: 'Waarvoor',
    keeps: 'Bewaart het',
    keepsFor: (days) => (days === 1 ? 'een dag' : `${days} dagen`),
    until: 'Tot',
    device: 'Welk apparaat',
    narrow: 'Je mag minder geven dan is gevraagd, en voor kortere tijd.',
    grant: 'Laat lezen',
    refuse: 'Weigeren',
    granted: (name) => `${name} leest vanaf het volgende telegram. Onder Delen kun je altijd stoppen.`,
    refused: (name) => `${name} is niet binnengelaten.`,
    backTo: (host) => `Je kunt nu terug naar ${host}. Die hoort je antwoord, en nooit een sleutel.`,
    backUnverified: (host) =>
      `Het verzoek wil dat je doorgaat naar ${host}. Niemand heeft gecontroleerd of dat de eigen plek van de aanbieder is.`,
    goBack: 'Ga erheen',
    noBack: 'Je kunt deze pagina sluiten.',
    unverifiedWhy: (domain) =>
      `Het zegt ${domain} te zijn. Dat was van hieruit niet te controleren: vergelijk met waar je deze link vandaan hebt.`,
    verifiedWhy: (domain) => `${domain} bevestigt dat deze sleutel de zijne is.`,
    noDevice: 'Hier is nog geen apparaat van jou. Eis het eerst op en open de link dan opnieuw.',
    bad: 'Dit verzoek kan niet worden getoond',
    badWhy: {
      shape: 'Het is geen leesverzoek, of het is beschadigd. Vraag de aanbieder om een nieuwe link.',
      signature: 'De handtekening klopt niet: iemand heeft het veranderd. Er wordt niets van getoond.',
      old: 'De tijd is voorbij. Vraag de aanbieder om een nieuwe link.',
      redirect: 'Het wil je naar een plek sturen die geen gewoon https-adres is. Er wordt niets van getoond.',
    },
  },
  provider: {
    states: { waiting: 'Wacht op toegang', open: 'Toegang open', closed: 'Toegang voorbij' },
    statesWhy: {
      waiting: 'De eigenaar heeft deze aanbieder niet binnengelaten.',
      open: 'Elk frame dat binnenkomt kan worden geopend.',
      closed: 'Er kunnen nog frames komen. Geen ervan kan nog worden geopend.',
    },
    none: 'Geen toegang',
    noneWhy: 'Nog geen eigenaar heeft deze aanbieder binnengelaten. Er is niets te lezen.',
    opened: 'Geopend',
    sealed: 'Nog verzegeld',
    last: 'Laatste waarde',
    framesAre: (opened, sealed) =>
      `Van de laatste frames zijn er ${opened} geopend en ${sealed} verzegeld gebleven.`,
    frameOpened: (index) => `Frame ${index} geopend`,
    frameSealed: (index) => `Frame ${index} ontvangen, niet te openen`,
    noGaps: 'Er ontbreekt geen frame.',
    gaps: (n) => (n === 1 ? 'Eén gat in de frames' : `${n} gaten in de frames`),
    gap: (from, to, when) => `Van ${from} tot ${to}, gemerkt om ${when}`,
    never: 'nog geen',
  },
  help: {
    buttonDoes: [
      'Kort drukken, zolang niemand de eigenaar is: het venster om het op te eisen gaat 60 seconden open.',
      'Kort drukken, als het een eigenaar heeft: het knippert, zodat je weet welk apparaat het is.',
      '10 seconden ingedrukt tot beide lampjes branden; dan loslaten en binnen 5 seconden nog eens drukken: sleutels en eigenaar worden gewist.',
    ],
    secondSteps: [
      'Bewaar hier de sleutel en breng het bestand naar de andere telefoon.',
      'Open daar hetzelfde adres: de naam of het nummer in de adresbalk.',
      'Kies “Ik heb de sleutel” en geef het bestand en de wachtzin.',
    ],
    safetyIs: [
      'Niemand onderweg leest je waarden: ze verlaten het apparaat verzegeld en gaan pas in deze telefoon open.',
      'De code op het label is niet te raden uit wat iemand afluisterde, en niemand eist het apparaat op zonder op de knop te drukken.',
      'Niet tegen iemand die al in je netwerk zit en verandert wat erdoorheen gaat: deze pagina komt via gewone HTTP en kan onderweg worden vervangen. Waar dat telt: eis het op met “wattle home” op een computer.',
      'Niet tegen wie deze telefoon ontgrendeld in zijn hand heeft. 10 seconden drukken op het apparaat sluit elke telefoon buiten.',
      'Browsers wissen soms wat een pagina heeft bewaard, sommige al na een week zonder bezoek. Bewaar de sleutel.',
    ],
  },
}
