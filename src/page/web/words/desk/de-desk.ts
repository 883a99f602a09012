// German: what only the page of a home on a computer has.

import type { DeskWords } from './table.ts'

export const desk: DeskWords = {
  locked: {
    title: 'Diese Seite braucht ihren Schlüssel',
    why: 'Auf diesem Computer können auch andere ein Konto haben. Darum öffnet sich Mein Haus nur mit einem Link, den es Ihnen selbst nennt.',
    how: 'Führen Sie „wattle home link“ aus und öffnen Sie, was dort steht. Dieser Browser merkt es sich.',
  },
  history: {
    title: 'Verlauf',
    span: 'Wie lange',
    what: 'Was',
    views: { day: 'Tag', week: 'Woche', month: 'Monat', year: 'Jahr' },
    measures: { power: 'Strom', gas: 'Gas', water: 'Wasser' },
    before: 'Früher',
    after: 'Später',
    week: (from, to) => `${from} bis ${to}`,
    compare: 'Vergleichen mit',
    compares: { none: 'nichts', before: 'dem Zeitraum davor', year: 'einem Jahr davor' },
    sums: (taken, given) => `${taken} bezogen, ${given} eingespeist`,
    differs: (then, percent) =>
      percent === null
        ? `Damals: ${then}.`
        : percent === 0
          ? `So viel wie im gleichen Teil damals: ${then}.`
          : `${Math.abs(percent)} % ${percent > 0 ? 'mehr' : 'weniger'} als im gleichen Teil damals: ${then}.`,
    noOther: 'Von damals ist nichts bekannt.',
    peak: (power) => `Höchster Mittelwert einer Minute: ${power}.`,
    gap: 'Nicht alles wurde gemessen: es gibt Lücken.',
    at: (step, value) => `${step}: ${value}`,
    chart: (period, known, all) =>
      `Balken für ${period}: ${known} von ${all} Abschnitten wurden gemessen. Die Zahlen stehen in der Tabelle darunter.`,
    empty: 'In dieser Zeit wurde nichts gemessen.',
    nothing:
      'Es ist noch nichts aufgehoben. Die ersten Minuten erscheinen binnen einer Minute nach dem ersten Telegramm.',
    table: 'Als Tabelle',
    columns: {
      when: 'Wann',
      taken: 'Bezogen',
      given: 'Eingespeist',
      gas: 'Gas',
      water: 'Wasser',
      peak: 'Spitze',
      gap: '(zum Teil)',
    },
    csv: 'Als CSV speichern',
    csvMinutes: 'Jede Minute als CSV',
    fetching: 'Wird geholt …',
    notFetched: 'Ließ sich nicht holen',
  },
  proof: {
    title: 'Wer was lesen konnte',
    why: 'Berechnet aus den Schlüsseln, die das Gerät ausgegeben hat. Es unterschreibt jeden dieser Einträge, und keiner kann fehlen, ohne dass es auffällt.',
    nobody: 'Außer Ihnen wurde nie jemand eingelassen.',
    states: {
      waiting: 'vereinbart; noch kein Schlüssel ausgegeben',
      open: 'liest jetzt',
      paused: 'ruht',
      ended: 'beendet',
    },
    ends: {
      revoked: 'von Ihnen beendet',
      expired: 'die Zeit war um',
      deleted: 'das Gerät wurde abgegeben',
      paused: 'von Ihnen ausgesetzt',
    },
    frames: (from, fromWhen, to, toWhen) =>
      to === null
        ? `Frames von ${from} (${fromWhen}) bis jetzt`
        : `Frames von ${from} (${fromWhen}) bis vor ${to} (${toWhen})`,
    noKey: 'Es wurde kein Schlüssel ausgegeben: nichts ist lesbar.',
    delivered: (place, when) => `Zuletzt gesendet: Frame ${place} (${when})`,
    differs: 'Das Gerät sagt etwas anderes als seine Einträge.',
    save: 'Unterschriebenen Beleg speichern',
  },
  owners: {
    title: 'Eigentümer',
    threshold: (m, n) =>
      n === 1
        ? 'Sie entscheiden allein.'
        : m === 1
          ? 'Jeder von ihnen darf allein entscheiden.'
          : `${m} von ${n} müssen einer Änderung der Eigentümer zustimmen.`,
    recovery: 'Es gibt einen Schlüssel auf Papier für den Tag, an dem alle Schlüssel weg sind.',
    own: 'dieses Haus',
    remove: 'Entfernen',
    removeTitle: (name) => `${name} als Eigentümer entfernen?`,
    removeNote:
      'Von da an öffnet dieser Schlüssel nichts mehr und entscheidet hier nichts mehr. Tun Sie das, wenn ein Computer oder Telefon verloren oder gestohlen ist.',
    add: 'Eigentümer hinzufügen',
    addTitle: 'Einen Eigentümer hinzufügen',
    addNote:
      'Fügen Sie die Karte des anderen Eigentümers ein: eine Zeile, die mit „wattle-owner:“ beginnt. Dort zeigt „Karte dieses Hauses“ sie an.',
    card: 'Karte',
    ownCard: 'Karte dieses Hauses',
    ownCardNote:
      'Geben Sie diese Zeile dem, der Sie als Eigentümer aufnehmen soll. Sie enthält kein Geheimnis.',
    invite: 'Einladung zu diesem Gerät',
    inviteNote:
      'Geben Sie dem neuen Eigentümer nach dem Hinzufügen diese Zeile: damit findet sein Haus das Gerät.',
    join: 'Bei einem Gerät mitmachen',
    joinNote: 'Fügen Sie die Einladung des Eigentümers ein, der Sie aufgenommen hat.',
    invitation: 'Einladung',
    joined: (name) => `${name} gehört jetzt auch Ihnen.`,
    others:
      'Auch andere Eigentümer müssen das unterschreiben. Geben Sie ihnen diese Zeile; sie führen „wattle home owners sign“ aus.',
    waiting: 'Eine Änderung ist noch auf dem Weg zum Gerät.',
    close: 'Schließen',
  },
  policy: {
    title: 'Regeln',
    why: 'Was für jede Freigabe und jeden Nachbarn dieses Geräts gilt. Was sie lockert, braucht dieselben Eigentümer wie eine Änderung der Eigentümer.',
    factory: 'Wie geliefert: nichts wurde geändert.',
    change: 'Eine Regel ändern',
    member: 'Regel',
    value: 'Neuer Wert',
    valueNote:
      'true oder false, eine Zahl, ein Wort oder Wörter mit Kommas dazwischen. Was jeweils gilt, steht in docs/wire/owners.md.',
    all: 'Alle Regeln',
  },
  files: {
    title: 'Kopien und Updates',
    why: 'Eine Datei enthält alles, was ein Eigentümer nicht verlieren darf: Schlüssel, Protokolle, Freigaben und Verlauf.',
    backup: 'Kopie speichern',
    backupNote: (chars) =>
      `Die Datei wird mit einem Kennsatz von mindestens ${chars} Zeichen versiegelt. Ohne ihn kann niemand sie öffnen, auch Sie nicht.`,
    backedUp: 'Die Kopie wurde gespeichert.',
    restore: 'Eine Kopie zurückholen',
    restoreNote:
      'Geräte, Freigaben und Verlauf der Kopie kommen in dieses Haus. Wurde der alte Computer gestohlen, entfernen Sie danach seinen Schlüssel.',
    restored: 'Die Kopie ist wieder da. Mein Haus beginnt neu.',
    update: 'Gerät aktualisieren',
    updateNote: (name) =>
      `${name} prüft, wer die Datei unterschrieben hat, bevor es sie nimmt. Lassen Sie es eingesteckt.`,
    updateFile: 'Datei mit der Endung .update',
    sending: (done, of) => `${done} von ${of} MB`,
    compares: 'Gesendet; das Gerät vergleicht und startet neu.',
    updated: 'Das Gerät hat das Update genommen.',
    cannotSend: 'Die Verbindung ging verloren. Versuchen Sie es noch einmal.',
  },
  change: {
    done: 'Erledigt: es gilt ab jetzt.',
    waiting:
      'Unterschrieben und aufgehoben. Halten Sie den Knopf des Geräts drei bis acht Sekunden: binnen zehn Minuten danach wird es angenommen.',
    'needs-signatures': 'Weitere Eigentümer müssen unterschreiben.',
  },
}
