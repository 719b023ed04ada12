# shellcheck shell=bash
# Sourced by boot and prove-update: what only an emulated machine has comes with its initrd, into /run, and the card
# itself is started as it is. The files are those of emulated/.
: "${here:?}"

# Adds to INITRD, by way of the folder TREE, which may hold more, the files and a script of LINES that runs before the card is looked for. An
# emulated machine is slow, and every one gets time.
add_to_initrd() {
    local initrd=$1 tree=$2 script=$2/scripts/init-premount/emulated conf=/run/systemd/system.conf.d
    shift 2
    mkdir -p "$tree/emulated" "${script%/*}"
    cp "$here"/board/image/emulated/* "$tree/emulated/"
    # There are few commands in an initrd, and cp is none of them.
    printf '%s\n' "#!/bin/sh" "mkdir -p $conf" "cat /emulated/manager.conf >$conf/emulated.conf" "$@" >"$script"
    chmod 755 "$script"
    # shellcheck disable=SC2016 # for the shell in there
    printf '/scripts/init-premount/emulated "$@"\n[ -e /conf/param.conf ] && . /conf/param.conf\n' >"${script%/*}/ORDER"
    # The kernel takes several archives, one behind the other, each from a multiple of four bytes on.
    truncate -s %4 "$initrd"
    (cd "$tree" && find . | cpio --quiet -o -H newc -R 0:0) >>"$initrd"
}
