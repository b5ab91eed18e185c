"""What tools/plot and tools/report draw with: shapes, a frame with ticks, and curves of how much was done after which time.

Colours may be CSS variables, so that a drawing inside a page follows the page's light or dark."""
import html
import math

COLOURS = ["#1b6ca8", "#d1495b", "#3c8d40", "#e08e1b", "#6a4c93", "#00798c", "#8c564b", "#7f7f7f"]


def number(value):
    """1234567 -> 1.2M"""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def steps_to(top):
    """About five round numbers from 0 to top or a little above."""
    raw = top / 5 or 1
    unit = 10 ** math.floor(math.log10(raw))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= raw)
    return [step * i for i in range(math.ceil(top / step) + 1)]


class Drawing:
    """A plot: a frame inside margins, a title above it, keys to its right."""

    def __init__(self, title="", width=760, height=440, margins=(44, 190, 52, 78), paper="white", ink="#333", grid="#e4e4e4"):
        self.width, self.height = width, height
        self.top, self.right, self.bottom, self.left = margins
        self.ink, self.grid = ink, grid
        self.parts = []
        self.add("rect", width=width, height=height, fill=paper)
        if title:
            self.text(self.left, 24, title, size=15)
        self.keys = 0

    def add(self, name, **attributes):
        words = " ".join(f'{key.replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items())
        self.parts.append(f"<{name} {words}/>")

    def text(self, x, y, words, anchor="start", size=12):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{self.ink}">'
                          f'{html.escape(str(words))}</text>')

    def line(self, x1, y1, x2, y2, colour="#bbb", width=1):
        self.add("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", stroke=colour, stroke_width=width)

    def path(self, points, colour, **more):
        self.add("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), fill="none", stroke=colour, stroke_width=2,
                 **more)

    def key(self, words, colour):
        y = self.top + 8 + 18 * self.keys
        self.line(self.width - self.right + 12, y, self.width - self.right + 32, y, colour, 3)
        self.text(self.width - self.right + 38, y + 4, words)
        self.keys += 1

    def frame(self, x_words, y_words):
        low, right = self.height - self.bottom, self.width - self.right
        self.line(self.left, low, right, low, self.ink)
        self.line(self.left, self.top, self.left, low, self.ink)
        self.text((self.left + right) / 2, self.height - 12, x_words, "middle")
        self.text(self.left, self.top - 6, y_words, "end" if len(y_words) < 8 else "middle")

    def tick_x(self, x, words):
        self.line(x, self.top, x, self.height - self.bottom, self.grid)
        self.text(x, self.height - self.bottom + 16, words, "middle")

    def tick_y(self, y, words):
        self.line(self.left, y, self.width - self.right, y, self.grid)
        self.text(self.left - 6, y + 4, words, "end")

    def at_x(self, part):
        return self.left + part * (self.width - self.right - self.left)

    def at_y(self, part):
        return self.height - self.bottom - part * (self.height - self.bottom - self.top)

    def svg(self, **attributes):
        """Of a file of its own, or with attributes of an element in a page."""
        given = attributes or {"xmlns": "http://www.w3.org/2000/svg", "width": self.width, "height": self.height}
        given = {**given, "font_family": "sans-serif", "font_size": 12}
        words = " ".join(f'{key.replace("_", "-")}="{html.escape(str(value))}"' for key, value in given.items())
        return "\n".join([f"<svg {words}>", *self.parts, "</svg>", ""])


def distribution(drawing, curves, x_words, tick=lambda value: f"{value:g}"):
    """How much was done after which time, the time logarithmic. curves: [(histogram as [[lower bound, count], ...], colour,
    further attributes)]; a histogram that is empty is left out. tick: words for a power of ten on the axis."""
    curves = [curve for curve in curves if any(count for _, count in curve[0])]
    least = min(max(hist[0][0], 1) for hist, _, _ in curves)
    most = max(hist[-1][0] for hist, _, _ in curves)
    low = math.floor(math.log10(least))
    high = max(math.ceil(math.log10(most + 1)), low + 1)
    drawing.frame(x_words, "done")
    for power in range(low, high + 1):
        drawing.tick_x(drawing.at_x((power - low) / (high - low)), tick(10 ** power))
    for percent in (0, 25, 50, 75, 100):
        drawing.tick_y(drawing.at_y(percent / 100), f"{percent} %")
    for hist, colour, more in curves:
        total, seen, points = sum(n for _, n in hist), 0, []
        for value, n in hist:
            x = drawing.at_x((math.log10(max(value, 1)) - low) / (high - low))
            points += [(x, drawing.at_y(seen / total)), (x, drawing.at_y((seen + n) / total))]
            seen += n
        drawing.path(points, colour, **more)
