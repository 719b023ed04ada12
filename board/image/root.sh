# shellcheck shell=bash
# Run by build, in a user namespace: creates the card's root file system and the content of its FAT partition.
#
#   root.sh SUITE BOARD PACKAGE FRESH KEYRING
#
# Installing Debian takes minutes in emulation, so the result is cached, without mynah and the files in root/.
set -euo pipefail

me=board/image/build
here=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
# shellcheck source=cross/target.sh
source "$here/cross/target.sh"
# shellcheck source=board/image/layout.sh
source "$here/board/image/layout.sh"

readonly IMAGE=$here/board/image WORK=$here/target/image
suite=$1 board=$2 package=$3 fresh=$4 keyring=$5
base=$WORK/base-$suite card=$WORK/card boot=$WORK/boot
slot=$card/usr/lib/mynah/slot

main() {
    umask 022
    SOURCE_DATE_EPOCH=$(epoch)
    export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
    mount -t proc proc /proc
    choose_target aarch64-unknown-linux-gnu
    register_emulator
    make_base
    rm -rf "$card" "$boot" && mkdir "$boot"
    cp -a --reflink=auto "$base" "$card"
    install_mynah
    add_card_files
    fill_slot
    fill_boot
    trim
    pack_root
}

# Installs Debian, unless the cached one was made of the same inputs.
make_base() {
    local key packages servers
    mapfile -t packages < <(grep -vE '^(#|$)' "$IMAGE/packages")
    mapfile -t servers <"$WORK/servers"
    key=$(find "$IMAGE/packages" "$WORK/servers" "$IMAGE/early" "$IMAGE/tryboot" -type f -exec sha256sum {} + | sort | sha256sum)
    [[ $fresh == yes || $(cat "$base.key" 2>/dev/null) != "$key" ]] || { say "using the cached Debian $suite" && return; }
    rm -rf "$base" "$base.key"
    say "installing Debian $suite for $deb, which takes minutes"
    # raspi-firmware requires a mount at /boot/firmware.
    # shellcheck disable=SC2016 # expanded by mmdebstrap's hooks
    mmdebstrap --quiet --mode=root --arch="$deb" --variant=minbase \
        --include="$(IFS=, && echo "${packages[*]}")" \
        --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt=force-confold --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --essential-hook="cp -r '$IMAGE/early/.' \"\$1\"" \
        --essential-hook='mkdir -p "$1/boot/firmware" && mount --bind "$1/boot/firmware" "$1/boot/firmware"' \
        --customize-hook="'$IMAGE/tryboot/build' \"\$1\"" \
        --customize-hook='umount "$1/boot/firmware"' \
        "$suite" "$base" "${servers[@]}"
    echo "$key" >"$base.key"
}

install_mynah() {
    say "installing ${package##*/}"
    cp "$package" "$card/mynah.deb"
    inside env DEBIAN_FRONTEND=noninteractive dpkg --install /mynah.deb >"$WORK/dpkg.log" 2>&1 ||
        refuse "the package could not be installed (target/image/dpkg.log)"
    rm "$card/mynah.deb"
    [[ -s $card/usr/share/mynah/board/$board.toml ]] ||
        refuse "${package##*/} does not contain the board $board: build it again with cross/package"
}

