# shellcheck shell=bash disable=SC2034 # what is set here is for those who source this
# Sourced by the scripts beside it, which set `me` and `here`: the devices' architectures, and where what belongs
# to one is kept. It builds and installs nothing.
: "${me:?}" "${here:?}"
# shellcheck source=tests/system/machine.sh
source "$here/tests/system/machine.sh"

readonly TARGETS=(aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf)
# Everything from elsewhere, and everything that is made of it.
readonly CROSS_DIR=$here/target/cross
# What a script ends with when the machine is right but what it needs cannot be had from here today.
readonly UNAVAILABLE=3

# Sets what is to be known of the device's architecture TARGET.
choose_target() {
    target=${1:-}
    case $target in
        aarch64-unknown-linux-gnu) deb=arm64 gnu=aarch64-linux-gnu emulator=qemu-aarch64-static ;;
        armv7-unknown-linux-gnueabihf) deb=armhf gnu=arm-linux-gnueabihf emulator=qemu-arm-static ;;
        "") refuse "say for which machine: ${TARGETS[*]}" ;;
        *) refuse "$target: no target of mynah's; these are: ${TARGETS[*]}" ;;
    esac
    sysroot=$CROSS_DIR/sysroot-$deb
    # Compilers that were told different things would make each other's macros anew in one folder.
    binary=$CROSS_DIR/$deb/$target/release/mynah
    runner=()
    builds_natively || runner=("$emulator" -L "$sysroot")
}

# Sees that there is one word at most.
refuse_extra() { (($# <= 1)) || refuse "${*:2}: not understood; say $me TARGET, and nothing else"; }

builds_natively() { [[ $(dpkg --print-architecture 2>/dev/null) == "$deb" ]]; }

# Says why the chosen target cannot be built here with Debian's packages; nothing when it can.
unsupported_reason() {
    local system
    system=$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null) || true
    if builds_natively; then
        return
    elif [[ $system != debian ]] || ! command -v apt-get >/dev/null; then
        echo "this builds with Debian's packages, and this machine is not Debian"
    elif [[ $(dpkg --print-architecture) != amd64 ]]; then
        echo "this builds for $deb on amd64 or $deb, and this machine is $(dpkg --print-architecture)"
    fi
}

# Lists the packages that WHO (tool or device) needs for the chosen target.
list_packages() { sed -nE "s/^$1 +(any|$deb) +//p" "$here/cross/packages"; }

# Installs those of the PACKAGES that are not installed.
need_debs() {
    local package missing=()
    for package; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}
