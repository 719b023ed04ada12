# shellcheck shell=bash
# Sourced by boot and prove-update: adds what only the emulated machine needs (emulated/) to its initrd, which copies it to
# /run. The card is not changed.
: "${here:?}"

# Adds the folder TREE, emulated/ and a script of LINES... to INITRD. The script runs before the root device is mounted, and
# also raises systemd's time limits, because an emulated machine is slow.
add_to_initrd() {
    local initrd=$1 tree=$2 script=$2/scripts/init-premount/emulated conf=/run/systemd/system.conf.d
    shift 2
    mkdir -p "$tree/emulated" "${script%/*}"
    cp "$here"/board/image/emulated/* "$tree/emulated/"
    # The initrd has no cp.
    printf '%s\n' "#!/bin/sh" "mkdir -p $conf" "cat /emulated/manager.conf >$conf/emulated.conf" "$@" >"$script"
    chmod 755 "$script"
    # shellcheck disable=SC2016 # expanded by the initrd's shell
    printf '/scripts/init-premount/emulated "$@"\n[ -e /conf/param.conf ] && . /conf/param.conf\n' >"${script%/*}/ORDER"
    # The kernel accepts concatenated archives, each aligned to four bytes.
    truncate -s %4 "$initrd"
    (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) >>"$initrd"
}