# Adds the files of root/, which make the root read-only, mount the data partition and apply mynah.txt.
add_card_files() {
    local folder
    cp -r "$IMAGE/root/." "$card"
    chmod 755 "$card"/usr/lib/mynah/*
    # Create the mount points, because the root is read-only.
    while read -r _ folder _; do [[ $folder != /?* ]] || mkdir -p "$card$folder"; done <"$card/etc/fstab"
    install -d -m 755 "$card/usr/share/mynah/card"
    mv "$card/usr/share/mynah/mynah.txt" "$card/usr/share/mynah/card/mynah.txt"
    sed -i "s/@BOARD@/$board/" "$card/usr/share/mynah/card/mynah.txt"
    cp "$here/tests/dialogue.wav" "$card/usr/share/mynah/card/"
    sed -i "s/@COMPATIBLE@/$(compatible "$board")/" "$card/etc/rauc/system.conf"
    [[ -z $keyring ]] || cp "$keyring" "$card/etc/rauc/keyring.pem"
    # Settings are on the data partition, which is mounted over this folder.
    rm -f "$card"/etc/mynah/mynah.toml
    rm -f "$card"/etc/ssh/ssh_host_* "$card/etc/hostname" "$card/etc/resolv.conf" "$card/var/lib/dbus/machine-id"
    ln -s ../run/NetworkManager/resolv.conf "$card/etc/resolv.conf"
    # Empty, so that each start creates a transient id and systemd sees no first boot.
    : >"$card/etc/machine-id"
    inside systemctl --quiet enable mynah-setup.service mynah-reset.path mynah-trial.service \
        mynah-update.service mynah-hawkbit.service ssh.service
    inside systemctl --quiet disable NetworkManager-wait-online.service
    inside systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
        e2scrub_reap.service fstrim.timer systemd-firstboot.service
}

# Collects the boot files of this root file system in it: kernel, initrd, device trees, overlays, settings.
fill_slot() {
    local from=$card/boot/firmware name
    mkdir -p "$slot/overlays"
    for name in kernel initramfs; do
        name=$(sed -nE "s/^${name}[= ]//p" "$from/config.txt")
        [[ -n $name && -s $from/$name ]] || refuse "config.txt names no kernel or initrd that exists"
        mv "$from/$name" "$slot"
    done
    mv "$from"/*.dtb "$slot"
    [[ ! -d $from/overlays ]] || mv "$from/overlays"/* "$slot/overlays"
    # The firmware uses os_prefix for overlays only if this file exists.
    echo "These overlays belong to the kernel in this slot." >"$slot/overlays/README"
    {
        cat "$from/config.txt"
        echo
        echo "# mynah: the board $board"
        echo "[all]"
        sed -nE "s/^${board}[[:space:]]+//p" "$IMAGE/config-lines" | grep -vx -- - || true
    } >"$slot/config.txt"
    echo "root=PARTUUID=$DISK_ID-@NUMBER@ rauc.slot=@SLOT@ rootfstype=squashfs ro rootwait fsck.repair=yes panic=10 quiet" \
        "console=tty1" >"$slot/cmdline.txt"
    # shellcheck disable=SC2016 # dpkg's variable
    inside dpkg-query --show --showformat='${Version}\n' mynah >"$slot/version"
}

# Fills the FAT partition: the Pi's firmware, the boot files of slot a, and mynah.txt.
fill_boot() {
    rm "$card"/boot/firmware/{config,cmdline}.txt
    cp -r "$card/boot/firmware/." "$boot"
    # Run the device's script on a root that has only this folder.
    rm -rf "$WORK/made" && mkdir -p "$WORK/made/boot" && ln -s "$boot" "$WORK/made/boot/firmware"
    MYNAH_ROOT=$WORK/made "$IMAGE/root/usr/lib/mynah/slots" fill a "$slot"
    cp "$boot/a/config.txt" "$boot/config.txt"
    cp "$card/usr/share/mynah/card/mynah.txt" "$boot/mynah.txt"
    # Old editors on Windows need CRLF.
    sed -i 's/$/\r/' "$boot/mynah.txt"
}

# Removes what the card does not need: files that are on the FAT partition, caches of apt and dpkg, apt's sources.
trim() {
    rm -rf "${card:?}"/boot/* "$card"/var/lib/apt/lists/* "$card"/var/cache/apt/* "$card"/var/cache/debconf/* \
        "$card"/var/log/* "$card"/var/lib/dpkg/*-old "$card"/usr/lib/linux-image-*/ "$card"/var/cache/ldconfig \
        "$card"/etc/apt/sources.list
    mkdir -p "$card/boot/firmware"
    # Drivers of hardware that no Raspberry Pi has, and of display and camera.
    local modules unused
    for modules in "$card"/usr/lib/modules/*; do
        for unused in drivers/{gpu,infiniband,scsi,media,ata,nvme,net/ethernet/{mellanox,chelsio,intel,broadcom,qlogic}} \
            fs/{btrfs,xfs,ocfs2,ceph,nfs,nfsd,smb,gfs2,f2fs,jfs,reiserfs}; do
            rm -rf "$modules/kernel/$unused"
        done
        inside depmod "${modules##*/}"
    done
}

pack_root() {
    say "packing the root file system"
    "$here/cross/debian/components" "$card" "$suite" "$(compatible "$board")" >"$WORK/root.cdx.json"
    rm -f "$WORK/root.squashfs"
    find "$slot" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    mksquashfs "$card" "$WORK/root.squashfs" -comp zstd -Xcompression-level 15 -b 256K -no-progress -quiet -noappend
    rm -rf "$card"
}

# With SOURCE_DATE_EPOCH, because /etc/shadow holds the day when mynah's user was created.
inside() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LC_ALL=C.UTF-8 SYSTEMD_OFFLINE=1 SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
        chroot "$card" "$@"
}

# Registers the emulator with the user namespace's own binfmt_misc (Linux 6.7).
register_emulator() {
    builds_natively && return
    local list=/proc/sys/fs/binfmt_misc
    umount "$list" 2>/dev/null || true
    mount -t binfmt_misc binfmt_misc "$list" || refuse "this kernel has no binfmt_misc for user namespaces (Linux 6.7 or newer has it)"
    # 64-bit ELF for machine 183. The mask ignores the ABI byte, and whether the program is position-independent.
    printf ':%s:M::%s:%s:%s:FC' "$emulator" \
        '\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00' \
        '\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff' \
        "$(command -v "$emulator")" >"$list/register"
}

main
exit
