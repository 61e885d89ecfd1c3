"""Word lists: words that open sentences, titles, months, negations' company, and common English words."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files


def listed(text: str) -> list[str]:
    """The words of a list."""
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """The words of a list, as a set."""
    return frozenset(text.split())


FUNCTION_WORDS = word_set("""
    a about above according across after again against all almost along already also although am among an and
    another any are around as at away back be became because become been before behind being below between beyond
    both but by can cannot come could did do does during each either else even ever every everyone everything few
    first for from further had has have he hence her here hers herself him himself his how however i if in indeed
    inside instead into is it its itself just last later less like likewise many may maybe me meanwhile might mine
    more moreover most much must my near neither never nevertheless next no nobody none nonetheless nor not nothing
    now of off often on once one only onto or other others our ours out over own per perhaps please quite rather
    same second several shall she should similarly since so some someone something sometimes soon still such than
    that the their theirs them then there therefore these they third this those though through throughout thus to
    together too toward towards under unless unlike until up upon us very via was we well were what whatever when
    where whereas whether which while who whom whose why will with within without would yes yet you your i'm i've
    i'd i'll it's he's she's that's there's don't didn't doesn't isn't wasn't weren't aren't can't couldn't won't
    wouldn't shouldn't hasn't haven't hadn't let's we're they're you're what's who's q note summary question answer
    implication implications
    """)
"""Never names by themselves, however they are written."""

TITLES = word_set("""
    mr mrs ms miss dr prof professor sir lord lady dame king queen prince princess president emperor empress pope
    saint st count duke earl baron captain capt colonel col general gen lieutenant lt major maj sergeant sgt admiral
    adm governor gov senator sen rep rev reverend father bishop archbishop cardinal chancellor minister secretary
    judge justice
    """)
"""Words that may stand before a name or be left out; nothing is lost or added with them."""

ABBREVIATIONS = word_set(
    "mr mrs ms dr prof st mt jr sr gen col capt lt sgt maj adm rev hon gov sen rep vs etc no vol fig al inc ltd co corp approx"
)
"""Words whose full stop does not end a sentence."""

_MONTH_NAMES = "january february march april may june july august september october november december"
MONTHS = {name[:length]: number for number, name in enumerate(listed(_MONTH_NAMES), 1) for length in (3, len(name))} | {
    "sept": 9
}
"""Number of each month by its name and its short name, in small letters."""

WEEKDAYS = word_set("monday tuesday wednesday thursday friday saturday sunday")

_NATIONS = """
    us usa america american americans | uk britain british briton britons | france french | germany german germans |
    spain spanish spaniard spaniards | england english | scotland scottish scots | wales welsh | ireland irish |
    netherlands dutch holland | belgium belgian | denmark danish danes | sweden swedish swedes | norway norwegian
    norwegians | finland finnish finns | poland polish poles | greece greek greeks | turkey turkish turks | portugal
    portuguese | switzerland swiss | china chinese | japan japanese | thailand thai | vietnam vietnamese | iraq
    iraqi | iran iranian persia persian | israel israeli | ussr soviet soviets | russia russian russians | europe
    european europeans | rome roman romans | athens athenian | venice venetian | genoa genoese | naples neapolitan |
    florence florentine | vienna viennese | moscow muscovite | normandy norman normans | mongolia mongol mongols
    mongolian | catholicism catholic catholics | huguenot huguenots | afghanistan afghan | argentina argentine
    argentinian | philippines filipino | peru peruvian | christ christian christians christianity | islam islamic
    muslim muslims | judaism jewish jew jews | protestantism protestant protestants
"""
NATIONS = {word: number for number, row in enumerate(_NATIONS.split("|")) for word in listed(row)}
"""Names, adjectives and peoples that belong together where endings do not tell; those of one nation have one number."""

_INFLECTIONS = (
    ("ies", "y"), ("ied", "y"), ("ily", "y"), ("iness", "y"), ("ier", "y"), ("iest", "y"), ("s", ""), ("es", ""), ("es", "e"),
    ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ly", ""), ("ers", ""), ("ers", "e"), ("er", ""), ("er", "e"),
    ("est", ""), ("est", "e"), ("ness", ""),
)  # fmt: skip


@cache
def _words() -> frozenset[str]:
    return frozenset(files(__package__).joinpath("words.txt").read_text(encoding="utf-8").split())


def _bases(word: str) -> list[str]:
    """What `word` may be an inflected form of."""
    found = []
    for ending, instead in _INFLECTIONS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            base = word.removesuffix(ending) + instead
            found.append(base)
            if not instead and ending[0] in "ei" and base[-1] == base[-2]:
                found.append(base[:-1])
    return found


@lru_cache(1 << 16)
def stem(word: str) -> str:
    """The shortest base form in the list of common words that `word` (in small letters) leads to; else the word itself."""
    if not word.isascii():
        return word
    words = _words()
    for _ in range(3):
        shorter = next((base for base in _bases(word) if base in words), None)
        if shorter is None:
            break
        word = shorter
    return word


@lru_cache(1 << 16)
def is_common(word: str) -> bool:
    """Whether `word` (in small letters) is a common English word or a form of one."""
    return word in _words() or any(is_common(base) for base in _bases(word))
