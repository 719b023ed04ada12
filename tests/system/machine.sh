# shellcheck shell=bash
# Sourced by ./try, ./check and other scripts, which set `me` and `here`: installs missing Debian packages and, with rustup,
# missing Rust components. It does not install Rust itself.
: "${me:?}" "${here:?}"

# A shell that was started before rustup was installed does not have its directory in PATH.
PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin

say() { printf '%s: %s\n' "$me" "$*"; }

refuse() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 2
}

# Refuses a missing or too old Rust.
need_rust() {
    local needed found
    needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$here/Cargo.toml")
    { command -v rustc && command -v cargo; } >/dev/null ||
        refuse "Rust is missing: install $needed or newer from https://rustup.rs, then run ./$me again"
    { found=$(rustc --version) && cargo --version; } >/dev/null ||
        refuse "rustc or cargo does not run; see the error above. With rustup, try: rustup default stable"
    found=$(cut -d ' ' -f 2 <<<"$found")
    [[ $(printf '%s\n' "$needed" "$found" | sort -V | head -n 1) == "$needed" ]] ||
        refuse "Rust $found is too old, $needed is needed. With rustup: rustup update stable." \
            "If it is your system's package, keep it and install https://rustup.rs beside it"
}

# Installs the components of cargo COMMAND..., such as fmt, if they are missing.
need_components() {
    local command missing=()
    for command; do
        cargo "$command" --version >/dev/null 2>&1 || missing+=("${command/fmt/rustfmt}")
    done
    ((${#missing[@]})) || return 0
    command -v rustup >/dev/null ||
        refuse "cargo lacks ${missing[*]}: install your system's packages of them, then run ./$me again"
    say "installing ${missing[*]} with rustup"
    rustup component add "${missing[@]}" || refuse "rustup could not install ${missing[*]}; see the error above"
}

# Installs a C compiler, ALSA's headers and the packages of the commands COMMAND..., if they are missing. A command's package
# must have its name.
need_packages() {
    local command missing=()
    # Test the tool, not the package: it may be installed without apt.
    cc -x c -o /dev/null - <<<'#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }' 2>/dev/null || missing+=(gcc libc6-dev)
    for command; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    pkg-config --exists alsa 2>/dev/null || missing+=(libasound2-dev)
    # cargo needs CA certificates.
    [[ -n ${SSL_CERT_FILE:-} || -s /etc/ssl/certs/ca-certificates.crt || -d /etc/pki ]] ||
        missing+=(ca-certificates)
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

install_packages() {
    local root=()
    command -v apt-get >/dev/null ||
        refuse "missing: $* (Debian's names), and there is no apt-get: install your system's packages of them," \
            "then run ./$me again"
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            refuse "missing: $*; there is no sudo, so run as root: apt-get install $*; then run ./$me again"
        root=(sudo)
    fi
    say "installing with apt-get: $*"
    # A fresh system has no package lists, and old lists name versions that were removed.
    apt-get --simulate install "$@" >/dev/null 2>&1 || "${root[@]}" apt-get update -q
    apt_install "$@" || { "${root[@]}" apt-get update -q && apt_install "$@"; } ||
        refuse "apt-get could not install $*; see the error above"
}

apt_install() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# Installs COMMAND of crates.io in VERSION into target/tools, if missing; further arguments are for cargo install.
need_tool() {
    local command=$1 version=$2 tools=$here/target/tools
    shift 2
    # Some tell their version only as cargo's subcommand.
    [[ $({ "$tools/bin/$command" --version || "$tools/bin/$command" "${command#cargo-}" --version; } 2>/dev/null) != *"$version" ]] || return 0
    # It runs for seconds, so optimising it would take longer than it saves.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR=$tools/build cargo install --locked --root "$tools" --version "$version" "$@" "$command"
    rm -rf "$tools/build"
}

# Builds the program as it is shipped, into target/release.
build() {
    cargo build --release --locked --manifest-path "$here/Cargo.toml" --target-dir "$here/target"
}
