#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One man page: man.sh BUILD-FOLDER PAGE.scd > PAGE. What the tables of commands, settings and codes know is put in where the page
# has a line "@commands PROGRAM@", "@settings@", "@machine-settings@" or "@codes@", and what the library's header says where one has
# "@overview@" or "@functions@", so that it is written down once.
set -eu
build=$1
page=$2

# For scdoc these are marks, unless they are escaped.
plain='function plain(text) { gsub(/[\\*_]/, "\\\\&", text); return text }'

# Between quotes: section, key, default, prose; the rest is type, limits and reload.
settings() {
	awk "$plain"'
	/^OPT\(/ {
		if (split($0, part, "\"") != 9) { print "man.sh: not understood: " $0 > "/dev/stderr"; bad = 1; exit 1 }
		split(part[5], kind, /, */)
		split(part[7], rest, /, */)
		number = kind[2] == "NUMBER" ? ", " rest[2] " to " rest[3] : ""
		row = "*" part[4] "*" (part[6] == "" ? "" : " (_" plain(part[6]) "_" number ")") \
			(rest[4] == "true" ? ", _reload_" : "") "\n\t" plain(part[8]) "\n\n"
		if (!(part[2] in rows)) order[++n] = part[2]
		rows[part[2]] = rows[part[2]] row
	}
	END {
		if (bad) exit 1
		for (i = 1; i <= n; i++) printf "# [%s]\n\n%s", toupper(order[i]), rows[order[i]]
	}
	' server/config.def
}

# As the sample has them: what a key is for, and below it the key with its default, or with what it takes, in capitals.
machine_settings() {
	sample=$(sh packaging/conf.sh muster "$build")
	printf '%s\n' "$sample" | awk "$plain"'
	/^# / { text = substr($0, 3) }
	/^#[a-z]/ {
		value = "_" plain($3) "_"
		printf "*%s* %s\n\t%s\n\n", substr($1, 2), $3 ~ /[A-Z]/ ? value : "(" value ")", plain(text)
	}
	'
}

# Before the quotes number, name, retry, HTTP status and exit status; between them text and remedy.
codes() {
	awk "$plain"'
	/^ERR\(/ {
		if (split($0, part, "\"") != 5) { print "man.sh: not understood: " $0 > "/dev/stderr"; exit 1 }
		gsub(/^ERR\(/, "", part[1])
		split(part[1], field, /, */)
		printf "*%s* (%s)\n\t%s. %s++\n_%s_; exit %s, HTTP %s.\n\n", plain(field[2]), field[1],
			plain(toupper(substr(part[2], 1, 1)) substr(part[2], 2)), plain(part[4]), tolower(field[3]), field[5], field[4]
	}
	' protocol/errors.def
}

# scdoc puts paragraphs where there are none: behind headings, and at the end of blocks instead of behind them.
tidy() {
	awk '
	/^\.P$/ { held = 1; next }
	/^\.RE$/ { print; next }
	{ if (held && !headed && !/^\.S[HS]/) print ".P"; held = 0; print; headed = /^\.(S[HS]|TH)/ }
	'
}

expand() {
	while IFS= read -r line; do
		case $line in
		'@commands '*@)
			program=${line#@commands }
			"$build/${program%@}" --help-man
			;;
		@settings@) settings ;;
		@machine-settings@) machine_settings ;;
		@codes@) codes ;;
		@overview@ | @functions@) mode=${line#@} && sh packaging/man3.sh "${mode%@}" client/include/muster.h ;;
		*) printf '%s\n' "$line" ;;
		esac
	done <"$page"
}

# Step by step, so that a failure of each is one of the whole.
text=$(expand)
roff=$(printf '%s\n' "$text" | scdoc)
printf '%s\n' "$roff" | tidy
