# shellcheck shell=bash
# Sourced by tests/system/device and board/image/boot: runs an emulated machine, keeps what it says with the time when it
# said it, and, where it has a GPIO chip with lines to the outside (QEMU's virt has a PL061), presses buttons on them.
: "${me:?}"

# QEMU's virt, slowly but everywhere: with KVM it would run on few machines only.
# shellcheck disable=SC2034 # for those who source this
readonly VIRT=(-M virt -cpu cortex-a53 -smp 2 -accel tcg)

# Starts a machine: LOG gets what it says on its serial line, FOLDER holds the wires to it; the rest is QEMU's.
power_on() {
    local end
    log=$1 pipes=$2
    shift 2
    # What the last machine said must not be taken for this one's.
    : >"$log"
    for end in lines monitor; do
        rm -f "$pipes/$end".{in,out}
        mkfifo "$pipes/$end".{in,out}
    done
    began=$EPOCHREALTIME
    qemu-system-aarch64 "$@" -display none -no-reboot -serial stdio -monitor "pipe:$pipes/monitor" \
        -qtest "pipe:$pipes/lines" -qtest-log none </dev/null > >(with_timestamps >"$log") 2>&1 &
    qemu=$!
    # Both ways at once, so that nobody waits for the other to open his end.
    exec {lines_in}<>"$pipes/lines.in" {lines_out}<>"$pipes/lines.out" \
        {monitor_in}<>"$pipes/monitor.in" {monitor_out}<>"$pipes/monitor.out"
    chip=
}

# Takes the plug out, in the middle of whatever it is doing.
cut_power() {
    [[ -n ${qemu:-} ]] || return 0
    kill -9 "$qemu" 2>/dev/null || true
    wait "$qemu" 2>/dev/null || true
    qemu=
    exec {lines_in}>&- {lines_out}>&- {monitor_in}>&- {monitor_out}>&-
}

# Waits for at most SECONDS until it has said PATTERN; fails at once when it says HOPELESS, or is off.
await() {
    local pattern=$1 end=$((SECONDS + $2)) failure=${3:-}
    while ((SECONDS < end)); do
        ! grep -qaE "$pattern" "$log" || return 0
        [[ -z $failure ]] || ! grep -qaE "$failure" "$log" || return 1
        kill -0 "$qemu" 2>/dev/null || {
            # What it said last may still be on its way.
            sleep 0.5
            grep -qaE "$pattern" "$log"
            return
        }
        sleep 0.2
    done
    return 1
}

# Holds LINE high for SECONDS, as a finger would, and lets it go.
press() {
    drive "$1" 1
    sleep "$2"
    drive "$1" 0
}

# Puts LINE of the GPIO chip at LEVEL, 0 or 1.
drive() {
    local answer
    [[ -n $chip ]] || find_chip
    printf 'set_irq_in %s unnamed-gpio-in %d %d\n' "$chip" "$1" "$2" >&"$lines_in"
    IFS= read -r -t 20 answer <&"$lines_out" || answer="no answer"
    [[ $answer == OK* ]] || refuse "QEMU does not drive line $1: $answer"
}

# Prints for SECONDS when the machine itself changes LINE of the GPIO chip: the time in ms and the level, a change a line.
# From then on QEMU says every change, so that nothing is to be driven any more.
watch_line() {
    local answer='' end level
    [[ -n $chip ]] || find_chip
    printf 'irq_intercept_out %s\n' "$chip" >&"$lines_in"
    end=$((${EPOCHREALTIME/[.,]/} + $2 * 1000000))
    while ((${EPOCHREALTIME/[.,]/} < end)); do
        IFS= read -r -t 0.2 answer <&"$lines_out" || continue
        case $answer in
            "IRQ raise $1") level=1 ;;
            "IRQ lower $1") level=0 ;;
            FAIL* | ERR*) refuse "QEMU does not watch line $1: $answer" ;;
            *) continue ;;
        esac
        echo "$((${EPOCHREALTIME/[.,]/} / 1000)) $level"
    done
}

find_chip() {
    local line end=$((SECONDS + 20))
    echo 'info qom-tree /machine/unattached' >&"$monitor_in"
    while ((SECONDS < end)) && IFS= read -r -t 20 line <&"$monitor_out"; do
        [[ $line =~ (device\[[0-9]+\])\ \(pl061\) ]] || continue
        chip=/machine/unattached/${BASH_REMATCH[1]}
        return
    done
    refuse "this machine has no PL061"
}

# Puts before every line when it came.
with_timestamps() {
    local line
    while IFS= read -r line; do
        line=${line//$'\r'/} line=${line//$'\eM'/}
        # Without the colours, and without where a terminal's cursor goes.
        while [[ $line =~ $'\e'\[[0-9\;?]*[a-zA-Z] ]]; do line=${line//"${BASH_REMATCH[0]}"/}; done
        printf '%7.1f %s\n' "$(elapsed)" "$line"
    done
}

elapsed() { echo "$(((${EPOCHREALTIME/[.,]/} - ${began/[.,]/}) / 100000))e-1"; }
