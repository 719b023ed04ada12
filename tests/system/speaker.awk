# Reads the samples that the speaker played for tests/dialogue.wav, one in a line, and fails unless they hold three replies,
# the first of them cut: short, faded out, and digitally silent until the next. Times are counted in frames of 24 kHz, so
# that a slow machine only has to keep up with the conversation.

BEGIN {
    RATE = 24000
    PAUSE = RATE / 2 # Longer than the pauses of a voice, shorter than the silence between two replies.
    LOUD = 2000      # Every reply has louder moments; full scale is 32768.
    EDGE = 256       # The largest last sample after a fade: one step of the 8-bit recording.
}

$1 != 0 {
    if (!replies || NR - last > PAUSE) {
        begins[++replies] = NR
    }
    last = ends[replies] = NR
    value = $1 < 0 ? -$1 : $1
    if (value > peak[replies]) {
        peak[replies] = value
    }
    if (replies == 1) {
        last_of_cut = value
    }
}

END {
    for (reply = 1; reply <= replies; reply++) {
        length_s[reply] = (ends[reply] - begins[reply]) / RATE
        printf "  reply %d: %.2f s to %.2f s, peak %d\n", reply, begins[reply] / RATE, ends[reply] / RATE, peak[reply]
        if (peak[reply] < LOUD) {
            fail("reply " reply " is too quiet to be a voice")
        }
    }
    if (replies != 3) {
        fail("the speaker played " replies + 0 " replies, expected 3")
    } else {
        if (length_s[1] < 0.3 || length_s[1] > 1.15) {
            fail("the first reply was not cut")
        }
        if (last_of_cut > EDGE) {
            fail("the cut ends in a click: its last sample is " last_of_cut)
        }
        if (length_s[2] < 1.2 || length_s[3] < 1.2) {
            fail("a reply that was not interrupted was not played to its end")
        }
    }
    exit failed
}

function fail(why) {
    print "  speaker: " why
    failed = 1
}
