# What stage 1 does with the card's raw places: slot record, label record, data partition. Sourced by
# stage 1, and by the tests, which set CARD to a plain file. The places: docs/image.md.
CARD=${CARD:-/dev/mmcblk0}
RECORDS='512 768' # sectors of the slot record's two copies

other() { [ "$1" = a ] && echo b || echo a; }
slot_device() { [ "$1" = a ] && echo "${CARD}p2" || echo "${CARD}p3"; }

# One sector of text; command substitution takes the padding off the end.
sector() { dd if="$CARD" bs=512 skip="$1" count="${2:-1}" 2>/dev/null | tr '\000' '?'; }

# Is $1 a record whose last line is a CRC-32 of what stands before it?
sound() {
  body=${1%crc=*}
  [ "$body" != "$1" ] && [ "$(printf %s "$body" | crc32)" = "${1##*crc=}" ]
}

# $1 one copy; sets R_*; fails unless every line is what it should be.
slots_parse() {
  sound "$1" || return 1
  lines=$(printf '%s\n' "$1" | sed \
    -e '1s/^WATTLE-SLOTS 1$/ok/' -e '2s/^seq=\([0-9]\{8\}\)$/R_seq=\1/' -e '3s/^first=\([ab]\)$/R_first=\1/' \
    -e '4s/^a=\(good\|none\|[0-3]\)$/R_a=\1/' -e '5s/^b=\(good\|none\|[0-3]\)$/R_b=\1/' \
    -e '6s/^index=\([0-9]\{10\}\)$/R_index=\1/' -e '7s/^crc=[0-9a-f]\{8\}$/ok/')
  case $lines in
    "ok
R_seq="????????"
R_first="?"
R_a="*"
R_b="*"
R_index="??????????"
ok") ;;
    *) return 1 ;;
  esac
  for line in $lines; do
    case $line in R_*=*) eval "$line" ;; ok) ;; *) return 1 ;; esac
  done
}

# Sets S_seq S_first S_a S_b S_index and S_at, the sector of the newest sound copy (empty: none).
slots_read() {
  S_seq=00000000 S_first=a S_a=good S_b=none S_index=0000000000 S_at=
  for at in $RECORDS; do
    slots_parse "$(sector "$at")" || continue
    if [ -z "$S_at" ] || [ "$R_seq" \> "$S_seq" ]; then
      S_seq=$R_seq S_first=$R_first S_a=$R_a S_b=$R_b S_index=$R_index S_at=$at
    fi
  done
}

# Writes S_* as the next record, over the copy that is not the newest.
slots_write() {
  S_seq=$(printf %08d $((1$S_seq - 100000000 + 1)))
  [ "$S_at" = 512 ] && S_at=768 || S_at=512
  body=$(printf 'WATTLE-SLOTS 1\nseq=%s\nfirst=%s\na=%s\nb=%s\nindex=%s\n.' "$S_seq" "$S_first" "$S_a" "$S_b" "$S_index")
  body=${body%.}
  {
    printf %s "$body"
    echo "crc=$(printf %s "$body" | crc32)"
    yes '' | head -n 512
  } | head -c 512 | dd of="$CARD" bs=512 seek="$S_at" count=1 conv=notrunc,fsync iflag=fullblock 2>/dev/null
}

may_start() { case $1 in good | [1-3]) ;; *) return 1 ;; esac; }

# Sets SLOT, and takes one try from a slot that has not proved itself; empty: no slot may start.
slots_choose() {
  SLOT=
  for slot in "$S_first" "$(other "$S_first")"; do
    eval "state=\$S_$slot"
    may_start "$state" || continue
    SLOT=$slot
    [ "$state" = good ] && return
    eval "S_$slot=$((state - 1))"
    slots_write
    say "slot $slot has $((state - 1)) tries left after this one"
    return
  done
}

# --- label record: the first sound copy
label_read() {
  for at in 1024 1280; do
    raw=$(sector $at 8)
    sound "$raw" || continue
    [ "$(printf '%s\n' "$raw" | sed -n 1p)" = 'WATTLE-LABEL 1' ] || continue
    (umask 077; printf '%s\n' "$raw" | sed -n 2p >/run/wattle/label.json)
    return 0
  done
  return 1
}

