# fish completion for matchlock: install it as ~/.config/fish/completions/matchlock.fish

function __matchlock_complete
	set -l words (commandline -opc)
	set -l word (commandline -ct)
	set -l lines ($words[1] @COMPLETE@ $words[2..-1] "$word" 2>/dev/null)
	or return
	set -l directive (string replace -r '^:' '' -- $lines[-1])
	set -e lines[-1]
	set -l head (string match -r -- '^--[^=]*=' "$word")
	for line in $lines
		echo -- "$head$line"
	end
	if test (count $lines) -eq 0; and test (math "bitand($directive, 4)") -eq 0
		__fish_complete_path "$word"
	end
end

complete -c matchlock -f -a '(__matchlock_complete)'
