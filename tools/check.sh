#!/bin/sh
# Runs the host tests given and sums up what cmocka counted; the last line is "cmocka: N passed, N failed".
passed=0 failed=0
for t in "$@"; do
	out=$("$t" 2>&1) && ok=1 || ok=0
	p=$(printf '%s\n' "$out" | grep -c '^\[       OK \]')
	f=$(printf '%s\n' "$out" | sed -n 's/^\[  FAILED  \] .*: \([0-9]*\) test(s).*/\1/p' | head -n 1)
	[ "$ok" = 1 ] || { [ -n "$f" ] && [ "$f" -gt 0 ] || f=1; printf '%s\n' "$out"; }
	printf '%s\n' "$out" | grep '^SKIP' || true
	passed=$((passed + p)) failed=$((failed + ${f:-0}))
	printf '  %-7s %s: %d passed%s\n' TEST "${t##*/}" "$p" "$([ "$ok" = 1 ] || echo ", FAILED")"
done
echo "cmocka: $passed passed, $failed failed"
[ "$failed" = 0 ]
