#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A settings file in which every key stands commented out at its default, so that it is written down once:
#   conf.sh musterd                 from server/config.def
#   conf.sh muster BUILD-FOLDER     from client/cli/settings.c and what `muster --help` says of the options of these names
set -eu

# Between quotes: section, key, default, prose. Comments are broken, because no line may be longer than the reader takes.
host() {
	cat <<-'END'
	# Settings of the Muster activation host, musterd. Each key is shown at its default; musterd.conf(5) tells more.
	# `musterctl config check FILE` checks this file, `systemctl reload musterd` takes over what is marked with (reload).
	END
	awk '
	function comment(text,   n, i, word, line) {
		n = split(text, word, / /)
		line = "#"
		for (i = 1; i <= n; i++) {
			if (length(line " " word[i]) > 120) { out = out line "\n"; line = "#" }
			line = line " " word[i]
		}
		out = out line "\n"
	}
	/^OPT\(/ {
		if (split($0, part, "\"") != 9) { print "conf.sh: not understood: " $0 > "/dev/stderr"; bad = 1; exit 1 }
		split(part[7], rest, /, */)
		out = ""
		comment(part[8] (rest[4] == "true" ? " (reload)" : ""))
		if (!(part[2] in keys)) order[++n_sections] = part[2]
		keys[part[2]] = keys[part[2]] out "#" part[4] " =" (part[6] == "" ? "" : " " part[6]) "\n"
	}
	END {
		if (bad) exit 1
		for (i = 1; i <= n_sections; i++) printf "\n[%s]\n%s", order[i], keys[order[i]]
	}
	' server/config.def
}

# The default of an option stands in brackets at the end of its prose; one without is shown by what it takes.
machine() {
	cat <<-'END'
	# Settings of this machine for `muster` and its agent; muster.conf(5) tells more. The command line and the environment go before.
	END
	"$1/muster" --help | awk '
	FNR == NR {
		if (match($0, /\.name = "[^"]+"/)) names[++n] = substr($0, RSTART + 9, RLENGTH - 10)
		next
	}
	$1 ~ /^--/ {
		name = substr($1, 3)
		value = $2
		text = $0
		sub(/^ *[^ ]+ [^ ]+ +/, "", text)
		if (match(text, / \([^ ]+\)$/)) {
			value = substr(text, RSTART + 2, RLENGTH - 3)
			text = substr(text, 1, RSTART - 1)
		}
		rows[name] = "\n# " text "\n#" name " = " value "\n"
	}
	END {
		for (i = 1; i <= n; i++) {
			if (!(names[i] in rows)) { print "conf.sh: no option --" names[i] > "/dev/stderr"; exit 1 }
			printf "%s", rows[names[i]]
		}
		if (!n) exit 1
	}
	' client/cli/settings.c -
}

case $1 in
musterd) host ;;
muster) machine "$2" ;;
esac
