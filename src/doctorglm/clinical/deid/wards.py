"""Which ward and bed: a bed's number with the ward, the floor or the department before it."""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.words import any_of

_BED = re.compile(
    r"(?:[加抢临走监留+]{0,2}(?:(?<![A-Z])[A-Z]{1,2}-?)?[0-9]{1,4}[A-Z]?(?:[ ]?[\-+#][ ]?[0-9A-Z甲乙丙丁]{1,4}){0,2}"
    r"|[一二三四五六七八九十]{1,3}(?=号床|床(?=[^\u4e00-\u9fff]|$|家属|病人|患者|的))|[0-9]{1,4}-?[甲乙丙丁])[ ]?[号#"
    r"]?(?:加|诊)?(?:床(?:位)?|(?<=号)椅)(?![头垫单边次上旁品铺被架罩])"
    r"|(?<![起卧铺临病机下上同换])床(?:号|位)?[ :是]{0,2}(?:[A-Z]{0,2}[0-9]{1,4}(?:[\-+][0-9A-Z]{1,3})?"
    r"|加[0-9]{1,2})(?![0-9A-Za-z%.]|[天个张次年元岁月周小分])"
)
_NOT_BED = r"(?![0-9A-Za-z%.=/]|[ ]?(?:[天个张次年元岁月周小分粒片支例级度种项点人名位倍万千百克毫公厘米秒时型期针剂块条袋瓶日]|-[0-9]|~))"
_DEPARTMENT = (
    r"(?:[胸普神骨心脑泌血烧整儿妇]外|[心肾神消血呼肝老儿]内|骨(?:肿瘤|伤|关节)?|脊柱|关节|创伤|[妇产儿]科?|肝胆|泌尿|内分泌|胃肠"
    r"|甲乳|介入|消化|呼吸|血液|肿瘤|感染|风湿|免疫|神经|心血管|血管|眼科|耳鼻喉|口腔|皮肤|精神|心理|老年|康复|针康|针灸|推拿|中医"
    r"|疼痛|放疗|化疗|急诊|重症|烧伤|整形|手足|肛肠|乳腺|甲状腺|新生儿|日间|干诊|干部|特需|国际|全科|血透|透析|肾病|移植|层流|产后"
    r"|产前|待产|隔离|结核|肺病|脾胃|脑病|心病)"
)
_WHERE = r"(?:[一二三四五六七八九十]{1,2}(?:科|区|病区)?|[东西南北](?:区|院|楼)?|[A-D]区?)"
_DEPARTMENT_BED = re.compile(
    rf"{_DEPARTMENT}(?:科|病区|区)?(?:{_WHERE}[ \-]?加?[0-9]{{1,2}}|{_WHERE}?[ \-]?\+[0-9]{{1,2}}|{_WHERE}?[ \-]?加[0-9]{{1,2}}"
    rf"|[0-9]{{1,2}}[A-Z]?[东西南北]?-加?[0-9]{{1,3}}|-?(?:血透|透析)[0-9]{{1,2}}\+[0-9])(?:号)?{_NOT_BED}"
    rf"|(?:[一二三四五六七八九十0-9]{{1,2}}[楼层]|[南北东西]楼[0-9]{{1,2}}层|感染楼[0-9]{{1,2}}层|干[一二三四])(?:-加?|加)[0-9]{{1,2}}{_NOT_BED}"
    rf"|(?:监护室|病房|科|病区|中心|血液)?(?:层流|移植|净化|隔离)?(?:暖箱|温箱|[层流移植净化隔离]{{2}}[仓舱病房]{{1,2}}|仓)[ \-]?[0-9]{{1,2}}(?:号)?{_NOT_BED}"
    rf"|(?:待产|产房|候产)[ ]?[0-9]{{1,2}}号(?!线|楼)"
    rf"|(?<![A-Z])(?:[NPESMRBK]?ICU|CCU|RCU|HDU|NCU|VIP)(?:-[0-9]{{1,2}}F)?(?:-[0-9]{{1,3}}|[ ]0[0-9]){_NOT_BED}"
)
_BARE_BED = re.compile(
    r"(?<![A-Za-z])(?:[NPESMR]?ICU|CCU|RCU|HDU)[ \-]?(?:[A-Z][0-9]{1,3}|[0-9]{1,2}-[0-9]{1,3}"
    r"|[一二三四]?[区组室][0-9A-Z]{1,3})(?![0-9A-Za-z%.]|[天个张次年元岁月周小分])(?:号)?"
    r"|(?:抢救|留观|观察|加)(?:室|床)?[ ]?[A-Z]?[0-9]{1,2}(?:号|床)?(?=[，。、；,:：\s)）]|病人|患者|家属|的"
    r"|$)(?<=[床号室0-9])"
    r"|(?:产房|待产室|抢救室|观察室|隔离室|手术间)[ ]?[0-9]{1,2}(?:号|台|间)?(?=[ ，。、,:：)）]|$)"
    r"|(?<![一-鿿])(?:[胸普神骨心脑泌血烧整]外|[心肾神消血呼肝老]内|骨[一二三四五科]|[妇产儿][一二三科]|肝胆|泌尿"
    r"|内分泌|胃肠|甲乳|介入)[0-9]{1,3}(?=[ ，。、,:：)）]|$)"
    r"|(?<![0-9A-Za-z\-])(?:(?:[A-Z]?ICU|CCU|VIP|[A-Z]{1,2})-)?[0-9]{1,2}F-[0-9]{1,3}(?![0-9A-Za-z\-])|(?<=[接交]班[:：])[ ]?[0-9]{1,2}\+[0-9]{1,2}(?= )"
    r"|(?<=[科区房室住])[ ]?(?:[0-9]{1,3}\+[0-9]{1,2}|加[0-9]{1,2})(?![0-9A-Za-z%.=]|[天个张次年元岁月周小分])"
)
_WARD_UNIT = re.compile(
    rf"(?:{_DEPARTMENT}|走廊|过道|科|区|病房|病室|房|室|楼|层|[A-Z]?ICU|CCU|中心|部|组|仓|内|外|产|妇|儿|座|病|院|留观|观察|抢救|急诊|门诊|一"
    r"|二|三|四|五|六|七|八|九|十|[0-9A-Z东西南北])$"
)
_WARD_RUN = re.compile(r"[\u4e00-\u9fff0-9A-Z]{0,20}[ \-]?$")
_WARD_HEAD = re.compile(
    r"[科内外产妇儿骨肝肾心神血脑]|肿瘤|呼吸|消化|急诊|留观|抢救|观察|放疗|化疗|老年|介入|疼痛|康复|输液|日间"
    r"|病[区房室]|ICU|CCU|楼|层|[A-Z0-9一二三四五六七八九十东西南北][区座]|监护|中心|国际部|VIP|移植|院|[0-9]室|房|泌尿|耳鼻喉|分泌|胃肠|感染|烧伤|整形|精神|皮肤|眼|口腔|透析|血透|走廊|隔离|关节|针|康|新生|泌|胸|甲乳"
    r"|^[一二三四五六七八九十0-9A-Z]{1,2}[东西南北]$"
)
_WARD_LEADS = re.compile(
    rf".*(?:患者|病人|由|现|入|收|目前|家属|[到于去在请往把给我有让和及是从送回转的你他她您了找这那就今叫问欠床通知"
    rf"]|从(?!江|化)|与(?!危)|住(?!院部)|[0-9]+:[0-9]+|{any_of('before_places')})"
)


def beds(text: str) -> Iterator[tuple[int, int]]:
    """Where beds stand, each from its ward on."""
    last = 0
    if not _HAS_BED.search(text):
        return
    beds = list(_BED.finditer(text))
    bed_starts = [(b.start() - 8, b.end()) for b in beds]
    beds += [m for m in _DEPARTMENT_BED.finditer(text) if not any(a < m.end() and m.start() < b for a, b in bed_starts)]
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
    r"床|仓|舱|暖箱|温箱|[层东西南北ABC]-?[0-9加]|-[0-9加]|产房|待产|观察室|手术间|号椅|[外内骨妇产儿科胆尿泌肠乳介入一二三四五][0-9]|ICU|CCU|RCU|HDU|抢救|留观|\+[0-9]"
    r"|F-[0-9]|加[0-9]"
)
