"""The few ways in which layouts are built."""

from __future__ import annotations

from dataclasses import replace

from kinj.augment.formats.layout import Layout


def each(
    open: str = "", close: str = "", between: str = "\n", *, head: str = "", tail: str = "", escape: str = ""
) -> Layout:
    """Every sentence between `open` and `close`, by default on a line of its own."""
    return Layout(by_sentence=True, open=open, close=close, between=between, head=head, tail=tail, escape=escape)


def block(prefix: str, wrap: int, first: str | None = None, *, head: str = "", tail: str = "") -> Layout:
    """Lines of at most about `wrap` characters, each after `prefix`; the first after `first` where that differs."""
    start = prefix if first is None else first
    empty = f"\n{prefix.rstrip()}\n{start}"
    return Layout(head=head + start, tail=tail, wrap=wrap, line=f"\n{prefix}", paragraph=empty)


def whole(head: str = "", tail: str = "", *, escape: str = "") -> Layout:
    """The text as it is, between `head` and `tail`."""
    return Layout(head=head, tail=tail, escape=escape)


def hanging(layout: Layout) -> Layout:
    """Wrapping inside sentences. The deep indent keeps wrapped content from looking like the start of a unit."""
    return replace(layout, wrap=44, line="\n        ")


def nested(inner: Layout, outer: Layout) -> Layout:
    """`inner` inside `outer`: each line break of the inner markup becomes one of the outer format."""

    def lines(markup: str) -> str:
        return markup.replace("\n", outer.line)

    return replace(
        inner,
        head=outer.head + lines(inner.head),
        open=lines(inner.open),
        close=lines(inner.close),
        between=lines(inner.between),
        tail=lines(inner.tail) + outer.tail,
        space=outer.space,
    )
