"""Addresses of the net: e-mail, web pages, WeChat names.

Sources: RFC 5322 (the local part, without quotes), RFC 3986; WeChat names begin with a letter and have 6 to 20 signs.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import TYPES, Span

_AT = (
    r"[ ]?(?:@|\( ?at ?\)|\[ ?at ?\]|\{at\}|#at#|<at>|【at】|\(a\)|_?\[?艾特\]?_?|\(艾特\)|[#*]?圈a[#*]?"
    r"|[#*](?=[a-z0-9\-]+\.(?:com|cn|net|org|example)))[ ]?|[ ](?-i:AT)[ ]|[ ]at[ ]"
    r"(?=[a-z0-9\-]+(?:[ ]dot[ ]|[ ]?\(dot))"
)
_DOT = (
    r"(?:\.|。(?=(?:com|cn|net|org|example|edu|gov)(?![a-z]))|[ ]\.[ ]?|[ ]?点[ ]?|\[点\]|\(点\)|[ ]dot[ ]"
    r"|[ ]?\( ?dot ?\)[ ]?|[ ]?\[ ?dot ?\][ ]?|\[\.\])"
)
_EMAIL = re.compile(
    rf"(?<![a-z0-9._%+\-])[a-z0-9][a-z0-9._%+\-]*(?:[ ]?[\(\[](?:dot|点)[\)\]][ ]?[a-z0-9._%+\-]+){{0,3}}(?:{_AT})[a-"
    rf"z0-9\-]+(?:{_DOT}[a-z0-9\-]+)+",
    re.IGNORECASE,
)

_TLD = (
    "com|cn|net|org|edu|gov|info|cc|top|xyz|site|shop|vip|club|online|io|co|me|tv|health|clinic|wang|ltd"
    "|example|test|invalid|app|dev|"
    "link|live|store|tech|work|fun|ink|pub|icu|hk|tw|uk|us|ca|au|de|jp|fr|sg|biz|mobi|asia|love|group"
    "|care|doctor|hospital|med|page|ai|blog|nz|ie|eu|za|in|my|ph|th|vn|kr|ru|it|es|nl|ch|se|mo|news|wiki|cloud|video"
    "|chat|zone|life|world"
)
_COUNTRY = (
    "mx|ng|ke|gh|br|ar|cl|pe|pl|pt|gr|tr|sa|ae|il|pk|bd|lk|np|mm|kh|la|id|fi|no|dk|cz|hu|ro|be|at|ua|kz|mn|to|ly"
    "|gg|so|im"
    "|ws|cx|pw|la|lu|bg|hr|rs|qa|kw|om|eg|ma|tz|ug|et|ec|uy|ve|cr|do|gt|hn|ni|pa"
)
_DOTTED = r"(?:[.。]|[ ]?\[\.\][ ]?|[ ]?\(\.\)[ ]?|[ ]?[\[(]?点[\])]?[ ]?|[ ]?[\[(]dot[\])][ ]?|[ ]dot[ ])"
_MORE_URL = re.compile(
    rf"(?<![a-z0-9@._\-])(?:www\.(?:[a-z0-9\-]+\.)+(?:{_COUNTRY})|(?:[a-z0-9][a-z0-9\-]*\.){{2,6}}(?:{_COUNTRY})"
    rf"|[a-z0-9][a-z0-9\-]*\.[a-z][a-z0-9\-]{{2,20}}\.[a-z]{{2,6}}(?=/[a-z0-9]{{2}})"
    rf"|[a-z0-9][a-z0-9\-]*\.(?:{_COUNTRY})(?=/[a-z0-9]))(?![a-z0-9\-]|\.[a-z])"
    r"(?::[0-9]{2,5})?(?:[/?#][a-z0-9\-._~:/?#\[\]@!$&'*+;=%]*)?"
    rf"|(?<![a-z0-9@._\-])(?:www|wap|m"
    rf"|bbs){_DOTTED}(?:[a-z0-9\-]+{_DOTTED}){{1,5}}[a-z]{{2,8}}(?![a-z0-9\-])(?:/[a-z0-9\-._/?=&]*)?"
    rf"|(?<![a-z0-9@._\-])(?!example[^a-z])[a-z][a-z0-9\-]{{1,30}}(?:{_DOTTED}[a-z0-9\-]+){{0,3}}{_DOTTED}(?:com"
    rf"|cn|net|org|example|top|cc)"
    r"(?![a-z0-9\-@])(?:/[a-z0-9\-._/?=&]*)?"
    r"|(?<![0-9.])(?:10|172|192)(?:\.[0-9]{1,3}){3}(?::[0-9]{2,5}|/)[a-z0-9\-._~:/?#=&%]*",
    re.IGNORECASE,
)
_SPACED_EMAIL = re.compile(
    r"(?<![a-z0-9])[a-z0-9](?:[ ][a-z0-9._\-]){2,24}[ ]?@[ ]?[a-z0-9\-]+(?:[ ][a-z0-9])*(?:[ ]?\.[ ]?[a-z]{2,8})+(?!["
    r"a-z0-9])",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(?:https?|ftp|hxxps?):[/\\]{2}[a-z0-9\-._~\\:/?#\[\]@!$&'*+,;=%]+|(?<![a-z0-9@._\-])"
    rf"(?:[a-z0-9][a-z0-9\-]*\.)+(?:{_TLD})(?![a-z0-9\-]|\.[a-z])"
    r"(?::[0-9]{2,5})?(?:[/?#][a-z0-9\-._~:/?#\[\]@!$&'()*+;=%]*)?(?:(?<=/)[\u4e00-\u9fff]{1,8}(?:/[\u4e00-\u9fff]{1,"
    r"8})*(?=[,;\s)]|$))?",
    re.IGNORECASE,
)

_DOT_IN_WORD = re.compile(r"[A-Za-z0-9][ ]?[\[(]?(?:[.。点]|dot)[\])]?[ ]?[A-Za-z0-9]")
_CHINESE_URL = re.compile(
    r"(?:域名|网址|网站|官网|登录|访问|打开)?[:是为 ]?(?P<n>[\u4e00-\u9fffa-z0-9\-]{2,12}"
    r"\.(?:中国|公司|网络|网址|在线|商城|集团|我爱你))"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
_WECHAT_WORD = (
    r"微信|薇信|威信|徽信|围信|维信|微心|微芯|加?wei ?信|绿泡泡|wechat|we ?chat|weixin|(?<![a-z])[wv]x号?|"
    r"(?<![a-z])v信|(?<![a-z])v(?=[:是也号])|加我?v|\\+v|[微威薇v][❤♥]\ufe0f?|薇(?=:)"
    r"|绿色(?:软件|app)|🛰|加我?微(?!信)|我微(?=[ :a-z])"
    r"|(?<![\u4e00-\u9fff])微(?=[ :a-z])"
)
_WECHAT = re.compile(
    rf"(?:{_WECHAT_WORD})(?:[^a-z0-9,，。;；\n@]{{0,16}}?)(?:\(?(?:user|id|name|account|handle)(?:name)?[: ]{{1,2}}|("
    rf"?:is|as)[ ]{{1,2}})?(?P<n>(?:wx_)?[a-z][a-z0-9_.\-·*]{{4,19}}(?<![.\-]))(?![a-z0-9@])",
    re.IGNORECASE,
)
_WECHAT_LOOSE = re.compile(
    rf"(?:{_WECHAT_WORD})[^。;；\n]{{0,24}}?(?<![a-z0-9@./_\-])(?P<n>"
    r"(?=[a-z0-9_\-]*[0-9_\-])[a-z][a-z0-9_\-]{4,19})(?![a-z0-9@]|\.[a-z0-9])",
    re.IGNORECASE,
)
_NICKNAME = re.compile(
    r"微信(?:名|昵称|里)?(?:叫做?|是|:|为|名)?[「『“\"【]?(?P<n>(?!只|不|[^0-9]{0,6}(?:机|话|号"
    r"|码))[\u4e00-\u9fff]{2,8}[0-9]{2,6})(?![0-9\-])"
)
_HANDLE = re.compile(
    r"(?<![A-Za-z0-9@./_\-\\])(?<![\x00-\x7f]:)(?P<n>(?=[A-Za-z0-9\-.]{0,20}_)[A-Za-z][A-Za-z0-9_\-.]{4,19}"
    r"[A-Za-z0-9_]|(?!qq|tel|vx|wx"
    r"|id)[a-z]{2,20}[a-z0-9\-]{0,20}[0-9][a-z0-9\-]{0,20}(?<=[a-z0-9\-]{6}))(?![A-Za-z0-9@/_]|\.[a-z0-9]|[ ]?(?:AT"
    r"|@)[ ])"
)
_DOTTED_NAME = re.compile(
    r"(?<![A-Za-z0-9@./_\-\\])(?P<n>(?!(?:figure|table|page|version|appendix"
    r"|chapter)\.)(?=[a-z0-9\-]{3,14}\.[a-z]{0,10}[0-9])[a-z][a-z0-9\-]{2,13}\.[a-z0-9]{2,10})"
    r"(?![A-Za-z0-9@/_.\-])"
)
_MARKED_V = re.compile(
    r"(?<![A-Za-z])V(?!itamin)(?P<n>(?=[a-z._\-]{0,24}[0-9])[a-z]{2,12}[a-z0-9]{0,10}[._\-][a-z0-9]{2,12})(?!"
    r"[A-Za-z0-9@])"
)
_TOLD_AFTER = re.compile(
    r"(?<![A-Za-z0-9@./_\-\\])(?P<n>[A-Za-z](?=[A-Za-z]{0,18}[0-9_\-])[A-Za-z0-9_\-]{5,19})"
    r"(?:[ ]?\((?:v|vx|wx|微信?|薇)\)|[ ]?(?:是[^,，。\n]{1,8}[,，])?(?:能|可以)?"
    r"(?:搜出来|搜得到|搜索?加|加得上|加好友))",
    re.IGNORECASE,
)
"""What only an account is called: a word with an underscore, or small letters with digits, six signs and more."""
_NO_ACCOUNT = re.compile(
    r"(?:formula|codice|figure|table|file|img|image|dsc|mmexport|guest|patient|doctor)_?[0-9a-z]*|(?-i:[A-Z_]+)"
    r"|rs[0-9]+|.*rads[0-9][a-z]?|[a-z]+_(?:id|no|num|name|visit|date|time|code|type|by|at|key|sex|age|dept|tel)"
    r"|(?-i:[A-Z]{1,6})[0-9]{6,}_[0-9]+|qq[0-9]{5,}"
    r"|.*\.(?:dcm|zip|jpe?g|png|pdf|docx?|xlsx?|pptx?|apk|csv|txt|mp[34])",
    re.IGNORECASE,
)
_ON_WECHAT = re.compile(
    r"(?<![a-z0-9@./_\-])(?P<n>(?=[a-z0-9_\-]*[0-9_\-])[a-z][a-z0-9_\-]{5,19})[ ](?:on|via|through)[ ](?:we ?chat"
    r"|weixin)",
    re.IGNORECASE,
)
_ONLY_ACCOUNT = re.compile(
    r"[真账帐新旧大小我她他]号(?:只有|是|为|:)[ ]?(?P<n>[a-z][a-z0-9]*[_\-][a-z0-9_\-]{3,16})(?![a-z0-9@.])",
    re.IGNORECASE,
)
_INITIAL = r"(?:[bcdfghjklmnpqrstwxyz]|[zcs]h)"
_FINAL = r"(?:i?ang?|i?ong|u?ang?|u?[ae]ng?|uai|[ae]ng?|ing?|iao|iu|ie|ia|ai|ei|ao|ou|u[aeion]|ui|[aeiou])"
_PINYIN = re.compile(
    rf"(?<![A-Za-z0-9@./_\-:])(?P<n>(?=[a-z]{{2,12}}-[a-z]{{2,12}}(?![A-Za-z0-9@/_\-]|\.[a-z]))"
    rf"(?:{_INITIAL}{_FINAL}){{1,3}}-(?:{_INITIAL}{_FINAL}){{1,3}})(?![A-Za-z0-9@/_\-]|\.[a-z])"
)
_WRITE_TO = re.compile(
    r"(?:私信|私聊|私我|加我|加他|加她|好友|搜索?|搜一下|联系我|找我)[ :]{0,2}"
    r"(?P<n>[a-z](?=[a-z0-9]*[\-_0-9])[a-z0-9_\-]{5,19})(?![a-z0-9@.])",
    re.IGNORECASE,
)
_WXID = re.compile(r"(?<![a-z0-9])(?P<n>wxid_[a-z0-9]{6,20})", re.IGNORECASE)
_AS_DIGITS = re.compile(r"[0-9OoIl]{7,}")
_OTHER_ACCOUNT = re.compile(r"(?:内网|工号|系统|密码|提取码|型号|版本)[^,，。;；\n]{0,5}$")
_VOLTS = re.compile(r"[0-9.]+ ?m?[VA]@[0-9.]+ ?m?s", re.IGNORECASE)
"""What a pacemaker is set to."""
_NO_NAMES = {
    *(
        [
            "weixin",
            "phone",
            "number",
            "account",
            "official",
            "group",
            "moments",
            "message",
            "messages",
            "video",
            "article",
            "channel",
            "please",
            "contact",
            "payment",
            "username",
            "program",
            "scanned",
            "public",
            "service",
            "health",
            "doctor",
            "hospital",
            "online",
            "public-account",
        ]
    ),
    *TYPES,
}
"""Also what stands between brackets where an identifier was masked before."""


def found(text: str) -> Iterator[Span]:
    """E-mail first, which holds what looks like a web address."""
    plain = folded(text)
    for pattern in (_SPACED_EMAIL, _EMAIL):
        for match in pattern.finditer(plain):
            if re.search(r"[a-z\u4e00-\u9fff]$", match[0], re.IGNORECASE) and not _VOLTS.match(match[0]):
                yield Span(match.start(), match.end(), "email")
    for match in _URL.finditer(plain):
        end = match.end() - (len(match[0]) - len(match[0].rstrip(".,;:!?" + ("(" if ")" not in match[0] else ""))))
        yield Span(match.start(), end, "url")
    if _DOT_IN_WORD.search(plain):
        yield from (Span(match.start(), match.end(), "url") for match in _MORE_URL.finditer(plain))
    for match in _CHINESE_URL.finditer(plain):
        yield Span(match.start("n"), match.end(), "url")
    for pattern in (
        _WXID,
        _ON_WECHAT,
        _WECHAT,
        _WECHAT_LOOSE,
        _ONLY_ACCOUNT,
        _NICKNAME,
        _HANDLE,
        _DOTTED_NAME,
        _MARKED_V,
        _TOLD_AFTER,
        _WRITE_TO,
        _PINYIN,
    ):
        for match in pattern.finditer(plain):
            if match["n"].lower() not in _NO_NAMES and not (
                pattern in (_HANDLE, _DOTTED_NAME) and _is_no_account(plain, match)
            ):
                if pattern is _PINYIN and (len(match["n"]) < 9 or not _among_chinese(plain, match)):
                    continue
                if (
                    pattern is _WECHAT_LOOSE
                    and re.fullmatch("[a-z]+-[a-z]+", match["n"])
                    and not _among_chinese(plain, match)
                ):
                    continue
                if not _AS_DIGITS.fullmatch(match["n"]) and not re.match("QQ[0-9]|tel[0-9]|[WV]X-[0-9]", match["n"]):
                    yield Span(match.start("n"), match.end("n"), "wechat")


def _is_no_account(plain: str, match: re.Match[str]) -> bool:
    """True for a word with a number that is none: a protein, a file, who speaks in a dialogue."""
    name, after = match["n"], plain[match.end() : match.end() + 1]
    if _OTHER_ACCOUNT.search(plain[max(0, match.start() - 8) : match.start()]) or _NO_ACCOUNT.fullmatch(name):
        return True
    if after == ":" and plain[max(0, match.start() - 1) : match.start()] in ("", "\n"):
        return True
    return "_" not in name and not _among_chinese(plain, match)


def _among_chinese(plain: str, match: re.Match[str]) -> bool:
    around = plain[max(0, match.start() - 24) : match.start()] + plain[match.end() : match.end() + 24]
    return bool(re.search("[\u4e00-\u9fff]", around))
