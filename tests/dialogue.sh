#!/usr/bin/env bash
# Makes tests/dialogue.wav: three turns of synthesised speech, the second spoken into the reply to the first.
# Needs espeak-ng and sox. Without an argument it writes beside itself; the same programs write the same bytes.
#
# The silences are digital and as long as a service needs that ends a turn after 500 ms, thinks for 150 ms and
# then repeats what it heard:
#   0.50 s  "Good morning, little bird."  (the reply begins about 0.65 s after the last word)
#   1.35 s later, about 0.7 s into that reply: "Stop, that is enough."
#   then its reply is heard whole, and so is the reply to "Thank you, good night."
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:-$here/dialogue.wav}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# say NAME VOICE WORDS...: one trimmed utterance, 24 kHz mono, peak -6 dBFS.
say() {
    espeak-ng -v "$2" -s 165 -w "$work/$1.raw.wav" "${*:3}"
    sox -D "$work/$1.raw.wav" -r 24000 -c 1 -b 16 "$work/$1.wav" \
        silence 1 0.01 0.5% reverse silence 1 0.01 0.5% reverse norm -6
}

# hush NAME SECONDS: digital silence.
hush() {
    sox -D -n -r 24000 -c 1 -b 16 "$work/$1.wav" trim 0 "$2"
}

say morning en-gb "Good morning, little bird."
say enough en-us+f3 "Stop, that is enough."
say night en-gb "Thank you, good night."
hush before 0.5
hush into_the_reply 1.35
hush reply_to_enough 2.8
hush reply_to_night 2.9

sox -D "$work/before.wav" "$work/morning.wav" "$work/into_the_reply.wav" "$work/enough.wav" \
    "$work/reply_to_enough.wav" "$work/night.wav" "$work/reply_to_night.wav" -b 8 -e unsigned-integer "$out"
