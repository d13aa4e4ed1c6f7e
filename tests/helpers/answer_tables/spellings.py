"""Spellings of numbers, quantities, dates and words that need their surroundings, in a box."""

from tests.helpers.answer_tables.table import Kind

SPELLED = (
    Kind(
        "Indian groups",
        "Groups of two digits before the last three are thousands, unless a list is expected.",
        {
            "900000": ("9,00,000", r"9,00,000\text{ rupees}", "₹9,00,000", "900,000"),
            "12345678": ("1,23,45,678",),
            "9,00,000": ("900000", r"9\text{ lakh}"),
            "9,10,100": ("9, 10, 100", "100, 9, 10"),
        },
        {
            "900000": ("90,00,000", "9,0,000", "9,00,00", "9,00"),
            "9,10,100": ("910100",),
            "9,00,000": ("9",),
        },
        one_way=True,
    ),
    Kind(
        "other separators",
        "So are apostrophes and underscores between groups of three digits.",
        {
            "1234567": ("1'234'567", "1_234_567", r"1\_234\_567"),
            "5": ("____5", r"\_\_\_5", "__5__"),
        },
        {"1234567": ("1'234'568", "123_4567"), "15": ("1__5",), "5": ("____4",)},
        one_way=True,
    ),
    Kind(
        "units as fractions",
        "A fraction of units behind a number is its unit; of other letters it is a factor.",
        {
            "15": (
                r"15 \frac{km}{h}",
                r"15\ \frac{\text{km}}{\text{h}}",
                r"15 \dfrac{\text{m}}{\text{s}^2}",
                r"15 \frac{\$}{h}",
                r"15 \text{ (cm)}",
                r"15\,[\text{cm}]",
                r"15\,\mu\text{m}",
                "15 cm2",
                r"15\text{ times}",
            ),
            r"15\ \frac{\text{km}}{\text{h}}": ("15 km/h", "15"),
            "54 km/h": (r"15\ \frac{\text{m}}{\text{s}}",),
        },
        {
            "15": (r"15 \frac{1}{2}", r"15\frac{x}{y}", r"16 \frac{km}{h}", r"\frac{15}{h}"),
            r"15\ \frac{\text{km}}{\text{h}}": (r"15\text{ m/s}",),
            "54 km/h": (r"54\ \frac{\text{m}}{\text{s}}",),
        },
        one_way=True,
    ),
    Kind(
        "minutes of arc",
        "30°15' is 30.25°.",
        {
            r"30^\circ 15'": (
                r"30.25^\circ",
                "30°15′",
                r"30^\circ 15^\prime",
                r"30\text{ degrees } 15 \text{ minutes}",
            )
        },
        {r"30^\circ 15'": (r"30.15^\circ", r"30^\circ", r"30^\circ 45'", r"15^\circ 30'")},
    ),
    Kind(
        "per cents in groups",
        "Per cent signs in a pair or a list are read as they are alone.",
        {
            "(0.15, 0.2)": (r"(15\%, 20\%)", "(15%, 0.2)"),
            r"15\%, 20\%": ("15, 20", "0.15, 0.2"),
            "15, 20": (r"15\%, 20\%",),
        },
        {
            "(0.15, 0.2)": (r"(20\%, 15\%)", r"(15\%, 2\%)"),
            "15, 20": (r"0.15\%, 0.2\%",),
        },
    ),
    Kind(
        "lists in brackets",
        "Numbers that are expected without brackets may have some; those that are expected stay.",
        {"1,2": ("[1,2]", "(1,2)", r"\{1,2\}"), "2,1": ("[1,2]",), "17": ("[17]",)},
        {"1,2": ("[1,3]", "[1,2)"), "(1,2)": ("[1,2]",), r"\{1,2\}": (r"\{\{1\},2\}",)},
        one_way=True,
    ),
    Kind(
        "dates",
        "A day and its month, in any order and with or without the year.",
        {
            "October 30": ("October 30th", "30 October", r"\text{30th of October}", "Oct. 30"),
            r"\text{March 14, 2021}": (
                *("14 March 2021", "March 14", "Sunday, March 14, 2021"),
                *("2021-03-14", "2021年3月14日"),
            ),
            "2021-03-14": ("March 14, 2021", "2021/03/14"),
            "30": ("October 30",),
        },
        {
            "October 30": ("October 31", "November 30", "30", "October 3"),
            r"\text{March 14, 2021}": ("March 14, 2020", "2021", "2021-04-13"),
            "2021-03-14": ("2004", "2021-03-15"),
        },
        one_way=True,
    ),
    Kind(
        "numbers in Chinese",
        "A number may have its name and its unit; with words that change it, it is another.",
        {
            "24": (
                "面积为24",
                "面积是 $24$",
                "最大值为24",
                "共24人",
                "他今年24岁",
                "第24",
                "24千克",
            ),
            "240000": ("24万", "共24万人"),
            "-24": ("负24",),
        },
        {
            "24": (
                *(
                    "面积不为24",
                    "面积大于24",
                    "面积至少为24",
                    "面积的一半是24",
                    "共24万人",
                    "负24",
                    "减去24",
                ),
                *("24的倒数", "24的平方", "24次方", "根号24", "24以上", "24个百分点", "除24外"),
            ),
        },
        one_way=True,
    ),
    Kind(
        "kinds of things",
        "`odd function` is `odd`; a sentence that begins with yes or no says it.",
        {
            "odd": ("odd function", r"\text{odd function}", r"\text{The function is odd}"),
            "odd function": ("odd",),
            r"\text{Yes}": ("Yes", r"\text{Yes, it is.}"),
            "Monday": (r"\text{on Monday}",),
        },
        {
            "odd": ("even function", "not odd", "odd or even"),
            r"\text{Yes}": ("No", r"\text{Yes or no}", r"\text{No, yes}", r"\text{Not yes}"),
            "Monday": (r"\text{the day after Monday}",),
        },
        one_way=True,
    ),
    Kind(
        "numbers in words",
        "A number may be said, with its fraction and its sign.",
        {
            r"\frac{3}{2}": (r"\text{one and a half}", r"1 \text{ and } \frac12"),
            r"\frac{2}{3}": (r"\text{two-thirds}", r"\frac{2}{3} (or 66\frac23\%)"),
            r"-\frac12": (r"\text{minus }\frac12", r"\text{negative one half}"),
            r"-\infty": (r"\text{negative infinity}",),
        },
        {
            r"\frac{3}{2}": (r"\text{one and a third}",),
            r"\frac{2}{3}": (r"\text{two-fifths}", "2-3", r"\frac{2}{3} (or 0.5)"),
            r"-\frac12": (r"\text{one half}",),
            r"\infty": (r"\text{negative infinity}",),
        },
        one_way=True,
    ),
    Kind(
        "binomials by index",
        "C with an index before it or a number above it is a binomial.",
        {"120": ("_{10}C_3", "^{10}C_3", "C_{10}^3", r"{}_{10}C_3"), "4": (r"\lg 10^4",)},
        {"120": ("_{10}C_4", "C_3^{10}", "C_{10}", "10C"), "4": (r"\lg 4",)},
        one_way=True,
    ),
)
