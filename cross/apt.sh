# shellcheck shell=bash disable=SC2154 # deb is choose_target's
# Sourced by scripts that have chosen a target (target.sh): asks the machine's own servers of Debian for packages of the
# device's architecture too, in rooms of its own under target/cross/apt. It installs nothing and changes nothing of
# this machine's apt or dpkg.
: "${KEPT:?}" "${me:?}"

# However long a server takes to answer, seconds.
readonly FETCH_LIMIT_S=600
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true

not_to_be_had() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit "$NOT_TO_BE_HAD"
}

candidate() { apt_for_both apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -vxF '(none)' || true; }

# Asks the machine's own servers of Debian, in rooms of its own, what they have for both architectures.
apt_update() {
    [[ ! -e $KEPT/apt/updated-$$ ]] || return 0
    local uri release component key=
    for key in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} ""; do [[ ! -s $key ]] || break; done
    mkdir -p "$KEPT/apt/"{lists/partial,cache/archives/partial}
    : >"$KEPT/apt/status"
    # shellcheck disable=SC2016 # apt's own names, not the shell's
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sort -u | while read -r origin uri release component; do
        [[ $origin == Debian && $component == main && $release =~ ^$suite(-updates|-security)?$ ]] || continue
        echo "deb [arch=amd64,$deb${key:+ signed-by=$key}] $uri $release $component"
    done >"$KEPT/apt/sources.list"
    [[ -s $KEPT/apt/sources.list ]] ||
        not_to_be_had "apt knows no server of Debian $suite yet: run apt-get update, and $me again"
    # One list of several may be out of step with its server; what lacks then is found out by name.
    apt_for_both apt-get update >"$KEPT/apt/log" 2>&1 || say "some package lists cannot be had today (target/cross/apt/log)"
    rm -f "$KEPT/apt/updated-"*
    touch "$KEPT/apt/updated-$$"
}

apt_for_both() {
    local tool=$1
    shift
    timeout --foreground "$FETCH_LIMIT_S" "$tool" -q \
        -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Architectures::="$deb" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 \
        -o Dir::Etc::SourceList="$KEPT/apt/sources.list" -o Dir::Etc::SourceParts=/nonexistent \
        -o Dir::State::Status="$KEPT/apt/status" -o Dir::State::Lists="$KEPT/apt/lists" \
        -o Dir::Cache="$KEPT/apt/cache" "$@"
}
