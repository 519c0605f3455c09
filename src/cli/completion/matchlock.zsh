#compdef matchlock
# zsh completion for matchlock: install it as _matchlock in a folder of $fpath, or source it.

_matchlock() {
	local -a lines values
	local line value directive
	lines=("${(@f)$("${words[1]}" @COMPLETE@ "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	directive=${lines[-1]#:}
	lines[-1]=()
	[[ -n $directive ]] || return 1
	for line in "${lines[@]}"; do
		value=${${line%%$'\t'*}//:/\\:}
		[[ $line == *$'\t'* ]] && value+=":${line#*$'\t'}"
		values+=("$value")
	done
	[[ $PREFIX == --*=* ]] && compset -P '*='
	if (( $#values )); then
		if (( directive & 2 )); then
			_describe -V matchlock values -S ''
		else
			_describe -V matchlock values
		fi
	elif (( !(directive & 4) )); then
		_files
	fi
}

if [[ $funcstack[1] == _matchlock ]]; then
	_matchlock "$@"
else
	compdef _matchlock matchlock
fi
