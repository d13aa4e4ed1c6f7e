"""Words after a number: units, counted things, and words that change the value.

`17 apples` is 17 and `17 cm` is 17 cm, but `17 dozen` is 204, `17 thirds` is 17/3, and `17 percent
points` is neither 17 nor 0.17.
"""

import re
from fractions import Fraction

from verifiers.math.tree import Node, node, num

_SCALES = {
    "length": {
        **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "1"),
        **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), "1000"),
        **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), "1/100"),
        **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre"), "1/1000"),
        **dict.fromkeys(("in", "inch", "inches"), "127/5000"),
        **dict.fromkeys(("ft", "foot", "feet"), "381/1250"),
        **dict.fromkeys(("yd", "yds", "yard", "yards"), "1143/1250"),
        **dict.fromkeys(("mi", "mile", "miles"), "201168/125"),
    },
    "time": {
        **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "1"),
        **dict.fromkeys(("min", "mins", "minute", "minutes"), "60"),
        **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "3600"),
        **dict.fromkeys(("day", "days"), "86400"),
        **dict.fromkeys(("week", "weeks"), "604800"),
        **dict.fromkeys(("ms", "millisecond", "milliseconds"), "1/1000"),
    },
    "months": {
        **dict.fromkeys(("month", "months"), "1"),
        **dict.fromkeys(("year", "years", "yr", "yrs"), "12"),
    },
    "mass": {
        **dict.fromkeys(("g", "gram", "grams"), "1"),
        **dict.fromkeys(("kg", "kilogram", "kilograms"), "1000"),
        **dict.fromkeys(("mg", "milligram", "milligrams"), "1/1000"),
        **dict.fromkeys(("lb", "lbs", "pound", "pounds"), "45359237/100000"),
        **dict.fromkeys(("oz", "ounce", "ounces"), "45359237/1600000"),
        **dict.fromkeys(("t", "ton", "tons", "tonne", "tonnes"), "1000000"),
    },
    "volume": {
        **dict.fromkeys(("l", "L", "liter", "liters", "litre", "litres"), "1"),
        **dict.fromkeys(("ml", "mL", "milliliter", "milliliters"), "1/1000"),
        **dict.fromkeys(("gal", "gallon", "gallons"), "3785411784/1000000000"),
    },
    "dollars": {
        **dict.fromkeys(("dollar", "dollars", "usd", "USD", "$"), "1"),
        **dict.fromkeys(("cent", "cents"), "1/100"),
    },
    "euros": {**dict.fromkeys(("euro", "euros", "EUR"), "1")},
    "pounds sterling": {**dict.fromkeys(("pound", "GBP"), "1")},
    "angle": {**dict.fromkeys(("deg", "degree", "degrees"), "1"), "radian": "1", "radians": "1"},
    "temperature": {
        **dict.fromkeys(("celsius", "Celsius"), "1"),
        **dict.fromkeys(("fahrenheit", "Fahrenheit"), "5/9"),
    },
}
_KNOWN = {
    name: (dimension, Fraction(scale))
    for dimension, scales in _SCALES.items()
    for name, scale in scales.items()
}
SINGLE = frozenset("msghlLJNWVKCF")
"""Single letters that are units where they stand apart from the number: 16 m, 16 m/s."""
SHORT = frozenset(
    (
        *(
            "km",
            "cm",
            "mm",
            "in",
            "ft",
            "yd",
            "mi",
            "kg",
            "mg",
            "lb",
            "lbs",
            "oz",
            "ml",
            "mL",
            "hr",
        ),
        *("hrs", "min", "sec", "ms", "mph", "kph", "kmh", "rpm", "Hz", "kHz", "kW", "kWh", "MW"),
        *(
            "kJ",
            "Pa",
            "kPa",
            "mol",
            "cc",
            "sq",
            "cu",
            "USD",
            "EUR",
            "GBP",
            "CNY",
            "RMB",
            "INR",
            "yr",
        ),
        *(
            "yrs",
            "pm",
            "am",
            "PM",
            "AM",
            "deg",
            "rad",
            "gal",
            "pt",
            "qt",
            "pts",
            "ppm",
            "dB",
            "eV",
            "nm",
            "um",
        ),
    )
)
"""Abbreviations that are units even without a space: 16cm."""
MULTIPLIERS = {
    **{name: Fraction(1, 2) for name in ("half", "halves")},
    **{name: Fraction(1, 3) for name in ("third", "thirds")},
    **{name: Fraction(1, 4) for name in ("quarter", "quarters", "fourth", "fourths")},
    **{name: Fraction(1, 5) for name in ("fifth", "fifths")},
    **{name: Fraction(1, 6) for name in ("sixth", "sixths")},
    **{name: Fraction(1, 7) for name in ("seventh", "sevenths")},
    **{name: Fraction(1, 8) for name in ("eighth", "eighths")},
    **{name: Fraction(1, 9) for name in ("ninth", "ninths")},
    **{name: Fraction(1, 10) for name in ("tenth", "tenths")},
    **{
        f"{stem}{end}": Fraction(1, number)
        for number, stem in enumerate(
            (
                *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"),
                *("seventeenth", "eighteenth", "nineteenth", "twentieth"),
            ),
            start=11,
        )
        for end in ("", "s")
    },
    **{name: Fraction(1, 100) for name in ("hundredth", "hundredths")},
    **{name: Fraction(1, 1000) for name in ("thousandth", "thousandths")},
    **{name: Fraction(12) for name in ("dozen", "dozens")},
    **{name: Fraction(20) for name in ("score",)},
    **{name: Fraction(10) for name in ("tens",)},
    **{name: Fraction(10**5) for name in ("lakh", "lakhs")},
    **{name: Fraction(10**7) for name in ("crore", "crores")},
    **{name: Fraction(10**15) for name in ("quadrillion", "quadrillions")},
    **{name: Fraction(144) for name in ("gross",)},
    **{name: Fraction(100) for name in ("hundred", "hundreds")},
    **{name: Fraction(10**3) for name in ("thousand", "thousands")},
    **{name: Fraction(10**6) for name in ("million", "millions")},
    **{name: Fraction(10**9) for name in ("billion", "billions")},
    **{name: Fraction(10**12) for name in ("trillion", "trillions")},
    **{"打": Fraction(12), "百": Fraction(100), "千": Fraction(1000)},
    **{"万": Fraction(10**4), "亿": Fraction(10**8)},
}
"""Words after a number that multiply it."""
REFUSED = frozenset(
    (
        *("and", "or", "nor", "not", "to", "over", "plus", "minus", "times", "mod", "choose"),
        *("power", "factorial", "sqrt", "root", "roots", "ln", "log", "sin", "cos", "tan", "pi"),
        *("squared", "cubed", "twice", "thrice", "double", "triple", "halved", "doubled"),
        *("tripled", "negative", "positive", "below", "above", "zero", "point", "out", "maybe"),
        *("perhaps", "probably", "possibly", "wrong", "incorrect", "false", "is", "are", "if"),
        *("when", "else", "than", "less", "modulo", "remainder", "base", "divided"),
        *("multiplied", "by", "with", "but", "then", "because", "except", "unless", "short"),
        *("inverse", "reciprocal", "off", "ppm", "mille", "too", "bn", "mn"),
    )
)
"""Words that are no unit and name nothing that is counted."""
_SQUARE = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_BASE = {
    "length": "m",
    "time": "s",
    "months": "month",
    "mass": "g",
    "dollars": "dollars",
    "angle": "deg",
}
_SHORTHAND = {"mph": "mile / hour", "kph": "km / hour", "kmh": "km / hour"}

