# shellcheck shell=bash
# Sourced by tests/vm/run, after tests/system/machine.sh: builds the virtual machine from Debian's packages.
#
# The kernel, its headers, the source of gpio-sim and QEMU are unpacked into target/vm and not installed; only small
# tools are. What is already there is not downloaded again; the project's own sound card is rebuilt after a change.
: "${here:?}" "${vm:?}"

# The guest's kernel modules, besides gpio-sim and snd-mynah; their dependencies are added.
readonly MODULES=(snd-aloop snd-dummy snd-hda-intel snd-hda-codec-generic configfs 9p 9pnet_virtio virtio_pci
    gpio_keys leds-gpio ledtrig-timer uinput evdev)

# Returns whether the VM can be built on this system.
fits() {
    [[ $(uname -m) == x86_64 && $(system) =~ ^debian\ 1[23]$ ]] && command -v apt-get >/dev/null
}

system() {
    (. /etc/os-release 2>/dev/null && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")
}

# Builds what is missing of the machine with KERNEL standard|rt, and sets QEMU to the command that boots it.
need_machine() {
    need_tools make zstd xz:xz-utils cpio kmod strip:binutils busybox:busybox-static
    mkdir -p "$vm"
    [[ -x $vm/qemu/usr/bin/qemu-system-x86_64 ]] || make_qemu
    # A machine of before the sound card has no headers.
    [[ -s $vm/$1/vmlinux && -d $vm/$1/headers ]] || make_kernel "$1"
    make_card "$1"
    local usr=$vm/qemu/usr
    local -x LD_LIBRARY_PATH=$usr/lib/x86_64-linux-gnu:$usr/lib/x86_64-linux-gnu/pulseaudio
    # shellcheck disable=SC2034 # tests/vm/run starts it.
    # Always emulated: with KVM time would be real, and the figures would depend on the host.
    QEMU=(env "LD_LIBRARY_PATH=$LD_LIBRARY_PATH" "QEMU_MODULE_DIR=$usr/lib/x86_64-linux-gnu/qemu"
        "$usr/bin/qemu-system-x86_64" -L "$usr/share/qemu" -L "$usr/share/seabios"
        -M pc -cpu max -m 512 -accel "tcg,thread=single" -icount "shift=1,sleep=off" -rtc clock=vm
        -kernel "$vm/$1/vmlinux" -initrd "$vm/guest.cpio"
        -append "console=ttyS0 quiet panic=-1 mitigations=off"
        -no-reboot -nodefaults -display none
        -audiodev "none,id=none" -device intel-hda -device "hda-duplex,audiodev=none"
        -fsdev "local,id=out,path=$vm/out,security_model=none" -device "virtio-9p-pci,fsdev=out,mount_tag=out")
}

# Installs the packages of missing commands: COMMAND[:PACKAGE]...
need_tools() {
    local tool lacking=()
    for tool; do
        command -v "${tool%:*}" >/dev/null || lacking+=("${tool#*:}")
    done
    ((${#lacking[@]} == 0)) || install_packages "${lacking[@]}"
}

make_qemu() {
    local package needed=()
    say "downloading QEMU"
    # A simulated installation lists the missing dependencies; nothing is installed.
    known qemu-system-x86
    mapfile -t needed < <(apt-get --simulate install --no-install-recommends qemu-system-x86 2>/dev/null |
        sed -nE 's/^Inst ([^ ]+) .*/\1/p')
    rm -rf "$vm/qemu.new"
    for package in $(printf '%s\n' qemu-system-x86 qemu-system-common qemu-system-data seabios "${needed[@]}" | sort -u); do
        unpack "$package" "$vm/qemu.new"
    done
    rm -rf "$vm/qemu"
    mv "$vm/qemu.new" "$vm/qemu"
}

# Builds target/vm/KERNEL: an uncompressed kernel and its modules.
make_kernel() {
    local root=$vm/$1.new version base flavour=amd64 common=common
    [[ $1 == standard ]] || { flavour=rt-amd64 common=common-rt; }
    version=$(kernel_version "$flavour")
    base=${version%"-$flavour"}
    say "downloading Debian's kernel $version and building gpio-sim for it, which Debian does not ship"
    rm -rf "$root"
    unpack "linux-image-$version" "$root/image"
    for package in "linux-headers-$version" "linux-headers-$base-$common" "linux-kbuild-$base"; do
        unpack "$package" "$root/headers"
    done
    uncompress "$(find "$root/image/boot" -name 'vmlinuz-*')" "$root/vmlinux"
    gpio_sim "$root" "$version"
    gather_modules "$root" "$version"
    printf '%s\n' "$version" >"$root/version"
    rm -rf "$root/image" "$root/gpio-sim" "${vm:?}/$1"
    mv "$root" "$vm/$1"
}

# Builds the project's own sound card for KERNEL, if its source has changed since.
make_card() {
    local root=$vm/$1 source=$here/tests/vm/guest/snd-mynah version modules
    version=$(<"$root/version")
    modules=$root/modules/lib/modules/$version
    # By content: a checkout sets new times.
    diff -rq "$source" "$root/source" >/dev/null 2>&1 && [[ -s $modules/snd-mynah.ko ]] && return
    say "building the sound card snd-mynah"
    rm -rf "$root/source" "$root/snd-mynah" "$modules/snd-mynah.ko"
    cp -r "$source" "$root/source"
    cp -r "$source" "$root/snd-mynah"
    build_module "$root" "$version" snd-mynah
    cp "$root/snd-mynah/snd-mynah.ko" "$modules"
    index_modules "$root" "$version"
}

# Builds the modules in ROOT/NAME for the kernel VERSION whose headers are in ROOT/headers.
build_module() {
    local headers=$1/headers/usr/src/linux-headers-$2
    # The headers' Makefile refers to the place of an installation.
    sed -i "s#^include /.*usr/src/#include $1/headers/usr/src/#" "$headers/Makefile"
    # Without BTF, which would need pahole.
    make -s -C "$headers" "M=$1/$3" CC=gcc CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$vm/$3.log" 2>&1 ||
        { tail -n 20 "$vm/$3.log" && refuse "$3 could not be built; the log is target/vm/$3.log"; }
    strip -g "$1/$3"/*.ko
}

# Lists the guest's modules for its modprobe.
index_modules() {
    depmod -b "$1/modules" "$2" 2>/dev/null || depmod -b "$1/modules" -m /lib/modules "$2"
}

# Prints the newest version of the kernel of this FLAVOUR, 6.12 or later; Debian 12 has an older one too.
kernel_version() {
    local package version
    known "linux-image-$1"
    for package in "linux-image-6.12-$1" "linux-image-$1"; do
        version=$(apt-cache depends "$package" 2>/dev/null | sed -nE 's/^ *Depends: linux-image-([0-9].*)$/\1/p' | head -n 1)
        if [[ -n $version && $(printf '6.12\n%s\n' "$version" | sort -V | head -n 1) == 6.12 ]]; then
            printf '%s\n' "$version"
            return
        fi
    done
    refuse "apt has no kernel 6.12 or later of the flavour $1"
}

# Extracts the ELF from a bzImage; uncompressing it in the guest would take seconds.
uncompress() {
    local setup offset length
    number() { od -A n -t "u$2" -j "$1" -N "$2" "$from" | tr -d ' '; }
    local from=$1
    setup=$(number $((0x1f1)) 1)
    offset=$(number $((0x248)) 4)
    length=$(number $((0x24c)) 4)
    offset=$(((${setup/#0/4} + 1) * 512 + offset))
    # The last four bytes are the uncompressed length.
    tail -c "+$((offset + 1))" "$1" | head -c "$((length - 4))" >"$2.packed" || true
    zstd -dcq "$2.packed" >"$2" 2>/dev/null || xz -dc --single-stream "$2.packed" >"$2" 2>/dev/null ||
        refuse "the kernel is compressed with neither zstd nor xz"
    rm "$2.packed"
    [[ $(head -c 4 "$2" | tail -c 3) == ELF ]] || refuse "the uncompressed kernel is not an ELF file"
}

gpio_sim() {
    local series=${2%%-*} build=$1/gpio-sim
    series=$(cut -d . -f 1,2 <<<"$series")
    mkdir "$build"
    cp "$here/tests/vm/guest/Kbuild" "$here/tests/vm/guest/irq_to_desc.h" "$build"
    gpio_sim_source "linux-source-$series" "$build"
    build_module "$1" "$2" gpio-sim
}

# Extracts two files from the kernel's 150 MB of source; tar stops after both, which breaks the pipe.
gpio_sim_source() {
    fetch "$1"
    dpkg --fsys-tarfile "$(find "$vm/debs" -name "$1_*.deb")" 2>/dev/null |
        tar -xO "./usr/src/$1.tar.xz" 2>/dev/null | xz -dcT2 2>/dev/null |
        tar -x -C "$2" --transform 's#.*/##;s#gpio-sim#gpio_sim_main#' --occurrence=1 \
            "$1/drivers/gpio/gpio-sim.c" "$1/kernel/irq/irq_sim.c" || true
    rm -r "$vm/debs"
    [[ -s $2/gpio_sim_main.c && -s $2/irq_sim.c ]] || refuse "$1 does not contain gpio-sim"
}

# Puts the modules, uncompressed, where the guest's modprobe looks.
gather_modules() {
    local root=$1 version=$2 found into file module
    found=$(find "$root/image" -type d -path "*/lib/modules/$version")
    into=$root/modules/lib/modules/$version
    # kmod's search path depends on its version.
    mkdir -p "$root/all/usr/lib/modules" "$into"
    ln -s usr/lib "$root/all/lib"
    mv "$found" "$root/all/usr/lib/modules/"
    depmod -b "$root/all" "$version"
    for module in "${MODULES[@]}"; do
        modprobe -d "$root/all" -S "$version" --show-depends "$module"
    done | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r file; do
        case $file in
            *.xz) xz -dc "$file" >"$into/$(basename "${file%.xz}")" ;;
            *) cp "$file" "$into" ;;
        esac
    done
    cp "$root/gpio-sim/gpio-sim.ko" "$root/all/lib/modules/$version"/modules.{order,builtin*} "$into"
    index_modules "$root" "$version"
    rm -r "$root/all"
}

# Writes the initramfs: busybox, the modules, both programs and their libraries.
pack() {
    local kernel=$1 shell=$2 guest=$3 root=$vm/root program applet file
    shift 3
    rm -rf "$root"
    mkdir -p "$root"/{bin,proc,sys,dev,run,out,etc,usr/share,var}
    cp -r "$vm/$kernel/modules/." "$root"
    cp "$here/tests/vm/guest/init" "$root/init"
    cp /bin/busybox "$root/bin/busybox"
    for applet in $(/bin/busybox --list); do [[ -e $root/bin/$applet ]] || ln -s busybox "$root/bin/$applet"; done
    cp -r /usr/share/alsa "$root/usr/share/"
    cp /usr/bin/chrt "$root/bin/"
    for program in "$here/target/release/mynah" "$guest" /usr/bin/chrt; do
        ldd "$program" | awk '/=> \// { print $3 } $1 ~ /^\/lib.*ld-/ { print $1 }' | while read -r file; do
            mkdir -p "$root${file%/*}"
            cp -nL "$file" "$root$file"
        done
    done
    cp "$here/target/release/mynah" "$root/bin/mynah"
    strip -o "$root/bin/vm" "$guest"
    printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
    printf 'hosts: files\n' >"$root/etc/nsswitch.conf"
    printf '%s\n' "$shell" >"$root/etc/shell"
    printf '%s ' "$@" >"$root/etc/vm-arguments"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$vm/guest.cpio"
    rm -r "$root"
}

# Updates apt's lists if they do not name PACKAGE.
known() {
    apt-cache show "$1" >/dev/null 2>&1 || lists
}

lists() {
    say "updating apt's package lists"
    if ((EUID == 0)); then apt-get update -q; else sudo apt-get update -q; fi
}

unpack() {
    fetch "$1"
    mkdir -p "$2"
    dpkg -x "$(find "$vm/debs" -name "$1_*.deb")" "$2"
    rm -r "$vm/debs"
}

# Downloads PACKAGE into target/vm/debs. Old lists name versions that no longer exist, so they are updated once.
fetch() {
    rm -rf "$vm/debs"
    mkdir -p "$vm/debs"
    download "$1" || { lists && download "$1"; } || refuse "apt-get could not download $1, for the reason above"
}

download() {
    (cd "$vm/debs" && apt-get -qq -o APT::Sandbox::User=root download "$1")
}
