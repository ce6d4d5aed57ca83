#compdef shipway
# Completion of shipway for zsh. It asks the program, and so knows the plan that is found here.
_shipway() {
    local line value about
    local -a whole begun
    for line in "${(@f)$("${(Q)words[1]/#\~/$HOME}" complete "--current=${(Q)words[CURRENT]}" -- "${(@Q)words[2,CURRENT-1]}" 2> /dev/null)}"; do
        case $line in
            '') ;;
            :files) _files ;;
            :folders) _files -/ ;;
            *)
                value=${line%%$'\t'*} about=
                [[ $line == *$'\t'* ]] && about=${line#*$'\t'}
                if [[ $value == *[=.] ]]; then
                    begun+=("${value//:/\\:}:$about")
                else
                    whole+=("${value//:/\\:}:$about")
                fi
                ;;
        esac
    done
    (( $#whole )) && _describe -V 'shipway' whole
    # Something follows these without a space.
    (( $#begun )) && _describe -V 'shipway' begun -S ''
    return 0
}
if [[ ${funcstack[1]} == _shipway ]]; then
    _shipway "$@"
else
    compdef _shipway shipway
fi
