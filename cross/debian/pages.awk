# Reads the text of `mynah --help` and writes one page: mynah.1, mynah.bash, _mynah (zsh) or mynah.fish.

/^Usage: / { usage[uses++] = substr($0, 8); next }
/^ +mynah / { sub(/^ +/, ""); usage[uses++] = $0; next }
/^[A-Z][a-z]+$/ { group = $0; next }
/^  --help, --version / { next }
/^  --[a-z]/ { begin(); next }
# Not every awk counts repetitions.
substr($0, 1, 20) ~ /^ +$/ && flags { sub(/^ +/, ""); help[flags] = help[flags] " " $0; next }
/^  [A-Z_]+$/ { variable[variables++] = $1; next }

END {
    if (!flags || !uses) {
        print "this is not the text of mynah --help" > "/dev/stderr"
        exit 1
    }
    boards = 0
    for (i = 0; i < uses; i++) if (usage[i] ~ /^mynah boards/) boards = 1
    for (i = 1; i <= flags; i++) understand(i)
    if (page == "mynah.1") manual()
    else if (page == "mynah.bash") bash()
    else if (page == "_mynah") zsh()
    else if (page == "mynah.fish") fish()
}

# A flag's first line: its name, perhaps what it takes, and the beginning of its help.
function begin(  words) {
    flags++
    words = substr($0, 3)
    match(words, /^--[a-z-]+/)
    name[flags] = substr(words, 3, RLENGTH - 2)
    words = substr(words, RLENGTH + 1)
    if (match(words, /^ [A-Z]+/)) {
        value[flags] = substr(words, 2, RLENGTH - 1)
        words = substr(words, RLENGTH + 1)
    }
    sub(/^ +/, "", words)
    help[flags] = words
    title[flags] = group
}

# Finds out of what kind a flag's value is: one of several words, a file, a folder, a board, or any text.
function understand(i,  words) {
    words = help[i]
    sub(/ \[[^]]*\]$/, "", words)
    if (value[i] == "") kind[i] = "switch"
    else if (match(words, /: [a-z0-9_-]+(, [a-z0-9_-]+)+$/)) {
        kind[i] = "choice"
        choices[i] = substr(words, RSTART + 2)
        gsub(/,/, "", choices[i])
    } else if (value[i] == "FILE" || value[i] == "WAV") kind[i] = "file"
    else if (value[i] == "DIR") kind[i] = "folder"
    else if (value[i] == "BOARD") kind[i] = "board"
    else kind[i] = "text"
}

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/'/, "\\(aq", text)
    sub(/^\./, "\\\\\\&.", text)
    return text
}

function manual(  i, last) {
    print ".TH MYNAH 1 \"\" \"mynah\" \"User Commands\""
    # Long paths and settings would be torn apart.
    print ".ad l\n.nh\n.SH NAME\nmynah \\- smart speaker for Azure Voice Live"
    print ".SH SYNOPSIS\n.nf"
    for (i = 0; i < uses; i++) print roff(usage[i])
    print ".fi\n.SH DESCRIPTION"
    print "mynah holds spoken conversations with Azure AI Speech Voice Live through a sound card, a button and a light."
    print "As a service it is started at boot and reads"
    print ".IR /etc/mynah/mynah.toml ;"
    print "on a terminal space is the button, m mutes and q quits."
    print ".SH OPTIONS"
    print "Each is a setting of the config file too, with _ for \\- and without the dashes."
    for (i = 1; i <= flags; i++) {
        if (title[i] != last) print ".SS " (last = title[i])
        print ".TP"
        if (value[i] == "") print ".B \\-\\-" roff(name[i])
        else print ".BI \"\\-\\-" roff(name[i]) " \" " value[i]
        print roff(help[i])
    }
    print ".TP\n.B \\-\\-help\nsay this shorter\n.TP\n.B \\-\\-version\nsay which mynah this is"
    print ".SH EXIT STATUS"
    print ".TP\n.B 0\nits owner left\n.TP\n.B 1\nit broke while it ran\n.TP\n.B 2\nsomething is set up wrong, and it said what"
    print ".SH SIGNALS"
    print ".TP\n.B SIGUSR1\nhas the last minutes written into the recordings"
    print ".SH ENVIRONMENT"
    print "A flag wins over the environment, that over"
    print ".IR .env ,"
    print "and that over the config file."
    for (i = 0; i < variables; i++) print (i ? ".br\n" : ".PP\n") ".B " variable[i]
    print ".SH FILES"
    print ".TP\n.I /etc/mynah/mynah.toml\nthe settings"
    print ".TP\n.I /usr/share/mynah/board\nwhat boards are like, to choose from and to copy"
    print ".TP\n.I /var/lib/mynah\nwhat the service remembers, and in\n.I recordings\nwhat happened before something went wrong, for\n.B mynah replay"
    print ".TP\n.I /etc/credstore/mynah.api\\-key\nthe key, for the service alone, which finds it by itself"
    print ".TP\n.I /etc/credstore/mynah.token\na bearer token in the same way"
    print ".TP\n.I /etc/credstore.encrypted/mynah.sealed\\-api\\-key"
    print "the key sealed to this machine, in the same way; it is made by"
    print ".B systemd\\-creds encrypt \\-\\-name=sealed\\-api\\-key KEYFILE /etc/credstore.encrypted/mynah.sealed\\-api\\-key"
    print ".SH SEE ALSO\n.BR systemd\\-creds (1),\n.BR aplay (1),\n.BR journalctl (1)"
}

