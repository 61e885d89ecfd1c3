"""Units: for each way to write one, what it measures and its size."""

from __future__ import annotations

import re
from typing import NamedTuple


class Unit(NamedTuple):
    """Values convert to `value * size + zero` of the dimension's base unit."""

    dimension: str
    size: float = 1.0
    zero: float = 0.0


_TABLE = """
length 1e-9 nm nanometer; 1e-6 µm um micrometer micron; 1e-3 mm millimeter; 1e-2 cm centimeter; 1 m meter; 1e3 km
  kilometer kms; 0.0254 inch; 0.3048 ft foot feet; 0.9144 yd yard; 1609.344 mi mile; 1852 nmi; 149597870700 au;
  9.4607e15 ly lightyear
area 1e-6 mm2; 1e-4 cm2; 1 m2 sqm; 1e6 km2 sqkm; 1e4 ha hectare; 4046.8564 acre; 2589988.11 mi2 sqmi; 0.09290304 ft2
  sqft; 0.83612736 yd2; 6.4516e-4 in2
volume 1e-6 ml milliliter cm3 cc; 1e-3 l liter litre; 1 m3; 1e9 km3; 0.028316847 ft3; 0.76455486 yd3; 0.003785412 gal
  gallon; 4.168e9 mi3; 0.158987 barrel
mass 1e-9 µg microgram; 1e-6 mg milligram; 1e-3 g gram; 1 kg kilogram kilo kgs; 1e3 t tonne; 907.18474 ton; 0.45359237
  lb lbs pound; 0.028349523 oz ounce; 6.35029318 stone
time 1e-9 ns nanosecond; 1e-3 ms millisecond; 1 s sec second; 60 min minute; 3600 h hr hrs hour; 86400 day; 604800
  week fortnight
years 0.0833333333333 month; 1 yr yrs year; 10 decade; 100 century; 1000 millennium
speed 0.277777778 km/h kmh kph; 0.44704 mph mi/h; 1 m/s; 0.514444 kn knot; 0.3048 ft/s; 1e3 km/s
power 1 w watt; 1e3 kw kilowatt; 1e6 mw megawatt; 1e9 gw gigawatt; 745.699872 hp horsepower
energy 1 j joule; 1e3 kj kilojoule; 1e6 mj megajoule; 3.6e6 kwh; 3.6e9 mwh; 3.6e12 gwh; 4184 kcal kilocalorie
data 1 byte; 1e3 kb kilobyte; 1e6 mb megabyte; 1e9 gb gigabyte; 1e12 tb terabyte; 0.125 bit
pressure 1 pa pascal; 1e2 hpa mbar millibar; 1e3 kpa kilopascal; 1e5 bar; 1e6 mpa megapascal; 101325 atm atmosphere;
  6894.757 psi
frequency 1 hz hertz; 1e3 khz kilohertz; 1e6 mhz megahertz; 1e9 ghz gigahertz
voltage 1 v volt; 1e3 kv kilovolt
percent 1 % percent percentage pct percentile
angle 1 ° degree
USD 1 $ usd us$ dollar; 0.01 cent ¢
GBP 1 £ gbp; 0.01 pence p
EUR 1 € eur euro
JPY 1 ¥ jpy yen cny yuan
INR 1 ₹ inr rupee
"""

_IRREGULAR = {"inches": "inch", "feet": "foot", "centuries": "century", "millennia": "millennium", "pence": "pence"}
_TEMPERATURE = {
    "c": Unit("temperature", 1.0, 273.15),
    "celsius": Unit("temperature", 1.0, 273.15),
    "centigrade": Unit("temperature", 1.0, 273.15),
    "f": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "fahrenheit": Unit("temperature", 5 / 9, 459.67 * 5 / 9),
    "k": Unit("temperature"),
    "kelvin": Unit("temperature"),
}


def _read() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for row in _TABLE.strip().replace("\n  ", " ").splitlines():
        dimension, _, rest = row.partition(" ")
        for entry in rest.split(";"):
            size, *names = entry.split()
            units |= dict.fromkeys(names, Unit(dimension, float(size)))
    return units


UNITS = _read()
CURRENCY_SIGNS = "$£€¥₹"

_POWERS = {"square": "2", "sq": "2", "cubic": "3", "cu": "3"}
_SHORT = {"meter": "m", "metre": "m", "kilometer": "km", "kilometre": "km", "centimeter": "cm", "centimetre": "cm", "mile": "mi",
          "foot": "ft", "feet": "ft", "yard": "yd", "inch": "in", "hour": "h", "second": "s", "millimeter": "mm"}  # fmt: skip

_AFTER = re.compile(
    r"[\s-]{0,3}(?:"
    r"(?P<temperature>(?:°|º|degrees?\s)\s?(?P<scale>[CFK]\b|Celsius\b|Fahrenheit\b|Kelvin\b|centigrade\b))"
    r"|(?P<sign>%|[€¢]|°|º|per\s?cent(?:age\spoints?)?\b)"
    r"|(?P<power>square|sq|cubic|cu)\b\.?[\s-](?P<of>[A-Za-z]+)"
    r"|(?P<word>[A-Za-zµ]+[23²³]?)(?P<rate>(?:/|\s?per\s)(?:h|hour|s|second|hr|sec)\b)?"
    r")(?!\w)"
)


def unit_after(text: str, place: int) -> tuple[Unit, int] | None:
    """The unit that follows a number ending at `place`, and where it ends."""
    match = _AFTER.match(text, place)
    if match is None:
        return None
    unit = _unit(match)
    return (unit, match.end()) if unit else None


def _unit(match: re.Match[str]) -> Unit | None:
    if match["temperature"]:
        return _TEMPERATURE[match["scale"].lower()]
    if sign := match["sign"]:
        return UNITS["%" if sign.startswith("per") else "°" if sign == "º" else sign]
    if match["power"]:
        return UNITS.get(_singular(match["of"].lower()) + _POWERS[match["power"].lower()])
    word = match["word"]
    if match["rate"]:
        return UNITS.get(f"{_singular(word.lower())}/{match['rate'].lstrip('/ per').strip()[0]}") or _plain(word)
    return _plain(word)


def _plain(word: str) -> Unit | None:
    """A unit written as one word. One-letter units are in small letters (`5 m`), W, V, K, J and A apart."""
    if len(word) == 1 and word not in "mgslhtWVJ":
        return None
    small = word.lower().replace("²", "2").replace("³", "3").replace("metre", "meter").replace("litre", "liter")
    if word == "M":
        return None
    return UNITS.get(small) or UNITS.get(_IRREGULAR.get(small, small.removesuffix("s") if len(small) > 3 else small))


def _singular(word: str) -> str:
    word = word.replace("metre", "meter")
    word = _IRREGULAR.get(word, word.removesuffix("s"))
    return _SHORT.get(word, word)
