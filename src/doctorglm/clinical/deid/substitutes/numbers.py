"""Numbers for numbers, written in the script and the groups of the old ones, from ranges in which none is given out.

Sources: the guide of the labelled set (mobile prefixes, serial 000 of identity numbers), GB 11643-1999, ISO/IEC 7812,
GA 36-2018 (number plates), Ofcom (numbers for use in drama), NANPA (555-01XX). That a range is free is so as far as we
know; not all registers are published.
"""

import random
import re
from datetime import date, timedelta

from doctorglm.clinical.deid.fold import folded, spoken
from doctorglm.clinical.deid.numbers import is_id_card, passes_luhn
from doctorglm.clinical.deid.substitutes.draws import digits, letters_like

_FREE_MOBILE = ("140", "142", "143", "154", "160", "161", "163", "164", "168", "169")
_FREE_AREA = {3: ("026",), 4: ("0320", "0321", "0322", "0361", "0362", "0381", "0382", "0383")}
_CODES = ("110101", "310104", "420106", "510104", "610103", "330106", "320102", "440103", "210102", "370102")
_READ_AS = str.maketrans("OoIlSB", "001158")


def told(text: str) -> str:
    """The digits of a number, however they are written, and a final X."""
    return "".join(sign for sign in spoken(text) if sign in "0123456789Xx").upper()


def as_read(text: str) -> str:
    """A mobile number in which a scanner read O for 0, with the digits that were meant."""
    return folded(text).translate(_READ_AS) if re.search("[OoIlSB]", text) else text


def written(old: str, new: str) -> str:
    """The old text with the new digits in the places of its own, in the same script."""
    fresh = iter(new)
    out = "".join(_in_script(sign, next(fresh, ""), old) if told(sign) else sign for sign in old)
    return out + "".join(fresh)


def _in_script(sign: str, digit: str, whole: str) -> str:
    if sign.isascii() or not digit or digit == "X":
        return digit
    if folded(sign).isascii():
        return chr(ord(digit) + 0xFEE0)
    table = "零壹贰叁肆伍陆柒捌玖" if sign in "壹贰叁肆伍陆柒捌玖" else "零一二三四五六七八九"
    zero = next((z for z in whole if z in "〇○洞"), "零")
    spoken_for = {"0": zero, "1": "幺" if "幺" in whole else table[1], "7": "拐" if "拐" in whole else table[7]}
    return spoken_for.get(digit, table[int(digit)])


def mobile(chance: random.Random, text: str) -> str:
    """A prefix that no subscriber has; the code of the country stays."""
    text = as_read(text)
    return written(text, told(text)[:-11] + chance.choice(_FREE_MOBILE) + chance.choice("23456789") + digits(chance, 7))


def landline(chance: random.Random, text: str) -> str:
    """An area that there is not, or a local number with the 1 with which none begins; foreign ones behind 555 01."""
    plain, old = folded(text), told(text)
    area = re.match(r"\(?(?:86[ \-])?(?P<code>0(?:10|2[0-9]|[3-9][0-9]{2}))", spoken(plain))
    if plain[:1] == "+" or re.match(r"\(?00[1-9]|\(?[2-9][0-9]{2}[\-. )]|1[ \-][2-9(]", plain):
        new = _foreign(chance, plain, old)
    elif re.match("[48]00", old):
        new = old[:3] + "555" + digits(chance, len(old) - 6)
    elif area:
        before = old[: old.index(area["code"])]
        code = chance.choice(_FREE_AREA[len(area["code"])])
        new = before + code + "1" + digits(chance, len(old) - len(before) - len(code) - 1)
    elif old[0] == "0":
        new = ("01632960" + digits(chance, len(old)))[: len(old)]
    else:
        new = "1" + digits(chance, len(old) - 1)
    return written(text, new)


def _foreign(chance: random.Random, plain: str, old: str) -> str:
    match = re.match(r"\(?(?:\+|00)([1-9][0-9]{0,2})", plain)
    head = old[: old.index(match[1]) + len(match[1])] if match else old[:1] if len(old) == 11 else ""
    if re.match(r"\+\d{4}", plain):
        head = old[:1] if old[0] == "1" else old[:2]
    count = len(old) - len(head)
    if count == 10 and head.endswith("44"):
        return head + "2079460" + digits(chance, 3)
    if count == 10 and head[-1:] in ("1", ""):
        return head + f"{chance.randrange(201, 989)}55501" + digits(chance, 2)
    return head + ("55501" + digits(chance, count))[:count]


