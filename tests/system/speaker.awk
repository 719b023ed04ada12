# Reads the samples of what the speaker played of tests/dialogue.wav, one a line, and fails unless they hold
# three replies, the first of them cut: short, faded to its end, and silent to the last bit until the next.
# Times are in frames of 24 kHz, so a slow machine only has to keep up with the conversation itself.

BEGIN {
    RATE = 24000
    PAUSE = RATE / 2 # A voice's own pauses are shorter, and the silence between two replies is longer.
    LOUD = 2000      # Every reply has louder moments; full scale is 32768.
    EDGE = 256       # A pause of the voice may lie at the cut, and voices end on the recording's finest steps.
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
        fail("the speaker played " replies + 0 " stretches of sound, not 3")
    } else {
        if (length_s[1] < 0.3 || length_s[1] > 1.15) {
            fail("the first reply was not cut")
        }
        if (last_of_cut > EDGE) {
            fail("the cut ends in a click: its last sample is " last_of_cut)
        }
        if (length_s[2] < 1.2 || length_s[3] < 1.2) {
            fail("a reply that nobody interrupted was not heard whole")
        }
    }
    exit failed
}

function fail(why) {
    print "  not as it should be: " why
    failed = 1
}
