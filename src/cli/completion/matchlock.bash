# bash completion for matchlock: source it, or install it as
# /etc/bash_completion.d/matchlock (or in ~/.local/share/bash-completion/completions).

# Collects the words up to the cursor in $words.  Readline cuts words at ":" and "=" too; what
# stands together on the line is one word for us.
__matchlock_words() {
	local rest=$COMP_LINE word i
	words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
			words+=("$word")
		else
			words[${#words[@]} - 1]+=$word
		fi
		rest=${rest#"${rest%%[![:space:]]*}"}
		rest=${rest#"$word"}
	done
}

_matchlock() {
	local words word line directive=0 width=0 head i
	local -a lines values texts
	__matchlock_words
	word=${words[${#words[@]} - 1]}
	while IFS= read -r line; do
		lines+=("$line")
	done < <("${words[0]/#\~/$HOME}" @COMPLETE@ "${words[@]:1}" 2>/dev/null)
	((${#lines[@]})) || return
	directive=${lines[${#lines[@]} - 1]#:}
	unset 'lines[${#lines[@]}-1]'

	# What readline replaces begins behind the last ":" or "=".
	head=
	[[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && head=${word%"${word##*:}"}
	if [[ $word == --*=* && $COMP_WORDBREAKS != *=* ]]; then
		for i in "${!lines[@]}"; do lines[i]=${word%%=*}=${lines[i]}; done
	elif [[ $word == --*=* ]]; then
		head=${head#*=}
	fi
	for line in "${lines[@]}"; do
		values+=("${line%%$'\t'*}")
		((${#values[${#values[@]} - 1]} > width)) && width=${#values[${#values[@]} - 1]}
	done
	COMPREPLY=()
	for i in "${!values[@]}"; do
		if ((${#values[@]} > 1)) && [[ ${lines[i]} == *$'\t'* ]]; then
			printf -v line '%-*s (%s)' "$width" "${values[i]}" "${lines[i]#*$'\t'}"
		else
			line=${values[i]}
		fi
		COMPREPLY+=("${line#"$head"}")
	done
	((directive & 2)) && compopt -o nospace 2>/dev/null
	((directive & 4)) && compopt +o default 2>/dev/null
	return 0
}

complete -o default -F _matchlock matchlock
