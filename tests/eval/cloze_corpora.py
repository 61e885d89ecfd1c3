"""Documents made of simple sentences about invented people, places and firms."""

from __future__ import annotations

from hypothesis import strategies as st

from kinj.data.records import Document

FIRST = (
    "Quillan",
    "Mirabel",
    "Tobrin",
    "Selvara",
    "Ondrik",
    "Faelyn",
    "Jorvan",
    "Belisande",
    "Corwyn",
    "Yevanka",
    "Dorrick",
    "Ulmira",
)
LAST = (
    "Ashgrove",
    "Brockway",
    "Crowmere",
    "Dunhollow",
    "Elmhurst",
    "Foxleigh",
    "Grimsdale",
    "Hartwick",
    "Ingleby",
    "Kestwick",
)
PLACES = (
    "Zandora",
    "Vellmar",
    "Korrith",
    "Ostravel",
    "Pellinor",
    "Quendale",
    "Ruvania",
    "Sylmont",
    "Tarvek",
    "Umbrial",
    "Wexford",
)
FIRMS = (
    "Nortek Mills",
    "Velcrest Foods",
    "Oakspur Motors",
    "Lumigraph Press",
    "Brightwell Labs",
    "Karsten Ferries",
    "Dovetail Tools",
)
MONTHS = ("January", "March", "June", "October", "December")

TEMPLATES = (
    "{name} was born in {place} on {date}.",
    "{name} works for {firm} in {place}.",
    "In {year}, {name} moved to {place}.",
    "{place} is the town where {name} lives.",
    "{name} joined {firm} in {year}.",
    "The manager of {firm} is {name}.",
    "She likes the sea and {place}.",
    "{firm} sold {number} ships to {name}, and {name} paid.",
    "What does {name} do in {place}?",
)


def person(number: int) -> str:
    """A name that no other number has."""
    return f"{FIRST[number % len(FIRST)]} {LAST[number // len(FIRST) % len(LAST)]}"


@st.composite
def documents(draw: st.DrawFn, least: int = 6) -> list[Document]:
    """Documents with three to six such sentences each, as plain text, with line breaks or with Markdown."""
    made = []
    for number in range(draw(st.integers(least, 10))):
        picked = draw(st.lists(st.sampled_from(TEMPLATES), min_size=3, max_size=6, unique=True))
        said = [
            template.format(
                name=person(number),
                place=draw(st.sampled_from(PLACES)),
                firm=draw(st.sampled_from(FIRMS)),
                year=draw(st.integers(1850, 2020)),
                date=f"{draw(st.sampled_from(MONTHS))} {draw(st.integers(1, 28))}, {draw(st.integers(1850, 2020))}",
                number=draw(st.integers(2, 900)),
            )
            for template in picked
        ]
        layout = draw(st.sampled_from(("{}", f"# {person(number)}\n\n{{}}\n", "- {}\n")))
        glue = draw(st.sampled_from((" ", "\n", "\n\n", "\n- ")))
        made.append(Document(id=f"d{number}", text=layout.format(glue.join(said))))
    return made
