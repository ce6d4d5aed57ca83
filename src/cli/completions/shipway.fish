# Completion of shipway for fish. It asks the program, and so knows the plan that is found here.
function __shipway_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    set -e words[1]
    set -l current (commandline -ct)
    for line in (eval $program complete "--current="(string escape -- "$current") -- (string escape -- $words) 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current"
            case '*'
                echo $line
        end
    end
end
complete -c shipway -f -a '(__shipway_complete)'
