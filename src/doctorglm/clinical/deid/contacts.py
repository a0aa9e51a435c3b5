"""Addresses of the net: e-mail, web pages, WeChat names.

Sources: RFC 5322 (the local part, without quotes), RFC 3986; WeChat names begin with a letter and have 6 to 20 signs.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import TYPES, Span

_AT = (
    r"[ ]?(?:@|\( ?at ?\)|\[ ?at ?\]|\{at\}|#at#|<at>|【at】|\(a\)|\[?艾特\]?|\(艾特\)|圈a)[ ]?|[ ](?-i:AT)[ ]|[ ]at[ ]"
    r"(?=[a-z0-9\-]+(?:[ ]dot[ ]|[ ]?\(dot))"
)
_DOT = r"(?:\.|[ ]?点[ ]?|\[点\]|\(点\)|[ ]dot[ ]|[ ]?\( ?dot ?\)[ ]?|[ ]?\[ ?dot ?\][ ]?|\[\.\])"
_EMAIL = re.compile(
    rf"(?<![a-z0-9._%+\-])[a-z0-9][a-z0-9._%+\-]*(?:{_AT})[a-z0-9\-]+(?:{_DOT}[a-z0-9\-]+)+", re.IGNORECASE
)

_TLD = (
    "com|cn|net|org|edu|gov|info|cc|top|xyz|site|shop|vip|club|online|io|co|me|tv|health|clinic|wang|ltd"
    "|example|test|invalid|app|dev|"
    "link|live|store|tech|work|fun|ink|pub|icu|hk|tw|uk|us|ca|au|de|jp|fr|sg|biz|mobi|asia|love|group"
    "|care|doctor|hospital|med|page|ai"
)
_URL = re.compile(
    r"(?:https?|ftp|hxxps?)://[a-z0-9\-._~:/?#\[\]@!$&'*+,;=%]+|(?<![a-z0-9@._\-])"
    rf"(?:[a-z0-9][a-z0-9\-]*\.)+(?:{_TLD})(?![a-z0-9\-]|\.[a-z])"
    r"(?::[0-9]{2,5})?(?:[/?#][a-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*)?",
    re.IGNORECASE,
)

_CHINESE_URL = re.compile(
    r"(?:域名|网址|网站|官网|登录|访问|打开)?[:是为 ]?(?P<n>[\u4e00-\u9fffa-z0-9\-]{2,12}"
    r"\.(?:中国|公司|网络|网址|在线|商城|集团|我爱你))"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
_WECHAT_WORD = (
    r"微信|薇信|威信|徽信|围信|维信|微心|微芯|加?wei ?信|绿泡泡|wechat|we ?chat|weixin|(?<![a-z])[wv]x号?|"
    r"(?<![a-z])v信|(?<![a-z])v(?=[:是也号])|加我?v|\\+v|微[❤♥]|(?<![\u4e00-\u9fff])微(?=[ :a-z])"
)
_WECHAT = re.compile(
    rf"(?:{_WECHAT_WORD})(?:[^a-z0-9,，。;；\n@]{{0,16}}?)(?P<n>[a-z][a-z0-9_.\-]{{4,19}}(?<![.\-]))(?![a-z0-9@])",
    re.IGNORECASE,
)
_WECHAT_LOOSE = re.compile(
    rf"(?:{_WECHAT_WORD})[^。;；\n]{{0,24}}?(?<![a-z0-9@./_\-])(?P<n>"
    r"(?=[a-z0-9_\-]*[0-9_\-])[a-z][a-z0-9_\-]{4,19})(?![a-z0-9@]|\.[a-z0-9])",
    re.IGNORECASE,
)
_NICKNAME = re.compile(
    r"微信(?:名|昵称|里)?(?:叫做?|是|:|为|名)?[「『“\"【]?(?P<n>(?!只|不|[^0-9]{0,6}(?:机|话|号|码))[\u4e00-\u9fff]{2,8}[0-9]{2,6})(?![0-9\-])"
)
_HANDLE = re.compile(
    r"(?<![A-Za-z0-9@./_\-:])(?P<n>(?=[A-Za-z0-9\-.]*_)[A-Za-z][A-Za-z0-9_\-]{5,19}|(?!qq|tel|vx|wx"
    r"|id)[a-z]{2,}[a-z0-9\-]*[0-9][a-z0-9\-]*(?<=[a-z0-9\-]{6}))(?![A-Za-z0-9@./_]|[ ]?AT[ ])"
)
"""What only an account is called: a word with an underscore, or small letters with digits, six signs and more."""
_OTHER_ACCOUNT = re.compile(r"(?:内网|工号|系统|密码|提取码|型号|版本)[^,，。;；\n]{0,5}$")
_NO_NAMES = {"weixin", "phone", "number", "account", *TYPES}
"""Also what stands between brackets where an identifier was masked before."""


def found(text: str) -> Iterator[Span]:
    """E-mail first, which holds what looks like a web address."""
    plain = folded(text)
    for match in _EMAIL.finditer(plain):
        yield Span(match.start(), match.end(), "email")
    for match in _URL.finditer(plain):
        end = match.end() - (len(match[0]) - len(match[0].rstrip(".,;:!?")))
        yield Span(match.start(), end, "url")
    for match in _CHINESE_URL.finditer(plain):
        yield Span(match.start("n"), match.end(), "url")
    for pattern in (_WECHAT, _WECHAT_LOOSE, _NICKNAME, _HANDLE):
        for match in pattern.finditer(plain):
            is_other = pattern is _HANDLE and _OTHER_ACCOUNT.search(plain[max(0, match.start() - 8) : match.start()])
            if match["n"].lower() not in _NO_NAMES and not is_other:
                yield Span(match.start("n"), match.end("n"), "wechat")
