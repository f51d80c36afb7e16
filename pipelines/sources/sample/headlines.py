"""Headlines of a made-up wire: templates whose wording carries a tone, and what fills them.

No outlet, company or person exists. A title is built from four numbers, so that the same numbers
give the same title. A sentiment model can read the tone from the words alone.
"""

from __future__ import annotations

NEGATIVE, NEUTRAL, POSITIVE = -1, 0, 1
OUTLETS = (
    "Harbor Wire", "Meridian Post", "Ledger Street", "Northgate Journal", "Copperfield Daily",
    "Tidewater Markets", "Granite Exchange", "Blue Ridge Finance", "Sextant News", "Quarterdeck",
)  # fmt: skip
SUBJECTS = (
    "Wall Street", "S&P 500", "Nasdaq", "Dow Jones", "Stock market", "Chip stocks", "Bank stocks",
    "Energy stocks", "Retail stocks", "Airline stocks", "Software stocks", "Small-cap stocks",
    "Utility stocks", "Biotech stocks", "Housing stocks", "Carmaker stocks", "Media stocks",
    "Stocks of insurers", "Stocks of shippers", "Stocks of builders",
)  # fmt: skip
COMPANIES = (
    "Northgate Robotics", "Halden Foods", "Corvane Systems", "Pellworth Energy", "Istrin Bio",
    "Quillon Bank", "Marrow Creek Steel", "Tavish Airlines", "Ostrava Motors", "Fenwick Optics",
    "Lumen Quarry", "Castor Freight", "Dunmore Health", "Ebbtide Shipping", "Varnell Chemicals",
    "Brightwater Homes", "Silverfen Media", "Orrin Chips", "Calder Insurance", "Jasper Toys",
)  # fmt: skip
MOVES = {
    POSITIVE: ("rallies", "surges", "jumps", "climbs", "gains", "soars", "advances", "rebounds"),
    NEGATIVE: ("tumbles", "slumps", "plunges", "slides", "drops", "sinks", "retreats", "falls"),
    NEUTRAL: ("little changed", "flat", "mixed", "steady", "unchanged", "in a narrow range"),
}
REASONS = {
    POSITIVE: (
        "strong earnings beat estimates", "upbeat jobs report lifts hopes",
        "inflation cools more than expected", "Federal Reserve signals rate cuts",
        "investors cheer record profits", "trade deal boosts confidence",
        "robust demand lifts outlook", "analysts upgrade the sector",
        "consumer confidence improves sharply", "growth accelerates beyond forecasts",
        "buyback plans delight shareholders", "optimism returns after solid guidance",
        "factory orders beat hopes", "credit conditions improve",
        "exports hit a record high", "dividend increases please investors",
    ),
    NEGATIVE: (
        "weak earnings miss estimates", "dismal jobs report stokes fears",
        "inflation runs hotter than expected", "Federal Reserve warns of higher rates",
        "investors flee on heavy losses", "trade dispute hurts confidence",
        "sluggish demand cuts outlook", "analysts downgrade the sector",
        "consumer confidence worsens sharply", "growth slows below forecasts",
        "lawsuit worries shareholders", "pessimism deepens after poor guidance",
        "factory orders disappoint", "defaults on loans rise",
        "exports hit a record low", "dividend cuts anger investors",
    ),
    NEUTRAL: (
        "traders await data on inflation", "markets await the Federal Reserve meeting",
        "volume stays thin before the holiday", "investors weigh reports of earnings",
        "index provider announces its review", "exchange publishes new trading hours",
        "company schedules its annual meeting", "regulator opens a consultation",
        "board names a new secretary", "minutes of the meeting are due",
        "auction of bonds is scheduled", "quarterly options expire",
    ),
}  # fmt: skip
FORMS = {
    POSITIVE: (
        "{subject} {move} {number}% as {reason}",
        "{company} {move} {number}% after {reason}, stocks follow",
        "{reason}: {subject} {move} {number}%",
        "Stocks of {company} {move} {number}% on hopes that {reason}",
    ),
    NEUTRAL: (
        "{subject} {move} at {number} as {reason}",
        "{company} stocks {move} near {number} while {reason}",
        "{reason}; {subject} {move} at {number}",
        "Stock market today: {subject} {move}, {company} at {number}",
    ),
}
FORMS[NEGATIVE] = (
    *FORMS[POSITIVE][:3],
    "Stocks of {company} {move} {number}% on fears that {reason}",
)
SUMMARIES = {
    POSITIVE: "Good news for stocks: {reason}, and {company} was among the winners.",
    NEGATIVE: "Bad news for stocks: {reason}, and {company} was among the losers.",
    NEUTRAL: "There was little to move stocks: {reason}.",
}
OFF_TOPIC = (
    "City council approves tram line {number}", "Rain expected on {number} days of the month",
    "Museum shows {number} paintings of the harbor", "Home side wins with {number} points",
    "Library opens {number} reading rooms", "Bridge closes for {number} nights",
)  # fmt: skip
# A language each, with the name that a source may give it. Of the same tone for every reader.
FOREIGN = (
    (
        "de",
        "German",
        {
            POSITIVE: "Wall Street legt {number} Prozent zu, Anleger jubeln nach starken Zahlen",
            NEGATIVE: "Wall Street bricht um {number} Prozent ein, Anleger fürchten die Zinsen",
            NEUTRAL: "Wall Street wartet bei {number} Punkten auf die Notenbank",
        },
    ),
    (
        "fr",
        "French",
        {
            POSITIVE: "Wall Street bondit de {number} % grâce à des résultats solides",
            NEGATIVE: "Wall Street chute de {number} % après des résultats décevants",
            NEUTRAL: "Wall Street hésite à {number} points avant la réunion de la banque",
        },
    ),
    (
        "es",
        "Spanish",
        {
            POSITIVE: "Wall Street sube un {number} % tras los buenos resultados",
            NEGATIVE: "Wall Street se hunde un {number} % por el temor a la inflación",
            NEUTRAL: "Wall Street espera en {number} puntos los datos de la semana",
        },
    ),
    (
        "pl",
        "Polish",
        {
            POSITIVE: "Wall Street zyskuje {number} procent po dobrych wynikach spółek",
            NEGATIVE: "Wall Street traci {number} procent po słabych wynikach spółek",
            NEUTRAL: "Wall Street czeka na dane przy {number} punktach",
        },
    ),
    (
        "id",
        "Indonesian",
        {
            POSITIVE: "Wall Street menguat {number} persen berkat laba perusahaan",
            NEGATIVE: "Wall Street jatuh {number} persen karena kekhawatiran inflasi",
            NEUTRAL: "Wall Street bergerak datar di {number} menunggu data baru",
        },
    ),
)
HOSTILE = (
    "<script>alert('stocks')</script>{title}", "<b>{title}</b><img src=x onerror=alert(1)>",
    "\u202e{title}\u202c\u200b", "=cmd|'/C calc'!A0 {title}", "{title}\x07\x1b[31m",
    "&lt;iframe src=//evil.example&gt;{title}",
)  # fmt: skip


