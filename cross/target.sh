# shellcheck shell=bash disable=SC2034 # the variables are used by the scripts that source this
# Sourced by the scripts in cross/ and board/image/, which set `me` and `here`: the devices' targets and the paths of their
# builds, and what they share.
: "${me:?}" "${here:?}"
# shellcheck source=tests/system/machine.sh
source "$here/tests/system/machine.sh"

readonly TARGETS=(aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf)
# Downloads, and everything built from them.
readonly CROSS_DIR=$here/target/cross
readonly CARGO_CYCLONEDX=0.5.9
# Exit code if this machine could do it, but its package servers lack something or cannot be reached.
readonly UNAVAILABLE=3

# Sets target, deb, gnu, emulator, sysroot, binary and runner for TARGET.
choose_target() {
    target=${1:-}
    case $target in
        aarch64-unknown-linux-gnu) deb=arm64 gnu=aarch64-linux-gnu emulator=qemu-aarch64-static ;;
        armv7-unknown-linux-gnueabihf) deb=armhf gnu=arm-linux-gnueabihf emulator=qemu-arm-static ;;
        "") refuse "TARGET is missing; it is one of: ${TARGETS[*]}" ;;
        *) refuse "$target: unknown target; known are: ${TARGETS[*]}" ;;
    esac
    sysroot=$CROSS_DIR/sysroot-$deb
    # One folder for each target: with different compiler settings the builds would invalidate each other's macros.
    binary=$CROSS_DIR/$deb/$target/release/mynah
    runner=()
    builds_natively || runner=("$emulator" -L "$sysroot")
}

# Refuses more than one argument.
refuse_extra() { (($# <= 1)) || refuse "${*:2}: unknown; usage: $me TARGET"; }

builds_natively() { [[ $(dpkg --print-architecture 2>/dev/null) == "$deb" ]]; }

# Exports the variables that cargo, the cc crate and pkg-config read for the target.
export_cross_variables() {
    local lower=${target//-/_} upper
    upper=${lower^^}
    export "CARGO_TARGET_${upper}_LINKER=$gnu-gcc" "CC_$lower=$gnu-gcc" "AR_$lower=$gnu-ar"
    # libc.so is a linker script with absolute paths, which must be looked up in the sysroot.
    export "CARGO_TARGET_${upper}_RUSTFLAGS=-Clink-arg=--sysroot=$sysroot"
    export "PKG_CONFIG_ALLOW_CROSS_$lower=1" "PKG_CONFIG_SYSROOT_DIR_$lower=$sysroot"
    export "PKG_CONFIG_LIBDIR_$lower=$sysroot/usr/lib/$gnu/pkgconfig:$sysroot/usr/share/pkgconfig"
}

# Prints why the chosen target cannot be built here with Debian's packages, or nothing if it can.
unsupported_reason() {
    local system
    system=$(sed -n 's/^ID=//p' /etc/os-release 2>/dev/null) || true
    if builds_natively; then
        return
    elif [[ $system != debian ]] || ! command -v apt-get >/dev/null; then
        echo "$me needs Debian's packages, and this machine is not Debian"
    elif [[ $(dpkg --print-architecture) != amd64 ]]; then
        echo "$me builds for $deb on amd64 or $deb, and this machine is $(dpkg --print-architecture)"
    fi
}

# Writes the man page, completions and copyright file of the package into target/cross/package. The program COMMAND... prints
# them, the same for every architecture.
make_pages() {
    local pages=$CROSS_DIR/package
    rm -rf "$pages" && mkdir -p "$pages"
    "$@" --man | gzip -9n >"$pages/mynah.1.gz"
    "$@" --completions bash >"$pages/mynah.bash"
    "$@" --completions zsh >"$pages/_mynah"
    "$@" --completions fish >"$pages/mynah.fish"
    "$here/cross/debian/licences" "$target" >"$pages/copyright"
}

# Writes the SBOM of the program for the chosen target to FILE: CycloneDX, with the crates that are linked into it.
make_sbom() {
    local copy=$CROSS_DIR/sbom-$deb
    need_debs jq
    need_tool cargo-cyclonedx "$CARGO_CYCLONEDX"
    # It would count what only tests need, and writes beside Cargo.toml: so it gets one of its own, without tests.
    rm -rf "$copy" && mkdir -p "$copy/src"
    awk '/^\[/ { is_test = /^\[(dev-dependencies|\[bench\]|\[test\])\]/ } !is_test' "$here/Cargo.toml" >"$copy/Cargo.toml"
    cp "$here/Cargo.lock" "$copy/"
    echo "fn main() {}" >"$copy/src/main.rs"
    # Without a date the same sources give the same bytes.
    (cd "$copy" && CARGO_NET_OFFLINE=true SOURCE_DATE_EPOCH=0 "$here/target/tools/bin/cargo-cyclonedx" cyclonedx --quiet \
        --format json --spec-version 1.5 --target "$target" --no-build-deps)
    # It also lists crates of features that are off.
    list_crates >"$copy/crates"
    jq --rawfile crates "$copy/crates" --arg copy "$copy" '
        ($crates | split("\n")) as $linked |
        .components |= map(select("\(.name) \(.version)" as $it | $linked | index($it))) |
        ([.components[]."bom-ref", .metadata.component."bom-ref"]) as $refs |
        .dependencies |= (map(select(.ref as $it | $refs | index($it))) |
            map(if .dependsOn then .dependsOn |= map(select(. as $it | $refs | index($it))) else . end)) |
        walk(if type == "string" then gsub($copy; "mynah") else . end)' "$copy/mynah.cdx.json" >"$1"
}

# Lists the crates that are linked into the program for the chosen target, with their versions.
list_crates() {
    (cd "$here" && cargo tree --locked --target "$target" --edges normal,no-proc-macro --prefix none --format '{p}') |
        sed -nE 's/^([^ ]+) v([^ ]+).*/\1 \2/p' | grep -v '^mynah ' | LC_ALL=C sort -u
}

# Lists the packages of KIND (tool or device) that the chosen target needs.
list_packages() { sed -nE "s/^$1 +(any|$deb) +//p" "$here/cross/packages"; }

# Installs each PACKAGE... that is not installed.
need_debs() {
    local package missing=()
    for package; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == *" installed" ]] || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}
