"""Where the final answer stands: kinds of completions, paid and not."""

from tests.helpers.answer_tables.table import Kind

MARKED = (
    Kind(
        "box",
        r"The last `\boxed{}` is the answer, in whatever spelling, wherever it stands.",
        {
            "7": (
                r"\boxed{7}",
                r"First \boxed{6}, no: \boxed{7}",
                r"\fbox{7}",
                r"\\boxed{7}",
                r"\boxed 7",
                r"$\boxed { 7 }$ as 3 + 4 = 7, and 8 is too large.",
                r"boxed{7}",
            ),
            r"\frac{1}{2}": (r"\boxed{\dfrac{1}{2}}", r"\boxed\frac12", r"\boxed{\boxed{0.5}}"),
        },
        {
            "6": (r"First \boxed{6}, no: \boxed{7}", r"\boxed{7}, and 6 is too small."),
            "7": (r"<think>\boxed{7}</think> It is \boxed{8}.", r"7 or so: \boxed{8}", r"\boxed{7"),
        },
    ),
    Kind(
        "boxes that are parts",
        "Boxes with only `and`, `or`, a comma or an item's mark between them are one answer.",
        {
            "4, 9": (
                r"\boxed{4} and \boxed{9}",
                r"$x = \boxed{9}$ or $x = \boxed{4}$",
                r"\boxed{4}, \boxed{9}",
                "- $\\boxed{4}$\n- $\\boxed{9}$",
                "(a) \\boxed{4}\n(b) \\boxed{9}",
            ),
            "9": (r"It is not \boxed{4}. It is \boxed{9}.", r"\boxed{4} was wrong: \boxed{9}"),
        },
        {
            "9": (
                r"\boxed{4} and \boxed{9}",
                r"$\boxed{9}$, $\boxed{9.5}$",
                "- \\boxed{4}\n- \\boxed{9}",
            ),
            "4, 9": (r"It is not \boxed{4}. It is \boxed{9}.", r"\boxed{4} and \boxed{8}"),
        },
    ),
    Kind(
        "quoted box",
        "A box that is empty or quotes the instruction is no answer.",
        {
            "5": (
                r"\boxed{5} (I was asked to put it in \boxed{}.)",
                r"The form is \boxed{answer}. It is \boxed{5}.",
                r"\boxed{5}, within \boxed{...}",
                "In the form \\boxed{your answer here}:\n\nThe answer is 5.",
            )
        },
        {
            "5": (r"\boxed{}", r"5 is wrong. \boxed{\text{unknown}}", r"\boxed{4}, see \boxed{}"),
            "answer": (r"\boxed{answer}",),
        },
    ),
    Kind(
        "`<answer>`",
        "The last closed `<answer>` is the answer, also as a short sentence with one number.",
        {
            "12": (
                "<think>3 * 4</think><answer>12</answer>",
                "<answer>11</answer> No: <answer>12</answer>",
                "<answer>There are 12 eggs.</answer>",
                "<answer>\n\\(12\\)\n</answer>",
                "<answer>3 * 4 = 12</answer>",
                r"<answer>The answer is \boxed{12}</answer>",
                "<answer>$12</answer>",
                "<answer>Therefore, the total number of eggs is 12.</answer>",
                "<answer>She needs 12 more eggs to bake it.</answer>",
                "<answer>She had 9 + 3 = 12.</answer>",
                "<answer>12 eggs are left because 15 - 3 = 12</answer>",
            ),
            "-5": ("<answer>The temperature dropped to -5 degrees.</answer>",),
        },
        {
            "12": (
                "<answer>13</answer> or 12",
                r"\boxed{12} <answer>13</answer>",
                "<answer>12 or 13</answer>",
                "<answer>There are 12 dozen eggs.</answer>",
                "<answer>I do not know</answer>",
                "<answer></answer> 12",
                "<answer>Therefore, not 12</answer>",
                "<answer>She had 9 + 4 = 12.</answer>",
                "<answer>12 more than 3</answer>",
                "<answer>It is not 12 because 13 is larger</answer>",
                "<answer>The ratio is 12 to 1</answer>",
            ),
            "5": ("<answer>The temperature dropped to -5 degrees.</answer>",),
            "1": ("<answer>12 because 13 - 1 = 12</answer>",),
        },
    ),
    Kind(
        "`####`",
        "The line after the last `####` is the answer, as in GSM8K; a heading is none.",
        {
            "12": (
                "3 * 4 = 12\n#### 12",
                "####12",
                "#### 12 eggs",
                "#### <<3*4=12>>12",
                "#### $12.00",
                "#### 11\n#### 12",
                "#### Step 2: multiply\n3 * 4 = 12",
            ),
            "1200": ("#### 1,200",),
        },
        {
            "12": ("12\n#### 13", "#### 12 dozen", "#### 12\n#### 13", "#### 12%5", "#### 120"),
            "2": ("#### Step 2: multiply\n3 * 4 = 12",),
        },
    ),
    Kind(
        "the answer is",
        "What the last `the answer is ...`, or a heading such as `Answer:`, states.",
        {
            "31": (
                "The answer is 31.",
                "Final answer: 31",
                "**Answer:** $31$",
                "So the correct answer is therefore 31 apples.",
                "The answer is 30. Wait, one more. So the answer is 31.",
                "## Final Answer\n\n31",
                "The final result is 31, because 30 is even.",
                "The answer to the first question is 31.",
                "The answer is 31 since 19 + 12 = 31 and not 32.",
                "The answer is 31 [2].",
                "The answer is 31, which is option B.",
            ),
            "5:30": ("The answer is 5:30.",),
            r"\frac{2}{3}": ("The answer is $\\frac{2}{3}$.", "answer = 2/3"),
        },
        {
            "31": (
                "The answer is not 31.",
                "The answer is 13. 31 would be too many.",
                "I do not think that the answer is 31.",
                "If the answer is 31, one is left. So the answer is 30.",
                "The answer is 31 or 32.",
                "The answer is 31^2.",
                "The answer is between 31 and 33.",
            ),
            "3": ("The answer is $3x$.",),
            "12": ("The answer is 31 since 19 + 12 = 31.",),
        },
    ),
    Kind(
        "答案是",
        "The same in Chinese: `答案是`, `故选` and the like.",
        {
            "42": (
                "所以答案是42。",
                "最终答案：**42**",
                "答案为 $42$。",
                "正确答案是 42，因为 6×7=42。",
            ),
            "B": ("故选B。", "答案：B", "因此选 (B)"),
        },
        {
            "42": ("所以答案是24。", "42 太大，答案是 41。", "答案是 42 或 43。"),
            "B": ("故选C。", "B 不对。答案：A"),
        },
    ),
    Kind(
        "option",
        "A last line that names one option.",
        {
            "B": (
                "3 * 4 = 12, so\n\n(B)",
                "Hence\nB) 12 cm",
                "So option B is correct.",
                "**B**",
                "\\boxed{\\text{(B)}}",
                "The answer is B.",
            ),
            r"\textbf{(B)}": ("(B)", "The correct option is B."),
        },
        {
            "B": (
                "Hence\nC) 12 cm",
                "Options A or B: I am not sure.",
                "B is wrong.\n\nC",
                "So option C is correct and not B.",
                "The answer is A or B.",
                "(A), (B)",
            )
        },
    ),
    Kind(
        "bold",
        "The last bold value, unless a number follows it in its paragraph.",
        {
            "42": (
                "So she has **42** apples.",
                "**6** times **7** makes **42**.",
                "She has **42 apples**.",
                "It is __42__.",
                "**Step 2**\n\n6 * 7 = 42",
            ),
            "Monday": ("That day is **Monday**.",),
            "42000000": ("It has **42** million people.",),
        },
        {
            "42": (
                *("So she has **24**.", "**42** is more than **41**.", "**4.2**", "**420**"),
                "It has **42** million people.",
            ),
            "2": ("**Step 2**\n\n6 * 7 = 42",),
        },
    ),
    Kind(
        "said",
        "A last sentence that says there is no solution, or that all numbers are one.",
        {
            r"\emptyset": ("The lines are parallel. So there is no solution.",),
            r"\text{no solution}": ("Hence the equation has no real solutions.",),
            r"(-\infty,\infty)": ("Each x will do. It holds for all real numbers.",),
        },
        {
            r"\emptyset": ("There is no solution below 5, so x = 7.", "It has a solution."),
            "7": ("Of 7 cases none works. So there is no solution.",),
        },
    ),
    Kind(
        "last formula",
        "Without any mark, the last formula in dollars or brackets, read whole.",
        {
            r"2\sqrt{3}": (r"The side is $2\sqrt{3}$.", r"Thus \[ s = 2\sqrt{3}. \]"),
            "(3, -1)": (r"The vertex is $(3,-1)$.",),
            r"10^{-7}": (r"It is \(10^{-7}\).", r"It is $$1\times 10^{-7}$$"),
            "12500": (r"In all $12{,}500$.", r"In all \(12\,500\) people."),
        },
        {
            "3": (r"The side is $2\sqrt{3}$.", r"Hence $x = \frac{2}{3}$."),
            "-1": (r"The vertex is $(3,-1)$.",),
            "7": (r"It is \(10^{-7}\).", r"Hence $7 < x$."),
            "500": (r"In all $12{,}500$.",),
            "6": ("Expanding gives\n$$x^2 - 5x + 6.$$",),
        },
    ),
    Kind(
        "last number",
        "Else the last number with all that belongs to it: sign, power, fraction.",
        {
            "-72": ("It fell to -72 degrees.",),
            "3/8": ("So 3/8 of it is left.",),
            "1000000": ("That makes 10^6.", "That makes 1,000,000 in all."),
            "15%": ("It grew by 15%.",),
            "204": ("He needs 17 dozen.",),
            "72": ("She sold 72 clips altogether.",),
        },
        {
            "72": ("It fell to -72 degrees.", "She sold 7.2 of them.", "That is not 72."),
            "8": ("So 3/8 of it is left.",),
            "6": ("That makes 10^6.",),
            "17": ("He needs 17 dozen.", "More than 17."),
            "000": ("That makes 1,000,000 in all.",),
        },
    ),
    Kind(
        "next question",
        "What follows a question that the model asks itself does not count.",
        {
            "31": (
                "The answer is 31.\n\nQuestion: What is 5 + 6?\nThe answer is 11.",
                "\\boxed{31}\n\nHuman: What is 5 + 6?\nAssistant: \\boxed{11}",
                "#### 31\n\nQ: Tom has 5 pens.\nA: #### 11",
                "答案是31。\n问题：5+6=?\n答案是11。",
            )
        },
        {
            "11": (
                "The answer is 31.\n\nQuestion: What is 5 + 6?\nThe answer is 11.",
                "\\boxed{31}\n\nHuman: What is 5 + 6?\nAssistant: \\boxed{11}",
                "#### 31\n\nQ: Tom has 5 pens.\nA: #### 11",
            )
        },
    ),
    Kind(
        "remarks behind",
        "A confidence, a reference or a check behind the answer is no answer.",
        {
            "31": (
                "The answer is 31.\n\nConfidence: 95%",
                "So he has 31.\n\nConfidence: 0.9",
                "\\boxed{31}\n\n(See Theorem 2.1.)",
                "So **31**.\n\nReference: page 7",
                "**Answer:** 31\n\nNote: all 12 months count.",
            )
        },
        {
            "95%": ("The answer is 31.\n\nConfidence: 95%",),
            "0.9": ("So he has 31.\n\nConfidence: 0.9",),
            "7": ("So **31**.\n\nReference: page 7",),
            "12": ("**Answer:** 31\n\nNote: all 12 months count.",),
        },
    ),
    Kind(
        "thinking",
        "Thinking is no answer; what follows it is.",
        {
            "7": (
                "<think>6? no</think> The answer is 7.",
                r"so 6, no</think>\boxed{7}",
                "<think>\\boxed{6}</think>\n#### 7",
                "<think>6</think>7",
            )
        },
        {
            "7": (
                "<think>The answer is 7.</think>",
                "<think>7</think>6",
                r"<think>\boxed{7}",
                r"\boxed{7}</think> It is 6.",
            )
        },
    ),
)

CUT_OFF = Kind(
    "cut off",
    "Of a completion that was cut off only what is complete counts: a closed box or `<answer>`, "
    "a statement that does not run into the end.",
    {
        "7": (
            r"It is \boxed{7}. To check th",
            "<answer>7</answer> To che",
            "The answer is 7. To che",
            "#### 7\nTo che",
        )
    },
    {
        "7": (
            "3 + 4 = 7",
            "The answer is 7",
            "#### 7",
            "<answer>7",
            r"so $7$ and \boxed{7",
            "**7**",
        )
    },
)
