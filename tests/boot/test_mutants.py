"""tools/mutants on a tree of its own with one source and one test; no machine is booted."""
import os
import shutil
import subprocess
import sys

import pytest
import sluice

sys.path.insert(0, str(sluice.ROOT / "tools"))
from mutating import rules, source  # noqa: E402

CODE = """#include "x.h"

int limit(int a)
{
	if (a < 0 && a != -3) /* a < 7 */
		return 0;
	log_info("x", "%d < %d", a, 9 - 1);
	return a > 10 ? 10 : a;
}
"""
TEST = """#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "x.h"

void log_info(const char *where, const char *fmt, ...)
{
	(void)where, (void)fmt;
}

static void test_limit(void **state)
{
	(void)state;
	assert_int_equal(limit(-1), 0);
	assert_int_equal(limit(-3), -3);
	assert_int_equal(limit(5), 5);
	assert_int_equal(limit(11), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_limit)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
"""
HEAD = 'int limit(int a);\nvoid log_info(const char *where, const char *fmt, ...);\n'
FLAGS = "-std=c11 -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -I. -MMD -MP"
ZERO = "lib/x.c:limit: `if (a < 0 && a != -3) /* a < 7 */` -> `if (a <= 0 && a != -3) /* a < 7 */`"
ONE = "lib/x.c:limit: `if (a < 0 && a != -3) /* a < 7 */` -> `if (a < 1 && a != -3) /* a < 7 */`"
NAMED = "[none]\nfile: lib/x.c\nbefore: return a > 10 ? 10 : a;\nafter: return a;\nmeans: there is no limit\n"


@pytest.fixture
def tree(folder):
    """A tree as the tool wants it, with its test built."""
    shutil.copytree(sluice.ROOT / "tools/mutating", folder / "tools/mutating")
    shutil.copy(sluice.ROOT / "tools/mutants", folder / "tools/mutants")
    for name, text in {
        "lib/x.c": CODE, "x.h": HEAD, "tests/unit/test_x.c": TEST,
        "tests/mutants/groups.txt": "lib 95 100 lib/*.c\n", "tests/mutants/named.txt": NAMED,
        "tests/mutants/equivalent.txt": f"{ZERO}\n\t0 gives 0 anyway.\n{ONE}\n\tThe same.\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    host = folder / "build/host"
    for name in ("lib/x.c", "tests/unit/test_x.c"):
        (host / name).parent.mkdir(parents=True, exist_ok=True)
        sh(folder, f"gcc {FLAGS} -c -o build/host/{name}.o {name}")
    sh(folder, "ar rcs build/host/libsluice.a build/host/lib/x.c.o")
    sh(folder, f"gcc {FLAGS} -o build/host/test_x build/host/tests/unit/test_x.c.o build/host/libsluice.a -lcmocka")
    return folder


def sh(folder, command):
    subprocess.run(command, shell=True, check=True, cwd=folder)


def mutants(tree, *words):
    done = subprocess.run(["tools/mutants", *words, "build"], cwd=tree, env={**os.environ, "HFLAGS": FLAGS},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=sluice.PATIENCE)
    print(done.stdout)
    return done.returncode, done.stdout


def test_rules():
    """Comments and what is printed stay as they are; each alteration has a key of its own."""
    found = [m.key.split("limit: ")[1].split(" -> ")[1] for m in rules.mutants(source.Source("lib/x.c", CODE))]
    assert "`if (a < 1 && a != -3) /* a < 7 */`" in found and "`if (a < 0 || a != -3) /* a < 7 */`" in found
    assert "`if (!(a < 0 && a != -3)) /* a < 7 */`" in found and "`if (a < 0 && a != -4) /* a < 7 */`" in found
    assert "`return 1;`" in found and "`return a > 10 ? 11 : a;`" in found
    assert not [key for key in found if "log_info" in key or "a <= 7" in key]
    assert len(set(found)) == len(found) == 10


def test_all_seen(tree):
    """What survives is explained, so the rate is whole; the one named by hand is among the killed."""
    status, text = mutants(tree)
    assert status == 0 and "100.0 %" in text and "2 explained" in text and "killed    8 of    8" in text


def test_survivor(tree):
    (tree / "tests/mutants/equivalent.txt").write_text("")
    status, text = mutants(tree)
    assert status == 1 and "BELOW 95 %" in text
    assert f"survived: {ZERO}" in text and f"survived: {ONE}" in text and "1 of the same code" in text


@pytest.mark.parametrize(
    "name, more, said", [
        ("named.txt", NAMED.replace("none", "two").replace("10 :", "12 :"), "the list has to follow the source"),
        ("equivalent.txt", "lib/x.c:limit: `return 5;` -> `return 6;`\n\tWhy.\n", "not in the source any more"),
        ("equivalent.txt", ZERO.replace("<= 0", "< 0") + "\n", "no reason"),
        ("equivalent.txt", "lib/x.c:limit: `return 0;` -> `return 1;`\n\tWrong.\n", "take it from the list"),
    ])
def test_lists(tree, name, more, said):
    """A list that does not fit the source, or says what is not so, is an error."""
    path = tree / "tests/mutants" / name
    path.write_text(path.read_text() + more)
    status, text = mutants(tree)
    assert status == 1 and said in text


def test_endless(tree):
    """A test that does not end any more has noticed."""
    (tree / "tests/mutants/named.txt").write_text(
        "[loop]\nfile: lib/x.c\nbefore: return a > 10 ? 10 : a;\nafter: for (volatile int i = 0;; i++) ;\n")
    status, text = mutants(tree, "--named")
    assert status == 0 and "killed    1 of    1" in text
