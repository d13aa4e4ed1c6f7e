"""When two numbers are one answer: kinds of what stands in a box, paid and not."""

from answer_table import Kind

NUMBERS = (
    Kind(
        "signs and zeros",
        "Leading and trailing zeros, a plus, brackets and a full stop change nothing; a sign does.",
        {
            "5": ("05", "5.0", "+5", "(5)", "5.", "-(-5)", "{5}", "5,", r"\left(5\right)"),
            "-5": ("-5", "−5", "-(5)", "-5.00"),
            "0": ("-0", "0.0", "000"),
            "025": ("25",),
        },
        {
            "5": ("-5", "50", "0.5", "5.01", "55", "--", "5x", "5^2", "5, 6"),
            "-5": ("5", "|-5|", "-50"),
            "0": ("1", "", r"\emptyset", "o"),
        },
    ),
    Kind(
        "fractions",
        "A fraction is a number, in lowest terms or not, and a decimal that holds all of it.",
        {
            r"\frac{3}{8}": ("3/8", r"\dfrac38", r"\tfrac{6}{16}", "0.375", ".3750", r"3\div 8"),
            r"-\frac{3}{2}": (r"\frac{-3}{2}", r"\frac{3}{-2}", "-3/2", "-1.5", r"-\cfrac{3}{2}"),
            "0.25": (r"\frac14", "1/4"),
        },
        {
            r"\frac{3}{8}": ("8/3", "3.8", "38", "0.38", "0.37", "-3/8", r"\frac{3}{80}", "3"),
            r"-\frac{3}{2}": (r"\frac{-3}{-2}", "3/2", r"-\frac{2}{3}"),
        },
    ),
    Kind(
        "mixed numbers",
        "A whole number with a proper fraction behind it is their sum.",
        {
            r"3\frac{3}{4}": ("15/4", "3.75", "3 3/4", r"3 \frac34", "3 and 3/4", r"3+\frac{3}{4}"),
            "-3 3/4": (r"-3\frac{3}{4}", "-3.75"),
            "2.5": ("2½", r"2\frac{1}{2}"),
        },
        {
            r"3\frac{3}{4}": ("9/4", "33/4", r"\frac{3}{4}", r"4\frac{3}{4}", "3", "2.25"),
            "-3 3/4": ("-2.25", "3 3/4"),
            "2.5": (r"2\cdot\frac{1}{2}", r"2, \frac{1}{2}"),
        },
    ),
    Kind(
        "thousands",
        "Commas, thin spaces and braces between groups of three digits belong to the number.",
        {
            "12500": (
                "12,500",
                r"12{,}500",
                r"12\,500",
                "12 500",
                r"12,\!500",
                r"12\;500",
                "12,500.0",
            ),
            "1234567": ("1,234,567", r"1\,234\,567"),
            "(1,200)": ("(1, 200)", "1, 200"),
            "5,12,13": ("5, 12, 13",),
        },
        {
            "12500": ("12,50", "12.500", "12, 50, 0", "1,2500", "125,00", "500", "12"),
            "1234567": ("1,234,568", "1234", "234,567"),
            "5,12,13": ("51213", "5,1213"),
            "(1,200)": ("1200",),
        },
    ),
    Kind(
        "powers of ten",
        "Scientific notation, with `e` or `\\times 10^`, is the number.",
        {
            "1500": (r"1.5 \times 10^3", "1.5e3", r"1.5\cdot 10^{3}", "1.5 x 10^3", "1.5*10^3"),
            "0.00045": ("4.5e-4", r"4.5\times10^{-4}", "4.5 × 10⁻⁴", r"\frac{9}{20000}"),
            r"10^{-7}": ("1e-7", "0.0000001", r"\frac{1}{10^7}"),
            r"6.02\times 10^{23}": ("6.02e23", "602000000000000000000000"),
        },
        {
            "1500": (r"1.5\times 10^2", "1.5", "1.5e-3", r"1.5+10^3", "1.5^3"),
            "0.00045": ("4.5e4", "4.5e-5", "0"),
            r"10^{-7}": ("-10^7", "0", "10^7", "-7"),
        },
    ),
    Kind(
        "powers, factorials, binomials, roots",
        "What arithmetic alone works out is worked out, exactly.",
        {
            "1024": ("2^{10}", "2^10", "4^5", "32^2", r"\sqrt{2^{20}}", "2**10", "1000 + 24"),
            "720": ("6!", r"6 \cdot 5!", r"\frac{7!}{7}"),
            "15": (r"\binom{6}{2}", "C(6, 2)", r"\dbinom64", r"\frac{6!}{2!4!}", r"{6 \choose 2}"),
            "4": (r"\sqrt{16}", r"\sqrt[3]{64}", "8^{2/3}", r"\lfloor 4.9 \rfloor", "|-4|"),
            "2": (r"\gcd(4, 6)", r"17 \bmod 3", r"\log_2 4", r"\max(1, 2)"),
        },
        {
            "1024": ("10^2", "2 \\cdot 10", "2^{11}", "2^{-10}", "210", "(-2)^{9}"),
            "720": ("6", "6! + 1", "7!", "(6", "6!!"),
            "15": (r"\frac{6}{2}", r"\binom{6}{3}", r"\binom{2}{6}", "(6, 2)"),
            "4": (r"\sqrt{4}", r"\sqrt[4]{64}", r"-\sqrt{16}", "16", r"\lceil 4.9 \rceil"),
            "2": (r"\lcm(4, 6)", r"17 \bmod 4", r"\ln 4"),
        },
    ),
    Kind(
        "roots and pi",
        "Irrational numbers are equal when that is proved; about the same is not.",
        {
            r"\frac{\sqrt{2}}{2}": (
                r"\frac{1}{\sqrt{2}}",
                r"\sqrt{\frac12}",
                r"2^{-1/2}",
                r"\sin 45^\circ",
            ),
            r"5\sqrt{2}": (r"\sqrt{50}", r"\sqrt 2 \cdot 5", "5√2", r"\frac{10}{\sqrt{2}}"),
            r"\sqrt{6}": (r"\sqrt{2}\sqrt{3}", "6^{1/2}", "sqrt(6)"),
            r"2\pi": (r"\pi \cdot 2", "2π", "2pi", r"\frac{4\pi}{2}", r"\pi + \pi"),
            r"36 - 9\pi": (r"9(4-\pi)", r"-9\pi+36"),
        },
        {
            r"\frac{\sqrt{2}}{2}": (
                r"\frac{\sqrt{3}}{2}",
                "0.7",
                "0.71",
                r"\frac{2}{\sqrt{2}}",
                r"\sqrt{2}/4",
            ),
            r"5\sqrt{2}": ("5", r"\sqrt{2}", r"5 + \sqrt{2}", r"2\sqrt{5}", "52", r"\sqrt{52}"),
            r"2\pi": ("2", "6.28", "3.14", r"\pi^2", r"\frac{\pi}{2}", r"2\pi r", "2p"),
            r"\sqrt{6}": ("6", r"\sqrt{2}+\sqrt{3}", r"\pm\sqrt{6}", "2.449", "2.4494"),
        },
    ),
    Kind(
        "rounding",
        "A decimal is no fraction and no root, unless six or more digits of it are right.",
        {
            r"\frac{1}{3}": ("0.333333", "0.3333333333"),
            r"\frac{2}{3}": ("0.666667",),
            r"\sqrt{2}": ("1.414214", "1.41421356"),
            r"\pi": ("3.141593",),
            r"\frac{22}{7}": (r"\frac{22}{7} \approx 3.14",),
            r"10\pi": (r"10\pi \approx 31.4",),
        },
        {
            r"\frac{1}{3}": ("0.33", "0.3333", "0.333334", "0.3"),
            r"\frac{2}{3}": ("0.66", "0.67", "0.666666"),
            r"\sqrt{2}": ("1.41", "1.414", "1.414213", "1.4"),
            r"\pi": ("3.14", "22/7", "3.1416"),
            "12.35": ("12.3", "12.4", "12", "12.349999"),
            "100": ("99.9999", "99.99999999"),
            r"10\pi": (r"10\pi \approx 41.4", "31.4"),
        },
        one_way=True,
    ),
    Kind(
        "repeating decimals",
        "A bar, dots or brackets repeat digits for ever.",
        {
            r"\frac{1}{3}": (r"0.\overline{3}", "0.333...", r"0.\dot{3}", "0.(3)", r"0.33\ldots"),
            r"\frac{1}{6}": (r"0.1\overline{6}", "0.1(6)", "0.1666..."),
            r"\frac{2}{11}": (r"0.\overline{18}", "0.181818...", r"0.\dot{1}\dot{8}"),
            "1": (r"0.\overline{9}",),
        },
        {
            r"\frac{1}{3}": ("0.3", r"0.\overline{4}", r"3.\overline{3}", r"0.0\overline{3}"),
            r"\frac{1}{6}": (r"0.\overline{16}", "0.16", "0.17", r"0.1\overline{7}"),
            r"\frac{2}{11}": ("0.18", r"0.1\overline{8}"),
        },
    ),
    Kind(
        "doubles as expected",
        "An expected JSON number of 15 or more digits carries the rounding of its computation.",
        {
            0.7999999999999999: ("0.8", "4/5", "0.80", "0.7999999999999999"),
            3.3000000000000003: ("3.3", r"\frac{33}{10}", "3.30"),
            0.6666666666666666: ("2/3", r"0.\overline{6}"),
            0.1: ("1/10", "0.1"),
            18.0: ("18", "18.0"),
            42: ("42", "42.0"),
        },
        {
            0.7999999999999999: ("0.79", "0.799", "0.79999", "0.81", "8"),
            3.3000000000000003: ("3.33", "3", "3.300001"),
            0.6666666666666666: ("0.67", "0.6667", "0.6"),
            18.0: ("180", "1.8"),
        },
        one_way=True,
    ),
    Kind(
        "Unicode and full width",
        "Unicode signs, superscripts and full-width characters mean what they show.",
        {
            r"\frac{1}{2}": ("½", "１／２", "0．5"),
            r"2\sqrt{3}": ("2√3", "2·√3"),
            "x^2+1": ("x²+1", "ｘ²＋１"),
            "25": ("２５", "25\u200b", "\u00a025"),
            r"x \le 3": ("x ≤ 3", "x ⩽ 3"),
            r"[0, 1)": ("［0，1）", "[0，1)"),
            r"\theta": ("θ",),
            "-5": ("−5", "－5"),
        },
        {
            r"\frac{1}{2}": ("⅓", "１２", "1⁄3"),
            r"2\sqrt{3}": ("√3", "2√5", "23"),
            "x^2+1": ("x³+1", "x2+1", "x₂+1"),
            "25": ("２６", "2⁵", "２.５"),
            r"x \le 3": ("x ≥ 3", "x < 3"),
            "-5": ("5", "–50"),
        },
    ),
    Kind(
        "numbers that are too large",
        "A number of more than 20,000 digits is not worked out, unless it is written as expected.",
        {
            "2^{4950}": ("2^{4950}", r"4^{2475}"),
            r"9^{9^{9}}": (r"9^{9^{9}}",),
            "3^{1000}-1": ("-1+3^{1000}",),
            "12345678901234567891": ("12,345,678,901,234,567,891",),
        },
        {
            "17": ("9^{9^{9}}", "((10!)!)!", r"\binom{10^9}{10^8}", "9**9**9", "(10^6)!"),
            "3^{1000}-1": ("3^{1000}", "3^{999}-1"),
            "12345678901234567891": ("12345678901234567890",),
            "1": (r"\frac{9^{9^9}}{9^{9^9}+1}", "0.99999999999999999999"),
        },
    ),
)
