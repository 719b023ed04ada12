# shellcheck shell=bash disable=SC2154 # choose_target sets deb
# Sourced by scripts that have chosen a target (target.sh): downloads packages of this machine's and of the device's
# architecture from the Debian servers in apt's sources. It keeps its state in target/cross/apt, installs nothing, and does
# not change this machine's apt or dpkg.
: "${CROSS_DIR:?}" "${me:?}"

# Time limit for one apt command.
readonly FETCH_LIMIT_S=600
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null) || true

refuse_unavailable() {
    printf '%s: %s\n' "$me" "$*" >&2
    exit "$UNAVAILABLE"
}

candidate_version() { apt_for_both apt-cache policy "$1" | sed -n 's/^ *Candidate: //p' | grep -vxF '(none)' || true; }

# Downloads the package lists for both architectures, once in each run.
apt_update() {
    [[ ! -e $CROSS_DIR/apt/updated-$$ ]] || return 0
    local uri release component key=
    for key in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} ""; do [[ ! -s $key ]] || break; done
    mkdir -p "$CROSS_DIR/apt/"{lists/partial,cache/archives/partial}
    : >"$CROSS_DIR/apt/status"
    # shellcheck disable=SC2016 # these are apt's variables
    apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        sort -u | while read -r origin uri release component; do
        [[ $origin == Debian && $component == main && $release =~ ^$suite(-updates|-security)?$ ]] || continue
        echo "deb [arch=amd64,$deb${key:+ signed-by=$key}] $uri $release $component"
    done >"$CROSS_DIR/apt/sources.list"
    [[ -s $CROSS_DIR/apt/sources.list ]] ||
        refuse_unavailable "apt has no package lists of Debian $suite: run apt-get update, then $me again"
    update_lists || {
        # A security archive whose list for the device is out of date hides this machine's too, with the compiler in it.
        sed -i -E "/-security /s/arch=amd64,$deb/arch=amd64/" "$CROSS_DIR/apt/sources.list"
        # A package that is missing then is named later.
        update_lists || say "some package lists could not be downloaded (target/cross/apt/log)"
    }
    rm -f "$CROSS_DIR/apt/updated-"*
    touch "$CROSS_DIR/apt/updated-$$"
}

update_lists() { apt_for_both apt-get update --error-on=any >"$CROSS_DIR/apt/log" 2>&1; }

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
