"""What plots are drawn on: colours that the page fills in, marks that say what they show, and files as SVG and PNG."""

from __future__ import annotations

import io
import re
import textwrap
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from kinj.report.colours import ARMS, style_sheet, values

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

WIDTH = 4.7
"""Inches. Narrow on purpose: scaled to a phone's width, the letters stay readable."""
NAMES = ("ink", "muted", "grid", "accent", "second", "soft", *(f"arm{number}" for number in range(ARMS)))
"""Colours that a plot may use; page.css says what they are, by light and by dark."""
DRAWN = {name: f"#0102{number:02x}" for number, name in enumerate(NAMES)}
"""What stands for a colour while an SVG is drawn, until the page's own variable takes its place."""
DASHES = ("-", "--", "-.", ":")
SHAPES = ("o", "s", "D", "^", "v", "P", "X", "p")
"""Markers of arms, so that nothing is told by colour alone."""
SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
LONG_NAME = 46
"""Letters of a name that fit beside a marker."""
INNER_ID = re.compile(r"\w[\w.]*_\d+")
"""Names that matplotlib numbers in each figure anew: nothing refers to them, and two plots on a page share them."""

Ink = Mapping[str, str]


@dataclass(frozen=True)
class Mark:
    """What a reader learns by pointing at something drawn.

    Attributes:
        arm: the row of the table it belongs to; None for none.
        texts: what it says; several for a line with as many markers.
    """

    arm: int | None
    texts: Sequence[str]


@dataclass(frozen=True)
class Sketch:
    """A figure while it is drawn."""

    figure: Figure
    ink: Ink
    marks: list[Mark] = field(default_factory=list)

    def axes(self) -> Axes:
        """The only axes of the figure."""
        return self.figure.subplots()

    def arm(self, number: int | None) -> str:
        """The colour of an arm; where arms are not told apart, the accent."""
        return self.ink["accent"] if number is None else self.ink[f"arm{number % ARMS}"]

    def legend(self, axes: Axes) -> None:
        """What the lines of some axes are called, above them; in one column where names are long."""
        handles, names = axes.get_legend_handles_labels()
        shown = [textwrap.shorten(name, LONG_NAME, placeholder=" …") for name in names]
        self.figure.legend(
            handles,
            shown,
            loc="outside upper left",
            ncols=_columns(names),
            frameon=False,
            fontsize=9,
            handletextpad=0.4,
        )

    def mark(self, artist: Artist, arm: int | None, *texts: str) -> None:
        """Lets something drawn say what it is."""
        artist.set_gid(f"mark-{len(self.marks)}")
        self.marks.append(Mark(arm, texts))


@dataclass(frozen=True)
class Plot:
    """A plot that can be drawn for a page, and as files.

    Attributes:
        alt: what it shows, for those who cannot see it.
        draw: draws it.
        height: in inches.
    """

    alt: str
    draw: Callable[[Sketch], None]
    height: float

    @cached_property
    def svg(self) -> str:
        """An `<svg>` element that takes its colours and its width from the page."""
        sketch, text = self._drawn(DRAWN, "svg")
        root = ElementTree.fromstring(text)
        _let_speak(root, sketch.marks)
        shown = ElementTree.Element(f"{{{SVG}}}svg", {"role": "img", "aria-label": self.alt})
        shown.set("viewBox", root.attrib["viewBox"])
        shown.extend(root)
        ElementTree.register_namespace("", SVG)
        ElementTree.register_namespace("xlink", XLINK)
        written = ElementTree.tostring(shown, encoding="unicode")
        for name, drawn in DRAWN.items():
            written = written.replace(drawn, "currentColor" if name == "ink" else f"var(--{name})")
        return re.sub(r">\s+<", "><", written)

    def svg_file(self) -> str:
        """The plot as a file of its own, which brings its colours along."""
        style = f"{style_sheet()} svg {{ background: var(--paper); color: var(--ink) }}"
        return self.svg.replace(">", f"><style>{style}</style>", 1) + "\n"

    def png(self) -> bytes:
        """The plot as a picture on white."""
        content: bytes = self._drawn(values("light"), "png")[1]
        return content

    def _drawn(self, ink: Ink, kind: str) -> tuple[Sketch, Any]:
        with matplotlib.rc_context(_style(ink, self.alt)):  # type: ignore[arg-type]  # its stub knows only the names of its own release
            sketch = Sketch(Figure(figsize=(WIDTH, self.height), layout="constrained"), ink)
            FigureCanvasSVG(sketch.figure)
            self.draw(sketch)
            if kind == "png":
                picture = io.BytesIO()
                sketch.figure.savefig(picture, format="png", dpi=200)
                return sketch, picture.getvalue()
            text = io.StringIO()
            nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            sketch.figure.savefig(text, format="svg", transparent=True, metadata=nothing)
            return sketch, text.getvalue()


def legend_height(names: Sequence[str]) -> float:
    """Inches that a legend takes."""
    return 0.2 * -(-len(names) // _columns(names)) if len(names) > 1 else 0.0


def _columns(names: Sequence[str]) -> int:
    return 1 if max(map(len, names), default=0) > LONG_NAME / 2 else 2


def _style(ink: Ink, salt: str) -> dict[str, Any]:
    return {
        "font.family": ["DejaVu Sans"],
        "font.size": 10.5,
        "svg.fonttype": "none",  # letters stay letters: in the page's font, to be searched and copied
        "svg.hashsalt": salt,  # the same bytes every time
        "text.color": ink["ink"],
        "axes.edgecolor": ink["grid"],
        "axes.labelcolor": ink["muted"],
        "xtick.color": ink["grid"],
        "ytick.color": ink["grid"],
        "xtick.labelcolor": ink["muted"],
        "ytick.labelcolor": ink["muted"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "text.parse_math": False,  # a name may hold a dollar sign
    }


def _let_speak(root: ElementTree.Element, marks: Sequence[Mark]) -> None:
    """Puts what marks say into the SVG as `<title>`, and their arms as `data-arm`; drops names that nothing refers to."""
    for element in root.iter():
        name = element.get("id", "")
        if name.startswith("mark-"):
            mark = marks[int(name.removeprefix("mark-"))]
            del element.attrib["id"]
            element.set("class", "mark")
            if mark.arm is not None:
                element.set("data-arm", str(mark.arm))
            uses = list(element.iter(f"{{{SVG}}}use"))
            for target, text in zip(uses if len(mark.texts) > 1 else [element], mark.texts, strict=False):
                title = ElementTree.Element(f"{{{SVG}}}title")
                title.text = text
                target.insert(0, title)
        elif INNER_ID.fullmatch(name):
            del element.attrib["id"]
