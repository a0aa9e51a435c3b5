"""Which ward and bed: a bed's number with the ward, the floor or the department before it."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.words import any_of

_BED = re.compile(
    r"(?:[加抢临走监留+]{0,2}(?:(?<![A-Z])[A-Z]{1,2}-?)?[0-9]{1,4}[A-Z]?(?:[ ]?[\-+#][ ]?[0-9A-Z甲乙丙丁]{1,4})?"
    r"|[一二三四五六七八九十]{1,3}(?=号床|床(?=[^\u4e00-\u9fff]|$|家属|病人|患者|的))|[0-9]{1,4}-?[甲乙丙丁])[ ]?[号#"
    r"]?(?:加|诊)?(?:床(?:位)?|(?<=号)椅)(?![头垫单边次上旁品铺被架罩])"
    r"|(?<![起卧铺临病机下上同换])床(?:号|位)?[ :是]{0,2}(?:[A-Z]{0,2}[0-9]{1,4}(?:[\-+][0-9A-Z]{1,3})?"
    r"|加[0-9]{1,2})(?![0-9A-Za-z%.]|[天个张次年元岁月周小分])"
)
_BARE_BED = re.compile(
    r"(?<![A-Za-z])(?:[NPESMR]?ICU|CCU|RCU|HDU)[ \-]?(?:[A-Z][0-9]{1,3}|[0-9]{1,2}-[0-9]{1,3}"
    r"|[一二三四]?[区组室][0-9A-Z]{1,3})(?![0-9A-Za-z%.]|[天个张次年元岁月周小分])(?:号)?"
    r"|(?:抢救|留观|观察|加)(?:室|床)?[ ]?[A-Z]?[0-9]{1,2}(?:号|床)?(?=[，。、；,:：\s)）]|病人|患者|家属|的"
    r"|$)(?<=[床号室0-9])"
    r"|(?:产房|待产室|抢救室|观察室|隔离室|手术间)[ ]?[0-9]{1,2}(?:号|台|间)?(?=[ ，。、,:：)）]|$)"
    r"|(?<![一-鿿])(?:[胸普神骨心脑泌血烧整]外|[心肾神消血呼肝老]内|骨[一二三四五科]|[妇产儿][一二三科]|肝胆|泌尿"
    r"|内分泌|胃肠|甲乳|介入)[0-9]{1,3}(?=[ ，。、,:：)）]|$)"
    r"|(?<![0-9A-Za-z\-])[0-9]{1,2}F-[0-9]{1,3}(?![0-9A-Za-z\-])|(?<=[接交]班[:：])[ ]?[0-9]{1,2}\+[0-9]{1,2}(?= )"
    r"|(?<=[科区房室住])[ ]?(?:[0-9]{1,3}\+[0-9]{1,2}|加[0-9]{1,2})(?![0-9A-Za-z%.=]|[天个张次年元岁月周小分])"
)
_WARD_UNIT = re.compile(
    r"(?:科|区|病房|病室|房|室|楼|层|[A-Z]?ICU|CCU|中心|部|组|仓|内|外|产|妇|儿|座|病|院|留观|观察|抢救|急诊|门诊|一"
    r"|二|三|四|五|六|七|八|九|十|[0-9A-Z东西南北])$"
)
_WARD_RUN = re.compile(r"[\u4e00-\u9fff0-9A-Z]{0,20}[ \-]?$")
_WARD_HEAD = re.compile(
    r"[科内外产妇儿骨肝肾心神血脑]|肿瘤|呼吸|消化|急诊|留观|抢救|观察|放疗|化疗|老年|介入|疼痛|康复|输液|日间"
    r"|病[区房室]|ICU|CCU|楼|层|[A-Z0-9一二三四五六七八九十东西南北][区座]|监护|中心|国际部|VIP|移植|院|[0-9]室|房"
)
_WARD_LEADS = re.compile(
    rf".*(?:患者|病人|由|现|入|收|目前|家属|[到于去在请往把给我有让和及是从送回转的你他她您了找这那就今叫问欠床通知"
    rf"]|与(?!危)|住(?!院部)|[0-9]+:[0-9]+|{any_of('before_places')})"
)


def beds(text: str) -> Iterator[tuple[int, int]]:
    """Where beds stand, each from its ward on."""
    last = 0
    if not _HAS_BED.search(text):
        return
    beds = list(_BED.finditer(text))
    bare = (
        m for m in _BARE_BED.finditer(text) if not any(b.start() - 8 < m.end() and m.start() < b.end() for b in beds)
    )
    matches = sorted([*beds, *bare], key=lambda match: match.start())
    for match in matches:
        if match.start() < last:
            continue
        run = _WARD_RUN.search(text, max(last, match.start() - 20), match.start())
        ward = run[0] if run else ""
        lead = _WARD_LEADS.match(ward)
        ward = ward[lead.end() :] if lead else ward
        if not (_WARD_UNIT.search(ward.rstrip(" -")) and _WARD_HEAD.search(ward)):
            ward = ""
        last = match.end()
        yield match.start() - len(ward), match.end()


_HAS_BED = re.compile(
    r"床|产房|待产|观察室|手术间|号椅|[外内骨妇产儿科胆尿泌肠乳介入一二三四五][0-9]|ICU|CCU|RCU|HDU|抢救|留观|\+[0-9]"
    r"|F-[0-9]|加[0-9]"
)
