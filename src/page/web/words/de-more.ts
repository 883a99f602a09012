// Deutsch: Anfragen von Anbietern, und die eigene Seite eines Anbieters.

import type { MoreWords } from './table.ts'

export const more: MoreWords = {
  ask: {
    title: (name) => `${name} möchte Ihren Zähler lesen`,
    who: 'Wer fragt',
    wants: 'Bittet um',
    purpose: 'Wofür',
    keeps: 'Behält es',
    keepsFor: (days) => (days === 1 ? 'einen Tag' : `${days} Tage`),
    until: 'Bis',
    device: 'Welches Gerät',
    narrow: 'Sie dürfen weniger geben, als erbeten ist, und für kürzere Zeit.',
    grant: 'Lesen lassen',
    refuse: 'Ablehnen',
    granted: (name) =>
      `${name} liest vom nächsten Telegramm an. Unter Teilen können Sie es jederzeit beenden.`,
    refused: (name) => `${name} wurde nicht hereingelassen.`,
    backTo: (host) =>
      `Sie können jetzt zurück zu ${host}. Dort erfährt man Ihre Antwort und nie einen Schlüssel.`,
    backUnverified: (host) =>
      `Die Anfrage möchte, dass Sie zu ${host} weitergehen. Niemand hat geprüft, ob das der eigene Ort des Anbieters ist.`,
    goBack: 'Dorthin gehen',
    noBack: 'Sie können diese Seite schließen.',
    unverifiedWhy: (domain) =>
      `Der Anbieter nennt sich ${domain}. Das ließ sich von hier aus nicht prüfen: Vergleichen Sie, woher Sie diesen Link haben.`,
    verifiedWhy: (domain) => `${domain} bestätigt, dass dieser Schlüssel der eigene ist.`,
    noDevice:
      'Hier ist noch kein Gerät von Ihnen. Übernehmen Sie es zuerst und öffnen Sie den Link dann wieder.',
    bad: 'Diese Anfrage kann nicht gezeigt werden',
    badWhy: {
      shape:
        'Sie ist keine Leseanfrage, oder sie ist beschädigt. Bitten Sie den Anbieter um einen neuen Link.',
      signature: 'Die Signatur passt nicht: Jemand hat sie verändert. Nichts davon wird gezeigt.',
      old: 'Ihre Zeit ist um. Bitten Sie den Anbieter um einen neuen Link.',
      redirect:
        'Sie will Sie an einen Ort schicken, der keine einfache https-Adresse ist. Nichts davon wird gezeigt.',
    },
  },
  provider: {
    states: { waiting: 'Wartet auf Zugang', open: 'Zugang offen', closed: 'Zugang beendet' },
    statesWhy: {
      waiting: 'Der Eigentümer hat diesen Anbieter nicht hereingelassen.',
      open: 'Jeder Frame, der ankommt, lässt sich öffnen.',
      closed: 'Es können noch Frames kommen. Keiner davon lässt sich mehr öffnen.',
    },
    none: 'Kein Zugang',
    noneWhy: 'Noch kein Eigentümer hat diesen Anbieter hereingelassen. Nichts ist zu lesen.',
    opened: 'Geöffnet',
    sealed: 'Noch versiegelt',
    last: 'Letzter Wert',
    framesAre: (opened, sealed) =>
      `Von den letzten Frames wurden ${opened} geöffnet, ${sealed} blieben versiegelt.`,
    frameOpened: (index) => `Frame ${index} geöffnet`,
    frameSealed: (index) => `Frame ${index} empfangen, nicht zu öffnen`,
    noGaps: 'Kein Frame fehlt.',
    gaps: (n) => (n === 1 ? 'Eine Lücke in den Frames' : `${n} Lücken in den Frames`),
    gap: (from, to, when) => `Von ${from} bis ${to}, bemerkt um ${when}`,
    never: 'noch keiner',
  },
  help: {
    buttonDoes: [
      'Kurz drücken, solange niemand Eigentümer ist: Das Fenster für die Übernahme öffnet sich für 60 Sekunden.',
      'Kurz drücken, wenn es einen Eigentümer hat: Es blinkt, damit Sie wissen, welches es ist.',
      '10 Sekunden halten, bis beide Lichter brennen; dann loslassen und innerhalb von 5 Sekunden noch einmal drücken: Schlüssel und Eigentümer werden gelöscht.',
    ],
    secondSteps: [
      'Sichern Sie hier den Schlüssel und bringen Sie die Datei auf das andere Telefon.',
      'Öffnen Sie dort dieselbe Adresse: den Namen oder die Nummer aus der Adresszeile.',
      'Wählen Sie „Ich habe den Schlüssel“ und geben Sie Datei und Kennsatz an.',
    ],
    safetyIs: [
      'Niemand unterwegs liest Ihre Werte: Sie verlassen das Gerät versiegelt und werden erst in diesem Telefon geöffnet.',
      'Der Code auf dem Etikett lässt sich aus Mitgehörtem nicht erraten, und niemand übernimmt das Gerät, ohne den Knopf zu drücken.',
      'Nicht vor jemandem, der schon in Ihrem Netz ist und verändert, was hindurchgeht: Diese Seite kommt über einfaches HTTP und könnte unterwegs ersetzt werden. Wo das zählt, übernehmen Sie mit „wattle home“ an einem Computer.',
      'Nicht vor dem, der dieses Telefon entsperrt in der Hand hat. 10 Sekunden Druck am Gerät sperren jedes Telefon aus.',
      'Browser löschen manchmal, was eine Seite gespeichert hat, manche nach einer Woche ohne Besuch. Sichern Sie den Schlüssel.',
    ],
  },
}
