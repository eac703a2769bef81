#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The journal's message catalogue, made from the table of events: catalog.sh EVENTS.DEF > muster.catalog
set -eu
awk '
/^EVENT\(/ { row = ""; inside = 1 }
inside { row = row $0 }
inside && /"\)$/ {
	# Between quotes: name, message id, text, meaning, remedy.
	if (split(row, part, "\"") != 11) {
		print "catalog.sh: not understood: " row > "/dev/stderr"
		exit 1
	}
	print "-- " part[4]
	print "Subject: Muster: " part[6]
	print "Defined-By: Muster"
	print "Documentation: man:musterd(8)"
	print ""
	print part[8]
	print ""
	print part[10]
	print ""
	print "Event @MUSTER_EVENT@, request @MUSTER_REQUEST_ID@, code @MUSTER_REASON@."
	print ""
	inside = 0
}
END { if (inside) exit 1 }
' "$1"
