# shellcheck shell=bash
# Sourced by ./check and tests/system/device: checks a conversation of the recorded voice with the built-in service, by
# mynah's output and the speaker's recording.

# Checks that the text OUTPUT and the recording SPEAKER have three turns, the second one an interruption.
check_conversation() {
    local output=$1 speaker=$2 header
    expect_lines 3 'you: \([0-9.]+ s of speech\)'
    expect_lines 3 'mynah: I heard [0-9.]+ s;'
    # The second reply is interrupted: only the words that were heard of it are shown.
    expect_lines 2 'mynah: I heard [0-9.]+ s; here it is again\.'
    expect_lines 3 'time: reply heard [0-9]+ ms after the turn ended'
    expect_lines 1 'ms after the interruption'
    header=$(od -A n -v -t x1 -N 44 "$speaker" | tr -d ' \n')
    # PCM, mono, 24000 Hz, 16 bit.
    [[ $header =~ ^52494646.{8}57415645666d74201000000001000100c05d000080bb00000200100064617461.{8}$ ]] ||
        { echo "  the speaker's file is not a WAV file with 24 kHz, mono, 16 bit: $header" && return 1; }
    od -A n -v -t d2 -w2 -j 44 "$speaker" | awk -f tests/system/speaker.awk
}

# Checks that exactly COUNT lines of the output match PATTERN.
expect_lines() {
    local count
    count=$(grep -cE "$2" "$output" || true)
    ((count == $1)) || { echo "  $count lines, expected $1: $2" && exit 1; }
}
