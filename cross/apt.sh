# shellcheck shell=bash disable=SC2154 # deb is choose_target's
# Sourced by scripts that have chosen a target (target.sh): asks the machine's own servers of Debian for packages of the
# device's architecture too, in rooms of its own under target/cross/apt. It installs nothing and changes nothing of
# this machine's apt or dpkg.
: "${CROSS_DIR:?}" "${me:?}"

# However long a server takes to answer, seconds.
readonly FETCH_LIMIT_S=600
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true

refuse_unavailable() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit "$UNAVAILABLE"
}

candidate_version() { apt_for_both apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -vxF '(none)' || true; }

# Asks the machine's own servers of Debian, in rooms of its own, what they have for both architectures.
apt_update() {
    [[ ! -e $CROSS_DIR/apt/updated-$$ ]] || return 0
    local uri release component key=
    for key in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} ""; do [[ ! -s $key ]] || break; done
    mkdir -p "$CROSS_DIR/apt/"{lists/partial,cache/archives/partial}
    : >"$CROSS_DIR/apt/status"
    # shellcheck disable=SC2016 # apt's own names, not the shell's
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sort -u | while read -r origin uri release component; do
        [[ $origin == Debian && $component == main && $release =~ ^$suite(-updates|-security)?$ ]] || continue
        echo "deb [arch=amd64,$deb${key:+ signed-by=$key}] $uri $release $component"
    done >"$CROSS_DIR/apt/sources.list"
    [[ -s $CROSS_DIR/apt/sources.list ]] ||
        refuse_unavailable "apt knows no server of Debian $suite yet: run apt-get update, and $me again"
    # One list of several may be out of step with its server; what lacks then is found out by name.
    apt_for_both apt-get update >"$CROSS_DIR/apt/log" 2>&1 || say "some package lists cannot be had today (target/cross/apt/log)"
    rm -f "$CROSS_DIR/apt/updated-"*
    touch "$CROSS_DIR/apt/updated-$$"
}

apt_for_both() {
    local tool=$1
    shift
    timeout --foreground "$FETCH_LIMIT_S" "$tool" -q \
        -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::="$deb" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 \
        -o Dir::Etc::SourceList="$CROSS_DIR/apt/sources.list" -o Dir::Etc::SourceParts=/nonexistent \
        -o Dir::State::Status="$CROSS_DIR/apt/status" -o Dir::State::Lists="$CROSS_DIR/apt/lists" \
        -o Dir::Cache="$CROSS_DIR/apt/cache" "$@"
}
