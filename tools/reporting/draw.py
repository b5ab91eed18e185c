"""The drawings of a report, as SVG inside the page: the PCIe tree, the map of domains, the curves of latencies.

Colours are the page's CSS variables: --c0 to --c7, --ink, --soft, --line, --paper."""
import math

from reporting.markup import Html, escaped, tag

SERIES = 8
ROW, STEP, LEFT = 38, 19, 4
MONO, SANS = 7.3, 7.0  # about the width of a character in the tree's two lines
LABEL = 48
FOLD = 8  # VFs of one PF that are drawn one by one


def colour(n):
    return f"var(--c{n % SERIES})"


def cut(words, most):
    return words if len(words) <= most else words[:most - 1].rstrip() + "…"


class Tree:
    """The PCIe tree. A group of one function has an outlined number, one that is shared has its colour."""

    def __init__(self, machine):
        self.machine = machine
        self.parts, self.y, self.width = [], 0, 320
        self.colours = {id(group): n for n, group in enumerate(machine.shared_groups())}
        for (segment, bus), functions in sorted(machine.roots.items()):
            self.label(LEFT, f"{segment:04x}:{bus:02x}", "root bus" if bus == 0 else "bus")
            self.branch(functions, 0, self.y - ROW / 2 + 6)

    def add(self, words):
        self.parts.append(words)

    def label(self, x, head, words, second="", hint=""):
        """Two lines of text; hint is shown to who points at them."""
        after = x + len(head) * MONO + 10
        self.add(f'<g><title>{escaped(hint or head)}</title><text x="{x}" y="{self.y + 15}" class="m">{escaped(head)}</text>'
                 f'<text x="{after:.0f}" y="{self.y + 15}">{escaped(words)}</text>'
                 f'<text x="{x}" y="{self.y + 30}" class="s">{escaped(second)}</text></g>')
        self.width = max(self.width, after + len(words) * SANS + 8, x + len(second) * SANS + 8)
        self.y += ROW

    def badge(self, x, group):
        """The number of the group, in its colour when it is shared"""
        y = self.y + 5
        shared = self.colours.get(id(group))
        words = "-" if group is None else str(group.id)
        if shared is None:
            self.add(f'<rect x="{x}" y="{y}" width="40" height="22" rx="5" class="alone"/>')
            self.add(f'<text x="{x + 20}" y="{y + 15.5}" text-anchor="middle" class="n">{escaped(cut(words, 5))}</text>')
            return
        dashes = ' stroke-dasharray="4 2"' if shared // SERIES % 2 else ""
        fill = "var(--paper)" if dashes else colour(shared)
        ink = colour(shared) if dashes else "var(--badge)"
        self.add(
            f'<rect x="{x}" y="{y}" width="40" height="22" rx="5" fill="{fill}" '
            f'stroke="{colour(shared)}" stroke-width="2"{dashes}/>'
        )
        self.add(
            f'<text x="{x + 20}" y="{y + 15.5}" text-anchor="middle" font-weight="700" fill="{ink}">'
            f"{escaped(cut(words, 5))}</text>"
        )

    def branch(self, functions, depth, top):
        x = LEFT + 6 + depth * STEP
        bottom = top
        for function in functions:
            bottom = self.y + 16
            self.add(f'<path d="M{x} {bottom}h{STEP - 8}" class="w"/>')
            self.function(function, x + STEP - 8, depth)
        self.add(f'<path d="M{x} {top:.0f}V{bottom}" class="w"/>')

    def function(self, f, x, depth):
        machine = self.machine
        self.badge(x, f.group)
        name = machine.name(f)
        mark = f"{machine.id_words(f)} {cut(name, 44)}".strip()
        self.label(x + LABEL, f.bdf, cut(machine.role(f), 40), mark,
                   f"{f.bdf} {machine.role(f)}: {name} {machine.id_words(f)}")
        below = [g for g in f.below if not g.pf]
        vfs = [g for g in f.below if g.pf]
        folded = len(vfs) > FOLD and all(g.group and len(g.group.members) == 1 for g in vfs)
        if not f.below:
            return
        top = self.y - ROW + 27
        shown = below + (vfs[:FOLD // 2] if folded else vfs)
        if folded:
            # Drawn last: a line for all the others.
            rest = vfs[FOLD // 2:]
            self.branch(shown, depth + 1, top)
            x2 = LEFT + 6 + (depth + 1) * STEP
            self.add(f'<path d="M{x2} {top:.0f}V{self.y + 16}h{STEP - 8}" class="w"/>')
            self.label(x2 + STEP - 4, f"{len(rest)} more VFs", "", f"{rest[0].bdf} to {rest[-1].bdf}, each alone in its group")
        else:
            self.branch(shown, depth + 1, top)

    def svg(self):
        width, height = round(self.width), self.y + 4
        return Html(f'<svg class="tree" role="img" aria-label="PCIe tree" width="{width}" height="{height}" '
                    f'viewBox="0 0 {width} {height}">' + "".join(self.parts) + "</svg>")


def group_colour(tree, group):
    return colour(tree.colours[id(group)])


def group_badge(tree, group):
    """A group's number as in the tree, for use in text."""
    shared = tree.colours.get(id(group))
    style = (
        None
        if shared is None
        else f"border-color:{colour(shared)};"
        + (
            f"border-style:dashed;color:{colour(shared)}"
            if shared // SERIES % 2
            else f"background:{colour(shared)};color:var(--badge)"
        )
    )
    return tag("span", str(group.id), cls="badge", style=style)


MOST_PARTS = 12
GAP = 4.0  # per cent of the width
LEAST = 5.0


class Scale:
    """Device addresses to per cent of a strip's width. Parts that some domain maps are to scale, but none is narrower than
    LEAST; what lies between parts is cut out and drawn as a gap of one width."""

    def __init__(self, runs):
        step = 4096
        while True:
            self.parts = self.joined(runs, step)
            if len(self.parts) <= MOST_PARTS:
                break
            step *= 2
        room = 100 - GAP * (len(self.parts) - 1) - LEAST * len(self.parts)
        whole = sum(end - start for start, end in self.parts)
        self.places, x = [], 0.0
        for start, end in self.parts:
            width = LEAST + room * (end - start) / whole
            self.places.append((x, width))
            x += width + GAP

    @staticmethod
    def joined(runs, step):
        parts = []
        for start, size, _ in sorted(runs):
            if parts and start - parts[-1][1] < step:
                parts[-1][1] = max(parts[-1][1], start + size)
            else:
                parts.append([start, start + size])
        return parts

    def at(self, address):
        for (start, end), (x, width) in zip(self.parts, self.places):
            if start <= address <= end:
                return x + width * (address - start) / (end - start)
        raise ValueError(address)


def strip(scale, runs):
    """One domain: what it maps, on what it does not."""
    parts = ['<svg class="strip" role="img" aria-label="mapped device addresses" width="100%" height="22">',
             '<rect width="100%" height="22" class="none"/>']
    for start, size, allowed in runs:
        x = scale.at(start)
        width = max(scale.at(start + size) - x, 0.35)
        kind = {"rw": "rw", "r": "ro", "r-": "ro", "ro": "ro", "w": "wo", "-w": "wo", "wo": "wo"}.get(allowed, "rw")
        parts.append(f'<rect x="{x:.3f}%" y="2" width="{width:.3f}%" height="18" class="{kind}"/>')
    for x, width in scale.places[:-1]:
        left = x + width
        parts.append(f'<rect x="{left:.3f}%" width="{GAP:.3f}%" height="22" class="paper"/>')
        parts.append(f'<line x1="{left + GAP * .25:.3f}%" x2="{left + GAP * .75:.3f}%" y1="11" y2="11" class="cut"/>')
    return Html("".join(parts) + "</svg>")


def letters(scale):
    """The line above the strips: a letter for each part."""
    parts = ['<svg class="strip" aria-hidden="true" width="100%" height="16">']
    for i, (x, width) in enumerate(scale.places):
        parts.append(f'<text x="{x + width / 2:.3f}%" y="12" text-anchor="middle" class="n">{chr(65 + i)}</text>')
    return Html("".join(parts) + "</svg>")


DASHES = ("", "7 3", "2 2", "7 3 2 3", "4 2", "12 3")  # curves are told apart without colour


def dashes(n):
    """Attribute of the nth curve."""
    pattern = DASHES[n % len(DASHES)]
    return f' stroke-dasharray="{pattern}"' if pattern else ""


class Curves:
    """How much was done after which time, the time logarithmic: a frame with ticks, and a curve for each histogram, [(lower bound,
    count), ...]. Its colours are the page's, light or dark."""

    WIDTH, HEIGHT, TOP, RIGHT, BOTTOM, LEFT = 640, 330, 26, 626, 282, 52

    def __init__(self, hists, x_words, tick):
        self.low = math.floor(math.log10(min(max(hist[0][0], 1) for hist in hists)))
        self.high = max(math.ceil(math.log10(max(hist[-1][0] for hist in hists) + 1)), self.low + 1)
        self.parts = [self.line(self.LEFT, self.BOTTOM, self.RIGHT, self.BOTTOM, "ink"),
                      self.line(self.LEFT, self.TOP, self.LEFT, self.BOTTOM, "ink"),
                      self.text((self.LEFT + self.RIGHT) / 2, self.HEIGHT - 12, x_words, "middle"),
                      self.text(self.LEFT, self.TOP - 6, "done", "end")]
        for power in range(self.low, self.high + 1):
            x = self.at_x(10 ** power)
            self.parts += [self.line(x, self.TOP, x, self.BOTTOM, "line"), self.text(x, self.BOTTOM + 16, tick(10 ** power), "middle")]
        for percent in (0, 25, 50, 75, 100):
            y = self.at_y(percent / 100)
            self.parts += [self.line(self.LEFT, y, self.RIGHT, y, "line"), self.text(self.LEFT - 6, y + 4, f"{percent} %", "end")]
        self.parts += [self.curve(n, hist) for n, hist in enumerate(hists)]

    def at_x(self, value):
        return self.LEFT + (math.log10(max(value, 1)) - self.low) / (self.high - self.low) * (self.RIGHT - self.LEFT)

    def at_y(self, part):
        return self.BOTTOM - part * (self.BOTTOM - self.TOP)

    @staticmethod
    def line(x1, y1, x2, y2, colour_name):
        return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="var(--{colour_name})"/>'

    @staticmethod
    def text(x, y, words, anchor):
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escaped(words)}</text>'

    def curve(self, n, hist):
        total, seen, points = sum(count for _, count in hist), 0, []
        for value, count in hist:
            points += [(self.at_x(value), self.at_y(seen / total)), (self.at_x(value), self.at_y((seen + count) / total))]
            seen += count
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        return f'<polyline points="{places}" fill="none" stroke="{colour(n)}" stroke-width="2"{dashes(n)}/>'


def latencies(rows):
    """Curves of rows that belong in one plot."""
    unit = rows[0].unit
    words, tick = ("µs, logarithmic", lambda ns: f"{ns / 1000:g}") if unit == "ns" else (f"{unit}, logarithmic", lambda n: f"{n:g}")
    drawn = Curves([sorted(row.hist) for row in rows], words, tick)
    return Html(f'<svg class="plot" role="img" aria-label="latencies" viewBox="0 0 {drawn.WIDTH} {drawn.HEIGHT}" '
                'font-family="sans-serif" font-size="12">' + "".join(drawn.parts) + "</svg>")


def swatch(n):
    return Html(f'<svg class="swatch" width="26" height="10" aria-hidden="true"><line x1="0" x2="26" y1="5" y2="5" '
                f'stroke="{colour(n)}" stroke-width="3"{dashes(n)}/></svg>')