# --- data partition; its entry in the partition table says whether it was made (type 83) or not yet (da)
SCRATCH=/run/mbr
ENTRY=$((446 + 3 * 16))
data_made() { [ "$(dd if="$CARD" bs=1 skip=$((ENTRY + 4)) count=1 2>/dev/null | hexdump -e '1/1 "%02x"')" = 83 ]; }

le32() { printf "\\x%02x\\x%02x\\x%02x\\x%02x" $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)); }
byte_at() { dd if="$CARD" bs=1 skip="$1" count=1 2>/dev/null | hexdump -e '1/1 "%u"'; }
num_at() { echo $(($(byte_at "$1") + ($(byte_at $(($1 + 1))) << 8) + ($(byte_at $(($1 + 2))) << 16) + ($(byte_at $(($1 + 3))) << 24))); }

# The whole first sector at once, with entry 4 exchanged: type $1, length $2 sectors.
entry_write() {
  dd if="$CARD" bs=512 count=1 of="$SCRATCH" 2>/dev/null
  printf "\\x$1" | dd of="$SCRATCH" bs=1 seek=$((ENTRY + 4)) conv=notrunc 2>/dev/null
  printf "$(le32 "$2")" | dd of="$SCRATCH" bs=1 seek=$((ENTRY + 12)) conv=notrunc 2>/dev/null
  dd if="$SCRATCH" of="$CARD" bs=512 count=1 conv=notrunc,fsync 2>/dev/null
  rm "$SCRATCH"
}

data_make() {
  start=$(num_at $((ENTRY + 8)))
  size=$(($(cat "/sys/class/block/${CARD##*/}/size") - start))
  if [ "$size" != "$(num_at $((ENTRY + 12)))" ]; then
    umount /root
    entry_write da "$size"
    blockdev --rereadpt "$CARD"
    try "$SLOT"
  fi
  say "partition of $size sectors"
  dd if=/dev/zero of="${CARD}p4" bs=64k count=16 conv=fsync 2>/dev/null
  say cleared
  mount -o bind /dev /root/dev
  chroot /root /sbin/mke2fs -q -F -t ext4 -L wattle -m 0 -N 16384 -J size=8 \
    -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "${CARD}p4"
  made=$?
  umount /root/dev
  sync
  [ $made = 0 ] && entry_write 83 "$size"
}

data_mount() { mount -t ext4 -o noatime,nodev,nosuid,noexec,data=ordered,commit=300,errors=remount-ro "${CARD}p4" /data 2>/dev/null; }

# Mounts /data, whatever it takes, and says in DATA how. Data that was made once is repaired, never made anew.
data_open() {
  DATA=mounted
  data_made || { DATA=made; say "making the data partition"; data_make; }
  # A clean file system needs its journal at most, which mounting replays.
  state=$(dd if="${CARD}p4" bs=2 skip=541 count=1 2>/dev/null | hexdump -e '1/1 "%u "' | cut -d ' ' -f 1)
  if [ "${state:-0}" != 1 ]; then
    DATA=checked
    mount -o bind /dev /root/dev
    chroot /root /sbin/e2fsck -p "${CARD}p4" || chroot /root /sbin/e2fsck -y "${CARD}p4"
    umount /root/dev
  fi
  data_mount && return
  mount -o bind /dev /root/dev
  chroot /root /sbin/e2fsck -y "${CARD}p4"
  umount /root/dev
  data_mount && { DATA=repaired; return; }
  DATA=lost
  fault 2 "the data partition does not mount"
  mount -t tmpfs -o nosuid,nodev,noexec,mode=700,size=32m data /data
}

# Long flashes of the status light by the kernel: $1 of them, then a pause.
blink_fault() {
  pattern= i=0
  while [ $i -lt "$1" ]; do pattern="$pattern 1 600 1 0 0 400 0 0"; i=$((i + 1)); done
  insmod /modules/ledtrig-pattern.ko 2>/dev/null
  echo pattern >/sys/class/leds/status/trigger && echo "$pattern 0 1600 0 0" >/sys/class/leds/status/pattern
}
