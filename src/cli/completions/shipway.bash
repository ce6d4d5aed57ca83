# Completion of shipway for bash. It asks the program, and so knows the plan that is found here.
_shipway() {
    local current=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]/#\~/$HOME}
    local word line words=()
    # bash takes `=` for a word: `--env=preview` is three.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == = ]] || words+=("$word")
    done
    [[ $current == = ]] && current=
    COMPREPLY=()
    while IFS= read -r line; do
        case $line in
            :files | :folders)
                compopt -o filenames 2> /dev/null
                local kind=-f
                [[ $line == :folders ]] && kind=-d
                while IFS= read -r word; do
                    COMPREPLY+=("$word")
                done < <(compgen "$kind" -- "$current")
                ;;
            *) COMPREPLY+=("${line%%$'\t'*}") ;;
        esac
    done < <("$program" complete "--current=$current" -- "${words[@]}" 2> /dev/null)
    # Something follows these without a space.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace 2> /dev/null
    return 0
}
complete -F _shipway shipway