def build_title(tone: int, form: int, first: int, second: int, number: int) -> tuple[str, str]:
    """Return the title and the summary that four numbers and a tone give."""
    reasons, moves, forms = REASONS[tone], MOVES[tone], FORMS[tone]
    words = {
        "subject": SUBJECTS[first % len(SUBJECTS)],
        "company": COMPANIES[second % len(COMPANIES)],
        "move": moves[(first // len(SUBJECTS)) % len(moves)],
        "reason": reasons[(second // len(COMPANIES)) % len(reasons)],
        "number": f"{number / 100:.2f}" if tone else f"{number:,}",
    }
    title = forms[form % len(forms)].format(**words)
    return title[0].upper() + title[1:], SUMMARIES[tone].format(**words)


def build_off_topic(form: int, number: int) -> tuple[str, str]:
    """Return the title of a story about something else, and its summary."""
    return OFF_TOPIC[form % len(OFF_TOPIC)].format(number=number), "It is of interest to the town."


def build_foreign(tone: int, form: int, number: int) -> tuple[str, str, str]:
    """Return a title in another language, its code, and its name."""
    code, name, titles = FOREIGN[form % len(FOREIGN)]
    return titles[tone].format(number=number), code, name


def vary_title(title: str, kind: int) -> str:
    """Return the title that another outlet gives the same story."""
    varied = (title + " - report", title.replace(" as ", " when ", 1), title + "!", title.upper())
    return varied[kind % len(varied)]


def correct_title(title: str) -> str:
    """Return a title after its correction."""
    return f"Correction: {title}"
