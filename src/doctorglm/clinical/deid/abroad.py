"""Which telephone numbers of other countries are mobiles, by how they begin.

Source: the national numbering plans in ITU-T E.164 (https://www.itu.int/oth/T0202.aspx?parent=T0202).
"""

import re

_MOBILES = {  # country code: how a mobile goes on, without the 0 that is dialled within the country
    "20": "1", "27": "[6-8]", "31": "6", "33": "[67]", "34": "[67]", "39": "3", "41": "7[4-9]", "44": "7[1-57-9]",
    "46": "7", "47": "[49]", "48": "[4-8]", "49": "1[567]", "60": "1", "61": "4", "62": "8", "63": "9", "64": "2",
    "65": "[89]", "66": "[689]", "7": "(?:9|70|77)", "81": "[789]0", "82": "1[016-9]", "84": "[35789]",
    "91": "[6-9]", "92": "3", "212": "[67]", "213": "[567]", "233": "[25]", "234": "[789][01]", "237": "6",
    "244": "9", "251": "9", "254": "[17]", "255": "[67]", "256": "7", "260": "[79]", "263": "7", "351": "9",
    "353": "8", "380": "[569]", "852": "[569]", "853": "6", "855": "(?:1|6|7[016-9]|8|9)", "856": "20", "880": "1",
    "886": "9", "93": "7", "94": "7", "95": "9", "962": "7", "964": "7", "966": "5", "971": "5", "972": "5",
    "976": "[89]", "977": "9", "992": "9", "996": "[57]", "998": "9",
}  # fmt: skip
_ABROAD = re.compile(r"(?:00|\+)?(?:" + "|".join(f"{code}0?{begins}" for code, begins in _MOBILES.items()) + r")\d{6,}")
_WITHIN = re.compile(r"07[1-57-9]\d{8}|0[789]0\d{8}|09\d{8}")
"""Written without the country: of the United Kingdom, of Japan, of Taiwan."""
_NO_PLAN = re.compile(r"[^0-9+]")


def is_mobile(number: str) -> bool:
    """Whether a foreign number is one of a mobile; the country's code must stand before it, or a 0."""
    digits = _NO_PLAN.sub("", number)
    has_code = digits.startswith(("+", "00")) or "(" in number[:1] or re.match(r"\d{2,3}[ \-]", number)
    return bool(has_code and _ABROAD.fullmatch(digits)) or bool(_WITHIN.fullmatch(digits))