function bash(  i, all) {
    print "# Completion of mynah for bash, made from its --help."
    print "_mynah() {"
    print "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
    print "    local boards=/usr/share/mynah/board"
    # The shell makes a word of the = in --flag=value.
    print "    [[ $before != = ]] || before=${COMP_WORDS[COMP_CWORD - 2]}"
    print "    [[ $word != = ]] || word="
    print "    case $before in"
    for (i = 1; i <= flags; i++) {
        all = all " --" name[i]
        if (kind[i] == "choice") print "        --" name[i] ") mapfile -t COMPREPLY < <(compgen -W '" choices[i] "' -- \"$word\") && return ;;"
        if (kind[i] == "file") print "        --" name[i] ") mapfile -t COMPREPLY < <(compgen -f -- \"$word\") && return ;;"
        if (kind[i] == "folder") print "        --" name[i] ") mapfile -t COMPREPLY < <(compgen -d -- \"$word\") && return ;;"
        if (kind[i] == "board") print "        --" name[i] ") mapfile -t COMPREPLY < <(compgen -W \"$(cd \"$boards\" 2>/dev/null && printf '%s\\n' *.toml | sed 's/\\.toml$//')\" -- \"$word\"; compgen -f -- \"$word\") && return ;;"
        if (kind[i] == "text") print "        --" name[i] ") return ;;"
    }
    if (boards) {
        print "        replay) mapfile -t COMPREPLY < <(compgen -W --verbose -- \"$word\"; compgen -f -- \"$word\") && return ;;"
        print "        boards) mapfile -t COMPREPLY < <(compgen -W 'show check' -- \"$word\") && return ;;"
        print "        show) mapfile -t COMPREPLY < <(compgen -W \"$(cd \"$boards\" 2>/dev/null && printf '%s\\n' *.toml | sed 's/\\.toml$//')\" -- \"$word\") && return ;;"
        print "        check) mapfile -t COMPREPLY < <(compgen -f -- \"$word\") && return ;;"
    }
    print "    esac"
    print "    local all='" substr(all, 2) " --help --version'"
    if (boards) print "    ((COMP_CWORD > 1)) || all+=' boards replay'"
    print "    mapfile -t COMPREPLY < <(compgen -W \"$all\" -- \"$word\")"
    print "}"
    print "complete -F _mynah mynah"
}

# Escapes what means something in a zsh description.
function zsh_text(text) {
    gsub(/'/, "'\\''", text)
    gsub(/\[/, "\\[", text)
    gsub(/\]/, "\\]", text)
    gsub(/:/, "\\:", text)
    return text
}

function zsh(  i, action) {
    print "#compdef mynah"
    print "# Completion of mynah for zsh, made from its --help."
    if (boards) {
        print "if (( CURRENT > 2 )) && [[ $words[2] == replay ]]; then"
        print "    compadd -- --verbose"
        print "    _files"
        print "    return"
        print "fi"
        print "if (( CURRENT > 2 )) && [[ $words[2] == boards ]]; then"
        print "    if (( CURRENT == 3 )); then"
        print "        compadd show check"
        print "    elif [[ $words[3] == show ]]; then"
        print "        compadd -- /usr/share/mynah/board/*.toml(N:t:r)"
        print "    else"
        print "        _files"
        print "    fi"
        print "    return"
        print "fi"
    }
    print "_arguments \\"
    for (i = 1; i <= flags; i++) {
        if (kind[i] == "switch") {
            print "    '--" name[i] "[" zsh_text(help[i]) "]' \\"
            continue
        }
        action = " "
        if (kind[i] == "choice") action = "(" choices[i] ")"
        if (kind[i] == "file") action = "_files"
        if (kind[i] == "folder") action = "_files -/"
        if (kind[i] == "board") action = "{compadd -- /usr/share/mynah/board/*.toml(N\\:t\\:r); _files}"
        print "    '--" name[i] "=[" zsh_text(help[i]) "]:" value[i] ":" action "' \\"
    }
    if (boards) print "    '1:command:(boards replay)' \\"
    print "    '(- *)--help[say what there is]' \\"
    print "    '(- *)--version[say which mynah this is]'"
}

function fish_text(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/'/, "\\'", text)
    return "'" text "'"
}

function fish(  i, line) {
    print "# Completion of mynah for fish, made from its --help."
    print "complete -c mynah -f"
    for (i = 1; i <= flags; i++) {
        line = "complete -c mynah -l " name[i]
        if (kind[i] == "choice") line = line " -x -a '" choices[i] "'"
        if (kind[i] == "file") line = line " -r -F"
        if (kind[i] == "folder") line = line " -x -a '(__fish_complete_directories)'"
        if (kind[i] == "board") line = line " -r -F -a '(path basename /usr/share/mynah/board/*.toml 2>/dev/null | string replace .toml \"\")'"
        if (kind[i] == "text") line = line " -x"
        print line " -d " fish_text(help[i])
    }
    if (boards) {
        print "complete -c mynah -n __fish_use_subcommand -a boards -d 'list, show or check boards'"
        print "complete -c mynah -n __fish_use_subcommand -a replay -d 'live a recording again'"
        print "complete -c mynah -n '__fish_seen_subcommand_from replay' -F -l verbose -d 'tell what happened'"
        print "complete -c mynah -n '__fish_seen_subcommand_from boards' -a 'show check'"
        print "complete -c mynah -n '__fish_seen_subcommand_from check' -F"
    }
    print "complete -c mynah -l help -d 'say what there is'"
    print "complete -c mynah -l version -d 'say which mynah this is'"
}
