#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The library's man pages out of its header, where they are written down once.
#   man3.sh pages HEADER FOLDER   before the header's first section each comment with its functions is a page; each section after that is
#                                 one. Every function has a page of its name, if only a link to where it is described
#   man3.sh overview HEADER       the header's first comment, for muster.3
#   man3.sh functions HEADER      a row for each page
set -eu
mode=$1
header=$2

# For scdoc; pages stand each behind a line "@page NAME OTHER-NAMES...".
read_header() {
	awk -v mode="$mode" '
	function plain(text) { gsub(/[\\*_]/, "\\\\&", text); sub(/^[-#|;\[\]]/, "\\\\&", text); return text }

	# A comment as paragraphs; what is indented stays as it stands.
	function prose(comment,    n, line, i, out, open, text) {
		n = split(comment, line, "\n")
		for (i = 1; i <= n + 1; i++) {
			if (i <= n && line[i] ~ /^  /) {
				if (text != "") { out = out plain(text) "\n\n"; text = "" }
				if (!open) { out = out "```\n"; open = 1 }
				out = out substr(line[i], 3) "\n"
				continue
			}
			if (open) { out = out "```\n\n"; open = 0 }
			if (i <= n && line[i] !~ /^ *$/) { sub(/^ +/, "", line[i]); text = text (text == "" ? "" : " ") line[i]; continue }
			if (text != "") { out = out plain(text) "\n\n"; text = "" }
		}
		return out
	}

	function sentence(comment,    text) {
		text = comment
		gsub(/\n */, " ", text)
		sub(/^ +/, "", text)
		sub(/([.:;] .*|\.? *)$/, "", text)
		return tolower(substr(text, 1, 1)) substr(text, 2)
	}

	function name_of(prototype) { match(prototype, /muster_[a-z_0-9]+\(/); return substr(prototype, RSTART, RLENGTH - 1) }

	function end_page() {
		if (!n_names) { body = ""; synopsis = ""; return }
		if (mode == "functions") {
			gsub(/ /, "*, *", names)
			print "*" plain_names(names) "*\n\t" plain(what) "\n"
		}
		if (mode == "pages")
			print_page()
		names = synopsis = body = intro = codes = ""
		n_names = 0
	}

	function plain_names(text) { gsub(/_/, "\\_", text); return text }

	function print_page() {
		print "@page " names
		gsub(/ /, ", ", names)
		print substr(names, 1, index(names ",", ",") - 1) "(3)\n\n# NAME\n\n" plain(names) " - " plain(what) "\n"
		print "# SYNOPSIS\n\n```\n#include <muster.h>\n\n" synopsis "```\n"
		print "# DESCRIPTION\n\n" intro body
		print "Which thread may call it, and how long strings live, is in *muster*(3).\n"
		if (codes != "") {
			print "# RETURN VALUE\n\n0 or a negative code, which *muster\\_error\\_number*(3) and its like explain."
			if (synopsis ~ /deadline_ms/) print "With the option nonblocking MUSTER\\_IN\\_PROGRESS first: *muster\\_process*(3)."
			print "\n# ERRORS\n\n" prose(codes)
		}
		print "# SEE ALSO\n\n*muster*(3), *muster-codes*(7)"
	}

	function end_block(    i, terms) {
		if (mode == "overview" && comment ~ /libmuster: /) print prose(comment)
		if (n_block) {
			if (!section) {
				end_page()
				what = sentence(comment)
				if (match(comment, /Codes[: ]/)) { codes = substr(comment, RSTART); comment = substr(comment, 1, RSTART - 1) }
			}
			for (i = 1; i <= n_block; i++) {
				names = names (n_names++ ? " " : "") name_of(block[i])
				synopsis = synopsis block[i] "\n"
				terms = terms (i > 1 ? ", " : "") "*" plain(name_of(block[i])) "*"
			}
			body = body (section ? terms "++\n" : "") prose(comment)
			if (!section) end_page()
		} else if (section && !n_names) {
			intro = intro prose(comment)
		}
		comment = ""
		n_block = 0
	}

	/^\/\* --- .* --- \*\/$/ {
		end_block(); end_page(); section = 1
		what = $0; sub(/^\/\* --- /, "", what); sub(/ --- \*\/$/, "", what)
		next
	}
	/^\/\*/ { end_block(); inside = 1; sub(/^\/\*/, "") }
	inside {
		over = /\*\/$/
		sub(/ *\*\/$/, ""); sub(/^ \* ?/, ""); sub(/^ *\*$/, "")
		comment = comment (comment == "" ? "" : "\n") $0
		inside = !over
		next
	}
	/^MUSTER_API/ { pending = 1; prototype = "" }
	pending {
		sub(/^MUSTER_API /, ""); sub(/^[ \t]+/, "")
		prototype = prototype (prototype == "" ? "" : " ") $0
		if (/;$/) { block[++n_block] = prototype; pending = 0 }
		next
	}
	# A value that programs compare with.
	/^#define MUSTER_[A-Z_]+ \(/ { synopsis = synopsis $0 "\n" }
	# Without a comment of its own a function belongs to what stands before it.
	/^(struct|#define|#if|#endif|#else|extern|}|#ifndef)/ { end_block() }
	END { end_block(); end_page() }
	' "$header"
}

if [ "$mode" != pages ]; then
	read_header
	exit
fi
folder=$3
mkdir -p "$folder"
rm -f "$folder"/muster_*.3
read_header | while IFS= read -r line; do
	case $line in
	'@page '*)
		# shellcheck disable=SC2086 # a list of names
		set -- ${line#@page }
		page=$1
		shift
		: > "$folder/$page.3.scd"
		for other in "$@"; do ln -sf "$page.3" "$folder/$other.3"; done
		;;
	*) printf '%s\n' "$line" >> "$folder/$page.3.scd" ;;
	esac
done
for source in "$folder"/muster_*.3.scd; do
	sh packaging/man.sh - "$source" > "${source%.scd}"
	rm "$source"
done