Dimension = tuple[tuple[str, int], ...]
"""Powers of the kinds of quantity: (("length", 1), ("time", -1))."""


def unit_of(words: str) -> tuple[Dimension, Fraction] | None:
    """Dimension and scale of known units: `square cm`, `km / h`, `m s^-1`. None for other words."""
    powers: dict[str, int] = {}
    scale, sign, times = Fraction(1), 1, 1
    for word in _SHORTHAND.get(words, words).replace("*", " ").split():
        name, _, power = word.partition("^")
        if name in ("/", "per"):
            sign = -1
            continue
        if name.lower() in _SQUARE:
            times = _SQUARE[name.lower()]
            continue
        known = _KNOWN.get(name) or _KNOWN.get(name.lower())
        if known is None:
            return None
        if power not in ("", "1", "2", "3", "-1", "-2", "-3"):
            return None
        exponent = sign * times * (int(power) if power else 1)
        powers[known[0]] = powers.get(known[0], 0) + exponent
        scale *= known[1] ** exponent
        times = 1
    return (tuple(sorted(powers.items())), scale) if powers else None


_DEGREE, _MINUTE = unit_of("degrees"), unit_of("minutes")
_GENERIC = frozenset(("unit", "units", "square units", "cubic units", "sq units", "cu units"))


def comparable(first: str, second: str) -> bool:
    """Do two units measure the same kind of thing? Any words agree with `units` and with one
    another (17 ways, 17 arrangements), but apples are no centimetres."""
    one, other = unit_of(first), unit_of(second)
    if one is None or other is None:
        return one is other or bool({first.lower(), second.lower()} & _GENERIC)
    return one[0] == other[0]


def in_base(value: Node, unit: str) -> Node:
    """The value in the base unit of its kind: 212 °F is 100 °C, 5 km are 5000 m."""
    if unit.lower() == "fahrenheit":
        return node("mul", num(Fraction(5, 9)), node("add", value, num(-32)))
    if unit.lower().startswith("radian"):
        return node("div", node("mul", num(180), value), node("const", "pi"))
    known = unit_of(unit)
    return value if known is None or known[1] == 1 else node("mul", num(known[1]), value)


def added(first: Node, second: Node) -> Node | None:
    """5 ft 3 in as one length; None when the two measure different things."""
    one, other = unit_of(first.args[1]), unit_of(second.args[1]) if second.op == "unit" else None
    if one == _DEGREE and other == _MINUTE:
        minutes = node("div", second.args[0], num(60))
        return node("unit", node("add", first.args[0], minutes), "degrees")
    if one is None or other is None or one[0] != other[0]:
        return None
    kind = one[0][0][0]
    if len(one[0]) != 1 or kind not in _BASE:
        return None
    parts = (node("mul", num(one[1]), first.args[0]), node("mul", num(other[1]), second.args[0]))
    return node("unit", node("add", *parts), _BASE[kind])


_ASKED = re.compile(r"\bhow many (?:more |total |full )?((?:square |cubic )?[a-z]+)", re.IGNORECASE)


def asked_unit(question: str) -> str:
    """The unit that a question asks for (`how many dollars`); empty without one, or of several."""
    asked = {name.lower() for name in _ASKED.findall(question)}
    known = [name for name in asked if unit_of(name) is not None]
    return known[0] if len(asked) == len(known) == 1 else ""


UNIT_NAMES = tuple(sorted(name for name in _KNOWN if len(name) > 1 and name.isalpha()))
"""Names of the units that are known, for whoever looks for one behind a number."""
