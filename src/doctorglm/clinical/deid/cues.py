"""What a number is called: the nearest word that says of what kind it is, before it or behind it.

A word counts up to the end of its sentence, over a line break only where it ends the line. What is called an order, a
batch or a version is none of ours, however it looks.
"""

import re
from functools import lru_cache
from typing import Literal, TypeAlias

from doctorglm.clinical.deid.words import words as listed

Kind: TypeAlias = Literal["qq", "wechat", "mobile", "phone", "id_card", "bank_card", "plate", "mrn", "none"]

_NOT_LATIN = r"(?:(?<![A-Za-z])|(?<=\\[tn]))"
_END = r"(?![A-Za-z])"
_QQ = (
    rf"{_NOT_LATIN}Q ?Q(?:电话|语音|视频)?(?!糖|音乐|邮箱|图|空间(?!号))|{_NOT_LATIN}Q(?=[ :号群上是叫给聊:]"
    rf"|$){_END}|[扣抠蔻叩][扣抠蔻叩]|扣(?=[号群:我他她是])"
    r"|小?企鹅|球球|腾讯号|tencent|oicq|qicq|🐧|鹅号|[大小新旧老这那我]号(?![是为]?[^0-9]{0,3}手机)"
    r"|[新旧老这进加入]群|群号?(?=[: 是]{0,2}(?:[0-9]|$))|求加"
)
_WECHAT = (
    rf"微信|薇信|威信|徽信|维信|绿泡泡|微❤|威❤|we ?chat|weixin|{_NOT_LATIN}[vw]x{_END}|whatsapp|line id|telegram|抖音"
    rf"|微博|快手|小红书"
)
_MOBILE = r"手机|移动电话|大哥大|mobile|cell(?:phone)?|handset|📱|手提"
_PHONE = (
    r"电话|联系方式|座机|固话|宅电|总机|分机|内线|热线|专线|值班|传真|致电|来电|回电|拨打?|联系|联络|话机|老年机"
    rf"|{_NOT_LATIN}(?:(?:tele|home |work |landline )?phone|tel|fax|hotline|call(?:ed|ing)?|ring|reach|contact|dial"
    rf"|text"
    rf"|landline|switchboard|extension){_END}|☎|📞|打(?![针完了过点])"
    r"|回个|护士站|前台|办公室|物业|保安|门岗|保卫科?|总务|居委会?|门卫|岗亭|收发室|传达室|药店|家里|屋企|短号"
    r"|号码(?=[^\u4e00-\u9fff]|[是为])|直线|客服|小灵通"
)
_ID = (
    r"身份证|身分证|证件|[老旧一二]代?证(?!明)|公民身份|证号|护照|通行证|回乡证|返乡证|台胞证|居住证|居留证|军官证"
    r"|士官证|士兵证|文职证|警官证|户口本|军人证|优待证|在留卡"
    r"|统一编号|统编|永居|港澳证|签证|驾驶证|驾照|残疾证|身份号|identity|passport|nric|hkid|national id|travel permit"
    r"|driving licen[cs]e|licen[cs]e(?! ?plate)(?= |:|$)"
    rf"|{_NOT_LATIN}FIN(?= ?(?:no|number|:)){_END}|{_NOT_LATIN}SSN{_END}|social security"
    rf"|{_NOT_LATIN}ID(?=[ :#]?(?:card|[证号])){_END}"
    rf"|(?:新|老|旧|{_NOT_LATIN})IC(?![A-Za-z])|{_NOT_LATIN}(?:mykad|aadhaar|aadhar|DNI|NIE|CURP|CPF|NINO|NIN|NIK|KTP|CCCD"
    rf"|CMND|PESEL|CNIC|iqama|emirates id|birth cert(?:ificate)?|BC(?= ?$)|my ?number){_END}"
)
_BANK = (
    r"银行|账号|账户|帐号|帐户|户头|工行|建行|农行|中行|交行|招行|邮储|邮政储蓄|信合|农商|存折|打款|转账|收款|汇款"
    r"|储蓄卡|信用卡|借记卡|工资卡|退款到?"
    r"|iban|visa|bank|mastercard|unionpay|银联"
)
_PLATE = r"车牌|牌照|号牌|车号|plate|licen[cs]e plate|vehicle|rego|registration(?= (?:no|number|plate))|车(?![前间祸])"


