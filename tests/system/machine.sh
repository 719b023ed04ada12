# shellcheck shell=bash
# Sourced by ./try and ./check, which set `me` and `here`: finds what this machine lacks and installs it.
# It installs Debian packages and, where there is rustup, Rust's own components; which Rust to have is its
# owner's choice.
: "${me:?}" "${here:?}"

# A shell that was open while rustup was installed does not know its directory yet.
PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin

say() { printf '%s: %s\n' "$me" "$*"; }

refuse() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit 2
}

# Sees that Rust is here and new enough.
need_rust() {
    local needed found
    needed=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$here/Cargo.toml")
    { command -v rustc && command -v cargo; } >/dev/null ||
        refuse "there is no Rust here: install $needed or newer, as https://rustup.rs says, and run ./$me again"
    { found=$(rustc --version) && cargo --version; } >/dev/null ||
        refuse "Rust is here but does not run, for the reason above; with rustup, try: rustup default stable"
    found=$(cut -d ' ' -f 2 <<<"$found")
    [[ $(printf '%s\n' "$needed" "$found" | sort -V | head -n 1) == "$needed" ]] ||
        refuse "Rust $found is too old, $needed is needed; with rustup: rustup update stable." \
            "A system's own Rust that is too old is best left alone: https://rustup.rs lives beside it"
}

# Sees that cargo has the components COMMAND..., such as fmt.
need_components() {
    local command missing=()
    for command; do
        cargo "$command" --version >/dev/null 2>&1 || missing+=("${command/fmt/rustfmt}")
    done
    ((${#missing[@]})) || return 0
    command -v rustup >/dev/null ||
        refuse "cargo lacks ${missing[*]}: install what your system calls them, and run ./$me again"
    say "installing ${missing[*]} with rustup"
    rustup component add "${missing[@]}" || refuse "rustup could not install ${missing[*]}, for the reason above"
}

# Sees that a C program can be built, ALSA's too, and that the commands COMMAND... are here, whose packages bear
# their names.
need_packages() {
    local command missing=()
    # What counts is what works, wherever it came from: only what does not is asked of apt-get.
    cc -x c -o /dev/null - <<<'#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }' 2>/dev/null || missing+=(gcc libc6-dev)
    for command; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    pkg-config --exists alsa 2>/dev/null || missing+=(libasound2-dev)
    # Cargo trusts nobody without them.
    [[ -n ${SSL_CERT_FILE:-} || -s /etc/ssl/certs/ca-certificates.crt || -d /etc/pki ]] ||
        missing+=(ca-certificates)
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

install_packages() {
    local root=()
    command -v apt-get >/dev/null ||
        refuse "missing: $* (Debian's names), and there is no apt-get: install what your system calls them," \
            "and run ./$me again"
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            refuse "missing: $*; there is no sudo, so as root: apt-get install $* (and run ./$me again)"
        root=(sudo)
    fi
    say "installing with apt-get: $*"
    # A fresh system has no lists, and old lists name versions that are gone.
    apt-get --simulate install "$@" >/dev/null 2>&1 || "${root[@]}" apt-get update -q
    apt_install "$@" || { "${root[@]}" apt-get update -q && apt_install "$@"; } ||
        refuse "apt-get could not install $*, for the reason above"
}

apt_install() {
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# Sees that COMMAND of crates.io is here in VERSION, in a place of its own; more words are for cargo install.
need_tool() {
    local command=$1 version=$2 tools=$here/target/tools
    shift 2
    [[ $("$tools/bin/$command" --version 2>/dev/null) != *"$version" ]] || return 0
    # It runs for a few seconds, so making it fast would cost more than it gives.
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_TARGET_DIR=$tools/build cargo install --locked --root "$tools" --version "$version" "$@" "$command"
    rm -rf "$tools/build"
}

# Builds the program as it is shipped, into target/release.
build() {
    cargo build --release --locked --manifest-path "$here/Cargo.toml" --target-dir "$here/target"
}
