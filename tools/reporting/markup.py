"""HTML in which whatever is not marked as HTML is escaped: text of a report cannot become markup by forgetting."""
import html

from reporting.log import clean


class Html(str):
    """Markup made here. What is added to it is escaped unless it is markup too."""

    def __add__(self, other):
        return Html(str.__add__(self, escaped(other)))


def escaped(value):
    return value if isinstance(value, Html) else Html(html.escape(clean(str(value))))


def together(parts):
    return Html("".join(escaped(part) for part in parts))


def tag(name, *inside, **attributes):
    """tag("p", "text", cls="note"): attributes that are None are left out, and those that are True have no value."""
    words = "".join(
        f" {key}" if value is True else f' {key}="{html.escape(clean(str(value)))}"'
        for key, value in ((key.replace("cls", "class").replace("_", "-"), value) for key, value in attributes.items())
        if value is not None
    )
    return Html(f"<{name}{words}>") + together(inside) + Html(f"</{name}>")


def table(heads, rows, cls=None, row_classes=None):
    """In a box of its own that scrolls sideways, so that the page does not."""
    body = [
        tag("tr", *(tag("td", cell) for cell in row), cls=row_classes[i] if row_classes else None) for i, row in enumerate(rows)
    ]
    return tag(
        "div",
        tag("table", tag("thead", tag("tr", *(tag("th", head) for head in heads))), tag("tbody", *body), cls=cls),
        cls="wide",
    )


def folded(title, *inside, opened=False):
    return tag("details", tag("summary", title), *inside, open=True if opened else None)
