# SPDX-License-Identifier: Apache-2.0
# Documents in packages: links to what is not installed there, or elsewhere, become their text (sed -E).
s/\[([^]]*)\]\([^):]*(\/[^)]*|\.(proto|def))\)/\1/g
