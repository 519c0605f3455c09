# SPDX-License-Identifier: MIT
# awk -v folder=DIR -f blocks.awk FILE.md: the code blocks of a document.  Each becomes DIR/LINE, LINE
# being that of its first fence; printed is, for each, "LINE LANGUAGE REASON".  The reason is that of a
# comment `<!-- test: skip REASON -->` in the line before, else "-"; a language that is missing is "none".
# A block of the language "console" becomes a shell script whose output is to equal it: DIR/LINE.sh.

function end_of_command() {
	if (command == "")
		return
	gsub(/'/, "'\\''", shown)
	print "status=$?; printf '%s\\n' '" shown "'; (exit $status)" >script
	print command >script
	command = ""
}

match($0, /^ *```/) {
	if (inside) {
		end_of_command()
		inside = 0
		close(file)
		close(script)
		next
	}
	inside = 1
	indent = RLENGTH - 3
	language = substr($0, RLENGTH + 1)
	file = folder "/" NR
	script = language == "console" ? file ".sh" : "/dev/null"
	printf "" >file
	print NR, (language == "" ? "none" : language), (reason == "" ? "-" : reason)
	next
}

inside {
	line = substr($0, indent + 1)
	print line >file
	if (language != "console")
		next
	if (line ~ /^\$ /) {
		end_of_command()
		shown = line
		command = substr(line, 3)
	} else if (line ~ /^> /) {
		shown = shown "\n" line
		command = command "\n" substr(line, 3)
	} else {
		end_of_command()
	}
	next
}

{
	reason = ""
	if (match($0, /^ *<!-- test: skip [a-z]+ -->$/)) {
		split($0, words, " ")
		reason = words[4]
	}
}