def _listed(name: str) -> str:
    """A pattern for any word of a list, Latin ones only as whole words."""
    latin = [word for word in listed(name) if word.isascii()]
    han = [word for word in listed(name) if not word.isascii()]
    ordered = (sorted(part, key=lambda word: (-len(word), word)) for part in (han, latin))
    first, second = ("|".join(map(re.escape, part)) for part in ordered)
    return rf"(?:{first}|{_NOT_LATIN}(?:{second}){_END})"


_NONE = _listed("not_records")
_NOUNS = _listed("records")
_WARES = "批|型|货|版|产品|设备|订单|交易|发票|票|工|床|房|药|单位|费|押金"
_MRN = (
    rf"{_NOUNS}(?:(?:(?!{_WARES})[\u4e00-\u9fff]){{0,4}}?(?:号码|编号|序号|单号|条码|条形码|流水号?|代码|码|号|卡|单"
    rf"|ID))?"
    r"|(?:号码|编号|单号|序号|条码|流水号|(?![一二三四五六七八九十廿信问符句引括逗冒])[\u4e00-\u9fff]号|条形码"
    r"|[A-Z]{2,5}号)(?=[^\u4e00-\u9fff]|[是为叫填写就应念]|$)"
    rf"|{_NOT_LATIN}(?:MRN|URN|UHID|HN|HRN|IPN|IPD|OPD|SOPD|NHS|CHI|NRN|accession|acc\.?|case|claim|chart|file|record"
    rf"|patient|admission|visit"
    r"|encounter|episode|(?:pt|patient)[ _]?ID|ID(?=[ :#]{0,3}$)|specimen|sample|lab(?:oratory)?|path(?:ology)?"
    r"|histo(?:logy)?|cytology|slide|block|biopsy"
    r"|imaging|exam(?:ination)?|study|scan"
    r"|report|requisition|referral|hospital|clinic|local|dossier|ref(?:erence)?|insurance|insurer|policy"
    r"|member(?:ship)?|medicare|medicaid|barcode"
    r"|tube|booking|appointment|appt|registration|folio|dental|film|x-?ray|ultrasound|mri|ct|ecg|endoscopy"
    r"|surgery|theatre"
    r"|adm|hosp|RN|MC|PID|UID|PHN|MBI|OHIP|unit|pt|wristband|band|HMO|NHIS|NHIF|philhealth|bpjs|folder|enrollee"
    r"|enrolment"
    r"|subscriber|beneficiary|trial|screening|authori[sz]ation|pre-?auth|radiology|pharmacy|rx|prescription|kad|tarjeta"
    r"|expediente|historia|prontu[aá]rio|dossier|study|order ref"
    r"|donor|cycle|embryo|health card)"
    r"(?:'s)?(?: (?:record|card|file|form|slip|report|request))?"
    rf"(?:[ _]?(?:no|number|num|id|code|nr|#|ref|reference)\.?)?{_END}"
    rf"|{_NOT_LATIN}(?:card|reg|visit|adm|emr|his|lis|pacs)_(?:no|id|num|code){_END}"
)
_WORD = re.compile(
    "|".join(
        f"(?P<{kind}>{either})"
        for kind, either in (
            ("none", rf"{_NONE}(?:[\u4e00-\u9fff]{{0,2}}?(?:号码|编号|条码|单号|编码|号|码))?"),
            ("id_card", _ID),
            ("wechat", _WECHAT),
            ("qq", _QQ),
            ("plate", _PLATE),
            ("mrn", _MRN),
            ("bank_card", _BANK),
            ("mobile", _MOBILE),
            ("phone", _PHONE),
        )
    ),
    re.IGNORECASE,
)
_END_OF_SENTENCE = re.compile(
    r"[。;；!！?？]|\n(?=[^\n]*[^\n ])|\.(?= )(?<!\b[Aa]cc\.)(?<!\b[Rr]ef\.)(?<!\bno\.)(?<!\bNo\.)(?<!tel\.)(?<!Tel\.)"
)
_ORDER = re.compile(
    r"(?:订单|运单|快递|单号|物流|追溯码|监管码|批号|批次|流水|条形码|货号|准字|版本|序列|交易|授权码|发票|票据"
    r"|凭证|取件码|tracking|order|batch|lot|isbn|doi|pmid|NCT)"
    r"(?:[^,，。;；\n]{0,8}|[ :号]{0,3}[0-9]{4,14}[ ]{1,2}[0-9 ]{0,6})$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^号?[ ]?(?:[)）」】\"”'][ ]?)?(?:[(（\[【-]|——|[,，、]?[ ]?(?:[这那][个号张串]?|就|才|正)?(?:是|为|属于|is"
    r"|as)(?:助教|老师|护士|客服|群主|[护医]生)?|[这那][个号张串]"
    r"|[这那两三四五几]{1,2}[份张本块管盒]|的(?=Q|[扣企]))?[ ]?"
    r"(?:我|你|您|他|她|俺|咱|my|his|her|the|a|our|your)?(?:家|爸|妈|爷爷|奶奶|老公|爱人|孩子|儿子|女儿|们|本人|患者"
    r"|病人|老人)?(?:的|嘅)?[ ]?"
)
_SPACED = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
_SPEAKER = re.compile(r"^[\s\"”」』]*(?:[^\s:]{1,6}:)?[\s\"“「『—\-]*$")
_OTHER_NUMBER = re.compile(r"[0-9][0-9\- ]{3,}[0-9]")


