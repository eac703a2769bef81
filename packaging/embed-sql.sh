#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Print each SQL file as one C string literal in an initialiser row, in the order given.
set -eu
for file in "$@"; do
	printf '{"%s",\n' "$(basename "$file" .sql)"
	sed -e 's/--.*$//' -e '/^[[:space:]]*$/d' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$file"
	printf '},\n'
done
