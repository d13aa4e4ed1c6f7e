"""Numbers with words and signs behind them: kinds of what stands in a box, paid and not."""

from tests.helpers.answer_tables.table import Kind

UNITS = (
    Kind(
        "per cent",
        "A per cent sign on both sides is compared; on one, 50% is 0.5 and also 50.",
        {
            r"50\%": ("50%", r"50\%", "50", "0.5", r"\frac{1}{2}", "50 percent", "50 per cent"),
            "0.5": ("50%", r"50\%"),
            "50": ("50%", r"50 \text{ percent}"),
            r"12.5\%": ("12.5%", "1/8", r"12\frac{1}{2}\%"),
        },
        {
            r"50\%": ("5%", "0.5%", "5000%", "500", "0.05", "50 percentage points"),
            "0.5": ("0.5%", "5%"),
            "50": ("0.5%", "500%", "50 percent points"),
            r"12.5\%": ("0.125%", "125%"),
        },
    ),
    Kind(
        "counted things and units",
        "What is counted, or a unit, may stand behind a number or be left out.",
        {
            "16": (
                "16 apples",
                r"16\text{ cm}",
                "16 m",
                "16cm",
                r"16\,\mathrm{m/s}",
                "16 square feet",
                r"16\text{ cm}^2",
                r"16~\mathrm{kg}",
                "16 km/h",
                "16 years old",
                r"16\ \Omega",
            ),
            r"16\text{ cm}": ("16", "16 cm", r"16\,\text{cm}", "16 centimeters"),
            "5 km/h": ("5", r"5\text{ km per hour}", "5 kph"),
        },
        {
            "16": ("16 dozen", "16 and a half", "16x", "16!", "16 mod 5", "160 cm", r"\text{cm}"),
            r"16\text{ cm}": (r"16\text{ km}", "16 m", "1.6 cm", "16 kg", r"16\text{ cm}^2"),
            "5 km/h": ("5 m/s", "5 mph", "50 km/h", "5 km"),
        },
    ),
    Kind(
        "unit conversion",
        "Two units of one kind are converted; units of different kinds differ.",
        {
            "2 hours": ("120 minutes", "120 min", "7200 s", "2 h"),
            r"1.5\text{ m}": ("150 cm", "1500 mm", r"\frac{3}{2}\text{ m}"),
            "5 ft 3 in": ("63 inches", "5 feet and 3 inches"),
            "2 hours 15 minutes": ("135 minutes", "2 hours and 15 minutes", "2.25 hours"),
            r"3\text{ m}^2": (r"30000\text{ cm}^2", "3 square meters"),
            "36 km/h": ("10 m/s",),
        },
        {
            "2 hours": ("2 minutes", "120 hours", "2 m", "2 days"),
            r"1.5\text{ m}": ("15 cm", "1.5 s", "1.5 cm"),
            "5 ft 3 in": ("53 inches", "5.3 ft", "3 ft 5 in"),
            "2 hours 15 minutes": ("2.15 hours", "15 hours 2 minutes", "2 minutes 15 seconds"),
            r"3\text{ m}^2": (r"300\text{ cm}^2", "3 m"),
            "36 km/h": ("36 m/s",),
        },
    ),
    Kind(
        "unit that is asked for",
        "A bare expected number is in the unit that the question asks for.",
        {"45": ("45", "45 dollars", r"\$45", "4500 cents", "$45.00")},
        {"45": ("45 cents", "45 euros", "4500 dollars", "4500")},
        prompt="How many dollars does she pay?",
        one_way=True,
    ),
    Kind(
        "words that multiply",
        "`dozen`, `thousand`, `million`, `half` and the like change the value.",
        {
            "204": ("17 dozen",),
            "3000000": ("3 million", r"3\text{ million}", "3,000 thousand"),
            "1500": ("1.5 thousand", "15 hundred"),
            r"\frac{3}{4}": ("3 quarters", "three quarters"),
            "35 million": ("35,000,000",),
            "12": ("twelve", r"\text{twelve}"),
        },
        {
            "17": ("17 dozen", "17 thirds", "17 and a half", "twice 17", "minus 17"),
            "3": ("3 million", "3 hundred", "3 quarters"),
            "35 million": ("35", "35 billion", "35,000"),
            "12": ("twenty", "eleven"),
        },
    ),
    Kind(
        "currency",
        "A currency is a unit, in words or as a sign; dollars of LaTeX are none.",
        {
            "45": (r"\$45", "$45", "$45.00", "45 dollars", "€45", "45$", "45 USD", "$45$"),
            r"\$1,234.50": ("1234.5", r"\$1234.50", "1,234.50 dollars"),
            r"\$0.50": ("50 cents", "$0.5"),
            "€3": ("3 euros", "3"),
        },
        {
            "45": (r"\$4.50", "$450", "$45.50", r"\$45\text{ million}"),
            r"\$1,234.50": ("1,234", "123450", "1234.05"),
            r"\$0.50": ("50 dollars", "5 cents"),
            "€3": (r"\$3", "3 cents"),
        },
    ),
    Kind(
        "degrees",
        "A degree sign may be left out; radians are not degrees.",
        {
            "145": (r"145^\circ", "145°", r"145\text{ degrees}", r"145^{\circ}", r"145\degree"),
            r"30^\circ": ("30", "30 degrees", "30°"),
            "16": (r"16^\circ\text{C}", "16 °C"),
        },
        {
            "145": (r"14.5^\circ", r"145^0", r"145^\circ + 1^\circ", r"-145^\circ"),
            r"30^\circ": (r"30\text{ radians}", r"60^\circ", "300", r"30\%"),
        },
    ),
    Kind(
        "ordinals",
        "16th is 16.",
        {
            "16": ("16th", r"16^{th}", r"16^{\text{th}}", r"16\text{th}"),
            "3rd": ("3", "3rd", r"3^{rd}"),
            "21": ("21st", r"21^{\text{st}}"),
        },
        {
            "16": ("15th", "16^t", "16 tenths", r"\frac{16}{10}th"),
            "3rd": ("2nd", "3^2", "1/3"),
            "21": ("12th", "21^{s}"),
        },
    ),
    Kind(
        "bases",
        "A numeral in a base keeps its digits; the base may be left out.",
        {
            "40_9": ("40_{9}", "40", "(40)_9", r"40_{\text{nine}}"),
            "2C_{16}": (r"(2C)_{16}", "2c_{16}", r"\mathrm{2C}_{16}"),
            "1011_2": ("1011", r"1011_{2}"),
        },
        {
            "40_9": ("36", "40_8", "41_9", "36_{10}", "4"),
            "2C_{16}": ("44", "2C_{15}", "C2"),
            "1011_2": ("11", "1101_2", "11_{10}"),
        },
        one_way=True,
    ),
    Kind(
        "times and ratios",
        "3:45 is a time or a ratio of the same numbers; a ratio is also a fraction.",
        {
            "3:4": ("3 : 4", r"\frac{3}{4}", "3/4", "3 to 4", "6/8"),
            "1:2:3": ("1 : 2 : 3",),
            "3:45 pm": ("3:45 PM", "3:45 p.m.", "03:45 pm"),
            r"1:\sqrt{3}": (r"1 : \sqrt3",),
        },
        {
            "3:4": ("4:3", "6:9", "34", "3", "3, 4", "1:3:4"),
            "1:2:3": ("1:2", "123", "3:2:1"),
            "3:45 pm": ("3:45 am", "3:54 pm", "345", "15 pm"),
            r"1:\sqrt{3}": (r"1:\sqrt{2}",),
        },
    ),
)
