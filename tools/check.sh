#!/bin/sh
# Runs the host tests given and sums up what cmocka counted. At the end a line "not run: REASON: N" for each reason, and at last
# "cmocka: N passed, N failed", with ", N skipped" where some were.
passed=0 failed=0 skipped=0 reasons=
for t in "$@"; do
	out=$("$t" 2>&1) && ok=1 || ok=0
	p=$(printf '%s\n' "$out" | grep -c '^\[       OK \]')
	s=$(printf '%s\n' "$out" | sed -n 's/^\[  SKIPPED \] \([A-Za-z_][A-Za-z0-9_]*\)$/\1/p' | sort -u | grep -c .) # twice each
	f=$(printf '%s\n' "$out" | sed -n 's/^\[  FAILED  \] .*: \([0-9]*\) test(s).*/\1/p' | head -n 1)
	[ "$ok" = 1 ] || { [ -n "$f" ] && [ "$f" -gt 0 ] || f=1; printf '%s\n' "$out"; }
	reasons="$reasons$(printf '%s\n' "$out" | sed -n 's/^SKIP \([^:]*\).*/\1/p')
"
	passed=$((passed + p)) failed=$((failed + ${f:-0})) skipped=$((skipped + s))
	note=
	[ "$s" = 0 ] || note=", $s skipped"
	[ "$ok" = 1 ] || note="$note, FAILED"
	printf '  %-7s %s: %d passed%s\n' TEST "${t##*/}" "$p" "$note"
done
printf '%s' "$reasons" | grep . | sort | uniq -c | sed 's/^ *\([0-9]*\) \(.*\)/not run: \2: \1/'
note=
[ "$skipped" = 0 ] || note=", $skipped skipped"
echo "cmocka: $passed passed, $failed failed$note"
[ "$failed" = 0 ]
