# shellcheck shell=bash
# Sourced by tests/system/device and board/image/boot: runs an emulated machine, logs its console with timestamps, and
# drives the lines of its GPIO chip (QEMU's virt has a PL061).
: "${me:?}"

# QEMU's virt without KVM, which few build machines offer for arm64.
# shellcheck disable=SC2034 # used by the scripts that source this
readonly VIRT=(-M virt -cpu cortex-a53 -smp 2 -accel tcg)

# Starts a machine with QEMU's ARGUMENTS...; its console goes to LOG, its control pipes are in FOLDER.
power_on() {
    local end
    log=$1 pipes=$2
    shift 2
    # Remove the previous machine's output.
    : >"$log"
    for end in lines monitor; do
        rm -f "$pipes/$end".{in,out}
        mkfifo "$pipes/$end".{in,out}
    done
    began=$EPOCHREALTIME
    qemu-system-aarch64 "$@" -display none -no-reboot -serial stdio -monitor "pipe:$pipes/monitor" \
        -qtest "pipe:$pipes/lines" -qtest-log none </dev/null > >(with_timestamps >"$log") 2>&1 &
    qemu=$!
    # Open for reading and writing, so that no open blocks.
    exec {lines_in}<>"$pipes/lines.in" {lines_out}<>"$pipes/lines.out" \
        {monitor_in}<>"$pipes/monitor.in" {monitor_out}<>"$pipes/monitor.out"
    chip=
}

# Kills the machine, like a power cut.
cut_power() {
    [[ -n ${qemu:-} ]] || return 0
    kill -9 "$qemu" 2>/dev/null || true
    wait "$qemu" 2>/dev/null || true
    qemu=
    exec {lines_in}>&- {lines_out}>&- {monitor_in}>&- {monitor_out}>&-
}

# Waits at most SECONDS for PATTERN in the log; fails at once on the pattern FAILURE, or if the machine is off.
await() {
    local pattern=$1 end=$((SECONDS + $2)) failure=${3:-}
    while ((SECONDS < end)); do
        ! grep -qaE "$pattern" "$log" || return 0
        [[ -z $failure ]] || ! grep -qaE "$failure" "$log" || return 1
        kill -0 "$qemu" 2>/dev/null || {
            # The last lines may still be in the pipe.
            sleep 0.5
            grep -qaE "$pattern" "$log"
            return
        }
        sleep 0.2
    done
    return 1
}

# Drives LINE high for SECONDS, then low.
press() {
    drive "$1" 1
    sleep "$2"
    drive "$1" 0
}

# Drives LINE of the GPIO chip to LEVEL, 0 or 1.
drive() {
    local answer
    [[ -n $chip ]] || find_chip
    printf 'set_irq_in %s unnamed-gpio-in %d %d\n' "$chip" "$1" "$2" >&"$lines_in"
    IFS= read -r -t 20 answer <&"$lines_out" || answer="no answer"
    [[ $answer == OK* ]] || refuse "QEMU does not drive line $1: $answer"
}

# Prints each change of the output LINE of the GPIO chip for SECONDS: time in ms and level. From then on QEMU reports every
# change in the answers that drive reads, so do not call drive afterwards.
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
    refuse "QEMU's machine has no PL061"
}

# Prefixes each line with its time.
with_timestamps() {
    local line
    while IFS= read -r line; do
        line=${line//$'\r'/} line=${line//$'\eM'/}
        # Remove colours and cursor movements.
        while [[ $line =~ $'\e'\[[0-9\;?]*[a-zA-Z] ]]; do line=${line//"${BASH_REMATCH[0]}"/}; done
        printf '%7.1f %s\n' "$(elapsed)" "$line"
    done
}

elapsed() { echo "$(((${EPOCHREALTIME/[.,]/} - ${began/[.,]/}) / 100000))e-1"; }