def id_card(chance: random.Random, text: str, days: int) -> str:
    """A number with the right check digit and the serial 000, which is never issued; the birthday moves as dates do."""
    old = told(text)
    short = len(old) == 15
    born = _moved("19" + old[6:12] if short else old[6:14], days, chance)
    head = chance.choice(_CODES)
    if short:
        return written(text, head + born[2:] + "000")
    # the last digit is X only where the old one's was, because nobody says X among spoken digits
    while True:
        for last in "0123456789X":
            if is_id_card(number := f"{head}{born}000{last}") and (last != "X" or old[-1] == "X"):
                return written(text, number)
        head = chance.choice(_CODES)
        born = _moved(born, 7 * chance.randrange(1, 5), chance)


def _moved(born: str, days: int, chance: random.Random) -> str:
    """The birthday moved; one that is none, or of somebody who may be over 89, is drawn."""
    try:
        day = date(int(born[:4]), int(born[4:6]), int(born[6:]))
    except ValueError:
        day = date(1900, 1, 1)
    if day.year < 1941:
        day = date(1945, 1, 1) + timedelta(days=chance.randrange(20_000))
    return (day + timedelta(days=days)).strftime("%Y%m%d")


def bank_card(chance: random.Random, text: str) -> str:
    """Digits that add up, behind 33, with which no network's cards begin."""
    body = "33" + digits(chance, len(told(text)) - 3)
    return written(text, next(body + last for last in "0123456789" if passes_luhn(body + last)))


def qq(chance: random.Random, text: str) -> str:
    """Ten digits behind a 9, more than have been given out; a shorter number grows to that."""
    new = "9" + digits(chance, max(9, len(told(text)) - 1))
    return written(text, new[:3] + "1" + new[4:])  # in groups of three it would else look like a telephone's


def plate(chance: random.Random, text: str) -> str:
    """A province with few cities and a letter that none of them has; the rest of the same shape, without I and O."""
    plain = folded(text)
    first = next(i for i, sign in enumerate(plain) if sign >= "\u4e00")
    letter = next(i for i, sign in enumerate(plain) if i > first and sign.isalpha())
    rest = letters_of_plates(chance, plain[letter + 1 :])
    new = plain[:first] + chance.choice("藏青宁") + plain[first + 1 : letter] + chance.choice("STWXYZ") + rest
    return new.lower() if plain == plain.lower() and any(s.isascii() and s.isalpha() for s in plain) else new


def letters_of_plates(chance: random.Random, text: str) -> str:
    """Letters for letters and digits for digits; 港, 挂 and the like stay."""
    pools = ((str.isdigit, "0123456789"), (str.isalpha, "ABCDEFGHJKLMNPQRSTUVWXYZ"))
    made = ""
    for sign in text:
        pool = next((pool for fits, pool in pools if sign.isascii() and fits(sign)), sign)
        made += chance.choice(pool)
    return made


def mrn(chance: random.Random, text: str) -> str:
    """Digits and letters of the same shape; one of digits alone begins so that it is taken for no other kind."""
    plain = folded(text)
    if not re.search("[A-Za-z]", plain):
        return written(text, _plain_record(chance, told(text)))
    if re.fullmatch(r"[0-9a-fA-F\-]+", plain) and re.search("[a-fA-F]", plain):
        return "".join(_hex(chance, sign) for sign in plain)
    new = letters_like(chance, plain)
    return new if new.isascii() else written(new, digits(chance, len(told(new))))


def _plain_record(chance: random.Random, old: str) -> str:
    if old[0] == "0":
        return "00" + digits(chance, len(old) - 2)
    return chance.choice("789") + digits(chance, len(old) - 1)


def _hex(chance: random.Random, sign: str) -> str:
    if not sign.isalnum():
        return sign
    new = chance.choice("0123456789" if sign.isdigit() else "abcdef")
    return new.upper() if sign.isupper() else new
