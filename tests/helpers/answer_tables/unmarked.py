"""Answers that a completion does not mark: words, dates, lists, derivations; what stands beside."""

from tests.helpers.answer_tables.table import Kind

UNMARKED = (
    Kind(
        "Chinese sentences",
        "A denial, a bound and a word that changes the value count in Chinese, too.",
        {
            "24": ("所以他今年24岁。", "答：甲有24个。", "所以该数不是15，只能是24。"),
            "240000": ("所以共有24万人。", "所以共有 **24** 万人。"),
            "288": ("共 24 打鸡蛋",),
            "0.24": ("占总数的 24％",),
            "-24": ("所以温度是负24度。",),
        },
        {
            "24": (
                *("所以不是24。", "答案不是24。", "所以面积大于24。", "所以面积至少为24。"),
                *(
                    "面积的一半是24。",
                    "所以共有24万人。",
                    "所以温度是负24度。",
                    "答案不是 \\boxed{24}",
                ),
            ),
        },
    ),
    Kind(
        "word",
        "Without numbers, what the last sentence says that it is; a name behind `So ... is` also "
        "after numbers.",
        {
            r"\text{Evelyn}": (
                "So the fastest runner is Evelyn.",
                "Evelyn",
                "12 < 15. So it is Evelyn.",
            ),
            "yes": ("Yes.", "Yes, it converges.", "Therefore, yes."),
            "odd": ("The function is odd.", "It is an odd function."),
            "Tuesday": ("Since 100 = 14*7 + 2, the day is Tuesday.", "It falls on a Tuesday."),
            "converges": ("The series converges.",),
            r"\frac{3}{4}": ("The probability is three quarters.", "It is three-fourths."),
            "7": ("There are exactly seven such numbers.",),
        },
        {
            r"\text{Evelyn}": ("It is not Evelyn.", "Evelyn is slower than Debra, so Debra."),
            "yes": ("No.", "Therefore, no."),
            "odd": ("The function is neither odd nor even.", "It is not odd.", "It may be odd."),
            "Tuesday": ("It is Tuesday or Wednesday.", "So the day is Wednesday, not Tuesday."),
            "converges": ("The series diverges.", "It does not converge."),
            r"\frac{3}{4}": ("The probability is three fifths.",),
            "7": ("There are seventy.",),
        },
    ),
    Kind(
        "date",
        "A number with its month is a date.",
        {
            "October 30": (
                "The result is October 30",
                "So it happens on October 30.",
                "It will be October 30th.",
                "The date is 30 October.",
            )
        },
        {
            "October 30": (
                "The result is October 31",
                "It is November 30.",
                "The result is not October 30.",
                "It is after October 30.",
            )
        },
    ),
    Kind(
        "list at the end",
        "Values that an `or` joins, a last line of values and the items of a last list.",
        {
            "-3, 5": (
                "So x = 5 or x = -3.",
                "x = -3, 5",
                "$x_1 = 5$, $x_2 = -3$",
                "- x = 5\n- x = -3",
                "x = 5 or -3",
            ),
            "(1,2),(3,4)": ("The points are $(1,2)$ and $(3,4)$.", "(1, 2), (3, 4)"),
            "3:4": ("The ratio of boys to girls is 3 to 4.",),
            "18.9": ("She pays 18 dollars and 90 cents.",),
            r"(-\infty, 2]": ("The solution set is (-∞, 2].",),
        },
        {
            "-3, 5": ("x = 5", "x = 5 or x = 3", "- x = 5\n- x = 3"),
            "5": ("x = 5 or x = -3", "x = 5 or 6"),
            "(1,2),(3,4)": ("The points are $(1,2)$ and $(4,3)$.",),
            "3:4": ("It goes from 3 to 4.",),
            "18.9": ("18 dollars and 9 cents",),
        },
    ),
    Kind(
        "derivation",
        "The last line of a formula with those that it goes on from.",
        {
            "7": (
                "\\begin{align*}\nx &= 3+4 \\\\\n&= 7\n\\end{align*}",
                "$$\\begin{aligned} 2x &= 14 \\\\ x &= 7 \\end{aligned}$$",
                "\\begin{gather*}\n2x=14\\\\ x=7\n\\end{gather*}",
            ),
            "x=3, y=4": ("$$\\begin{aligned} x &= 3 \\\\ y &= 4 \\end{aligned}$$",),
        },
        {
            "7": (
                "\\begin{align*}\nx &= 3+4 \\\\\n&= 8\n\\end{align*}",
                "$$\\begin{aligned} 2x &= 7 \\\\ x &= 3.5 \\end{aligned}$$",
            ),
            "x=3, y=4": ("$$\\begin{aligned} x &= 4 \\\\ y &= 3 \\end{aligned}$$",),
        },
    ),
    Kind(
        "numbers beside",
        "Confidence, marks of references, years, places and what is denied are no answer.",
        {
            "27": (
                "She has 27 apples. I am 95% sure.",
                "She has 27 apples, with 90% confidence.",
                "The total is 27. My confidence is 8/10.",
                "She has 27 apples. [2]",
                "The total is 27 (Eq. 4).",
                "He was 27 years old in 1999.",
                "So she has 27 apples, as of 2024.",
                "The value is 27, not 28.",
                "The maximum is 27, attained at x = 3.",
                "The sum is ____27____.",
                "The area is 27 m2.",
                "n = 27 $\\blacksquare$",
            )
        },
        {
            "95%": ("She has 27 apples. I am 95% sure.",),
            "2": ("She has 27 apples. [2]",),
            "1999": ("He was 27 years old in 1999.",),
            "3": ("The maximum is 27, attained at x = 3.",),
            "27": (
                "27 is wrong.",
                "She had 27 apples in 2023 and has 30 now.",
                "She has 27 apples, but eats 2, so 25 are left.",
            ),
        },
    ),
)