def before(text: str, at: int, chars: int = 16) -> str:
    """The characters in front of a place."""
    return text[max(0, at - chars) : at]


def digits_of(number: str) -> str:
    """The digits alone, and X."""
    return re.sub(r"[^0-9Xx]", "", number)


def is_order(text: str, at: int) -> bool:
    """True when what stands at the place is called an order, a batch, a version or the like."""
    return bool(_ORDER.search(before(text, at)))


_GENERIC = re.compile(r"[\u4e00-\u9fff]?(?:号码|编号|单号|序号|条码|条形码|流水号|号)")


def is_generic(word: str) -> bool:
    """True for a word that says that something has a number, and not of what kind."""
    return bool(_GENERIC.fullmatch(word))


def is_record(text: str, start: int, end: int) -> bool:
    """True when a word right beside the stretch calls it a number of records, or of wares."""
    kind, word, gap = called(text, start, end)
    if kind != "mrn" or is_generic(word):
        return kind == "none"
    is_number = re.search(r"[号码单条#]|(?:no|id|number)\.?$", word, re.IGNORECASE)
    return not gap.strip(" :") or bool(is_number and len(gap) <= 6 and not re.search("[,，]", gap))


def called(text: str, start: int, end: int, reach: int = 30) -> tuple[Kind | None, str, str]:
    """Of what kind the nearest word says that a stretch is, that word, and what stands between; None if none does."""
    return _called(before(text, start, reach), text[end : end + 32])


@lru_cache(4096)
def _called(lead: str, tail: str) -> tuple[Kind | None, str, str]:
    """`called` by what stands before and behind; in tables and lists of numbers it is the same again and again."""
    for stop in _END_OF_SENTENCE.finditer(lead):
        if not _SPEAKER.match(lead[stop.end() :]):
            lead = " " * stop.end() + lead[stop.end() :]
    lead = _SPACED.sub("", lead)
    words = list(_WORD.finditer(lead))
    behind = _AFTER.match(tail[:24])
    told = _WORD.match(tail[behind.end() :]) if behind else None
    if told and told.lastgroup not in ("phone", "none", "plate") and behind and (behind[0].strip() or not words):
        return told.lastgroup, told[0], ""  # type: ignore[return-value]
    if not words or _OTHER_NUMBER.search(lead, words[-1].end()):
        return None, "", ""
    return words[-1].lastgroup, words[-1][0], lead[words[-1].end() :]  # type: ignore[return-value]
