"""One small chart as inline SVG: axes, curves, steps, points and marked limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from edgecsi.report.html import Element, element

WIDTH, HEIGHT = 560, 320
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 24, 44
# Okabe and Ito's palette: told apart by colour-blind readers too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
DASHES = ("", "6 4", "2 3")

Point = tuple[float, float]


class Axis:
    """Maps values to [0, 1] along an axis, and names its ticks."""

    def __init__(
        self,
        title: str,
        low: float,
        high: float,
        ticks: Sequence[tuple[float, str]],
        transform: Callable[[float], float] = float,
    ) -> None:
        self.title, self.ticks, self._transform = title, ticks, transform
        self._low, self._high = transform(low), transform(high)

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high end, cut there."""
        span = self._high - self._low or 1.0
        return min(1.0, max(0.0, (self._transform(value) - self._low) / span))


def log_axis(title: str, low: float, high: float) -> Axis:
    """Decades, with 1, 2 and 5 in each."""
    low, high = low * 0.9, high * 1.1
    values = [
        digit * 10.0**decade
        for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for digit in (1, 2, 5)
    ]
    shown = [value for value in values if low <= value <= high]
    return Axis(title, low, high, [(value, f"{value:g}") for value in shown], math.log10)


def linear_axis(title: str, low: float, high: float, count: int = 5) -> Axis:
    """Round steps of 1, 2 or 5 times a power of ten."""
    raw = (high - low) / count or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    unit = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    low, high = unit * math.floor(low / unit), unit * math.ceil(high / unit)
    steps = round((high - low) / unit)
    ticks = [(low + i * unit, f"{low + i * unit:.6g}") for i in range(steps + 1)]
    return Axis(title, low, high, ticks)


def nines_axis(title: str, most: float) -> Axis:
    """Shares of calls, so that 90 %, 99 % and 99.9 % are equally far apart."""
    named = [
        (0.0, "0 %"),
        (0.5, "50 %"),
        (0.9, "90 %"),
        (0.99, "99 %"),
        (0.999, "99.9 %"),
        (0.9999, "99.99 %"),
    ]
    top = next((share for share, _ in named if share >= most), 0.99999)
    return Axis(
        title, 0.0, top, [tick for tick in named if tick[0] <= top], lambda share: -math.log10(1 - share)
    )


class Chart:
    """Collects marks and gives them as one <figure>."""

    def __init__(self, title: str, x: Axis, y: Axis) -> None:
        self._title, self._x, self._y = title, x, y
        self._marks: list[Element] = []
        self._legend: list[tuple[str, str, str]] = []

    def limit(self, x: float, name: str) -> None:
        """A vertical limit with its name."""
        at = self._at(x, 0)[0]
        line = element("line", x1=f"{at:.1f}", x2=f"{at:.1f}", y1=TOP, y2=HEIGHT - BOTTOM, stroke="#9b1c1c")
        line.set("stroke-dasharray", "3 3")
        line.set("stroke-opacity", "0.55")
        turn = f"rotate(-90 {at - 3:.1f} {TOP + 4})"
        text = element("text", name, x=f"{at - 3:.1f}", y=TOP + 4, text_anchor="end", transform=turn)
        self._marks += [line, text]

    def level(self, y: float, name: str) -> None:
        """A horizontal limit with its name."""
        at = self._place(0, self._y.place(y))[1]
        line = element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{at:.1f}", y2=f"{at:.1f}", stroke="#9b1c1c")
        line.set("stroke-dasharray", "3 3")
        line.set("stroke-opacity", "0.55")
        text = element("text", name, x=WIDTH - RIGHT - 2, y=f"{at - 3:.1f}", text_anchor="end")
        self._marks += [line, text]

    def curve(
        self, points: Sequence[Point], name: str, colour: int, dash: int = 0, dots: bool = False
    ) -> None:
        """Points joined by lines."""
        places = [self._at(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        stroke = COLOURS[colour % len(COLOURS)]
        line = element("polyline", element("title", name), points=path, fill="none", stroke=stroke)
        line.set("stroke-width", "1.8")
        line.set("stroke-dasharray", DASHES[dash % len(DASHES)])
        self._marks.append(line)
        if dots:
            self._marks += [
                element(
                    "circle",
                    element("title", f"{name}: {point[0]:g}, {point[1]:.4g}"),
                    cx=f"{x:.1f}",
                    cy=f"{y:.1f}",
                    r=3.2,
                    fill=stroke,
                )
                for point, (x, y) in zip(points, places, strict=True)
            ]
        self._legend.append((name, stroke, DASHES[dash % len(DASHES)]))

    def dot(self, point: Point, name: str, colour: int) -> None:
        """One named point."""
        x, y = self._at(*point)
        stroke = COLOURS[colour % len(COLOURS)]
        near_right = x > WIDTH - 140
        text = element(
            "text", name, x=f"{x - 8 if near_right else x + 8:.1f}", y=f"{y + 4:.1f}", class_="label"
        )
        text.set("text-anchor", "end" if near_right else "start")
        label = element("title", f"{name}: {point[0]:.4g}, {point[1]:.4g}")
        self._marks += [element("circle", label, cx=f"{x:.1f}", cy=f"{y:.1f}", r=4.5, fill=stroke), text]

    def figure(self) -> Element:
        """The chart with its title and legend."""
        svg = element("svg", *self._frame(), *self._marks, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
        return element("figure", element("figcaption", self._title), svg, *self._legend_lines())

    def _at(self, x: float, y: float) -> Point:
        return self._place(self._x.place(x), self._y.place(y))

    def _place(self, across: float, up: float) -> Point:
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def _frame(self) -> list[Element]:
        marks = []
        last = -math.inf
        for value, name in self._x.ticks:
            x = self._place(self._x.place(value), 0)[0]
            marks.append(
                element("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=TOP, y2=HEIGHT - BOTTOM, stroke="#eef1f4")
            )
            if x - last >= 30:
                marks.append(
                    element("text", name, x=f"{x:.1f}", y=HEIGHT - BOTTOM + 15, text_anchor="middle")
                )
                last = x
        for value, name in self._y.ticks:
            y = self._place(0, self._y.place(value))[1]
            marks.append(
                element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", stroke="#eef1f4")
            )
            marks.append(element("text", name, x=LEFT - 6, y=f"{y + 4:.1f}", text_anchor="end"))
        middle = (LEFT + WIDTH - RIGHT) / 2
        marks.append(element("text", self._x.title, x=middle, y=HEIGHT - 8, text_anchor="middle"))
        marks.append(element("text", self._y.title, x=LEFT, y=14, text_anchor="start"))
        return marks

    def _legend_lines(self) -> list[Element]:
        lines = []
        for name, stroke, dash in self._legend:
            sample = element("line", x1=0, x2=22, y1=5, y2=5, stroke=stroke, stroke_width=2.5)
            sample.set("stroke-dasharray", dash)
            swatch = element("svg", sample, viewBox="0 0 22 10", style="width:22px;display:inline-block")
            lines.append(
                element(
                    "span", swatch, f" {name} ", style="margin-right:16px;font-size:12.5px;white-space:nowrap"
                )
            )
        return [element("div", *lines, style="display:flex;flex-wrap:wrap")] if lines else []
