"""Which hospital, and which ward and bed: by a proper name before a kind of house, by a short name, by a bed's number.

A kind of hospital (县医院, 肝病医院) or a department alone is none. A short name that is a word too (同济, 中山) counts
only beside what is done in a hospital.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of, words

_HAN = r"[\u4e00-\u9fff]"
KIND = (
    r"(?:人民医院|中心医院|中医医院|中医院|妇幼保健院|医院|卫生服务中心|卫生服务站|卫生院|卫生室|卫生所|卫生站|服务站(?=[看打换输挂])"
    r"|诊所|门诊部|(?:专科|皮肤|中医|口腔|牙科|眼科|骨科|儿科)门诊部?|保健院|妇保院|妇保所|医学中心|医疗中心|诊疗中心|医疗集团"
    r"|疗养院|护理院|护理站|康复中心|康复院|体检中心|急救中心|急救站|血站|防治院|防治所|防治站|医务室|医务所|国医馆|中医馆|医馆|国医堂|中医堂|养老院|敬老院|养护院|护老院"
    r"|福利院|老年公寓|分院|安宁疗护中心|透析中心|血透中心|精神卫生中心|疾控中心|疾病预防控制中心|眼视光中心|生殖中心|影像中心|检验所|牙医诊所|总院"
    r"|妇幼(?![保健])|眼科(?=前台|医院|门诊|[，。、；】)\s看做查]|$)|口腔(?=前台|[，。、；】)\s看种拔做洗补]|$)|牙科(?=前台|[，。、；】)\s看种拔做洗补]|$)|齿科|牙医(?=[，。看])|附医|中医(?=馆))"
)
_KINDS = re.compile(rf"{KIND}(?:{_HAN}{{1,4}}(?:院区|分院)|[东西南北新老总][院区](?!长)|急诊(?=[，。、]|$))?")
_STEM = re.compile(r"[\u4e00-\u9fff0-9A-Za-z·]{0,20}$")
_LEADS = re.compile(
    rf".*(?:{any_of('before_places')}|(?:医生|地区|情况|专家|诊所|医院|药店|城市|护士|小时|方式)和|[去到在了的是被把我你他她您咱俺恁侬佢这那哪问找请吗呢吧就还没很又再才刚跟给让叫因而及与想看说将要]"
    r"|从(?!化)|往|来(?!宾|凤|安)|住|送|转|进(?!贤)|出|回(?!民)|等|于(?!都|田|洪)|过|个|些|每|该|最|更|由|至|自(?!贡|治)|离(?!石)|约|办|做|拍|打|为|有|挂|喺|嚟|系|响|比|走|直接|会因|会随|会根据"
    r"|会尽快|[0-9]+(?:年|月|日|号|周|岁|天|次)|[一二两几多哪]家)"
)
_GENERIC = re.compile(
    rf"(?:{any_of('kinds_of_hospitals')}|{any_of('departments')}|第?[一二三四五六七八九十]|附属|[的及和与之所内外后前时里中上下等级类型些]"
    r"|边)+"
)
_CITY = re.compile(
    r"(?:北京|上海|天津|重庆|广州|深圳|杭州|南京|武汉|成都|西安|全国|中国|国家|国内|香港|台湾|澳门|郑州|长沙|沈阳|济南|青岛|大连|苏州|宁波|厦门|福州|昆明|南宁|哈尔滨|长春|石家庄|太原|合肥|南昌|贵阳|海口|兰州|西宁|银川)?市?"
    r"(?:大|各大|三甲|专科|好|公立|私立|民营|正规|知名|大型|综合|的|某|整形|美容|男科|本地|当地|较好|顶级)*"
)
_NO_NAME = re.compile(
    r"治疗|费用|方法|病情|症状|患者|时间|问题|效果|控制|手术|检查|药物|仔细|一段|作用|方面|情况|不舒服|[会能可]以|积极|小孩|生小|宝宝|方式|医生|不同|不卫|迅速|启用|常规|选择|去过|期限|线上?咨询|咨询|权威|正规|专业|法院|法庭|确保|考虑|确认|相关|优化|防止|企业|好点|另外|保持|清洁|注意|漱口|多地|推荐|医院$|贫血"
)
_VERBS = frozenset("送去到在回往来住进找的出转没写个上跑带如因经过按随及和或做看及")
_ACADEMIC = re.compile(
    rf"(?<!{_HAN})(?={_HAN}{{3,9}})|(?<=[去到在来往转从住找挂于是过了我妈爸])"
)
_SHORT_ACADEMIC = re.compile(
    rf"{_HAN}{{1,3}}?(?:医科大学|医科大|医大|中医药大学|中医大|中医|医药|药科|科大|医|大学|大)(?:附属?(?:第)?[一二三四五六七八](?:医?院)?|附属?(?:医?院)|(?:第)?[一二三四五六七八]附?属?医?院)(?![子校系长])"
    rf"(?:{_HAN}{{1,3}}院区|[东西南北][院区])?"
)
_NUMBERED = re.compile(
    rf"(?P<n>{_HAN}{{2,4}}?(?:市|县|区|省)?(?:第)?[一二三四五六七八九十]院)(?![子校系长])(?:{_HAN}{{1,3}}院区|[东西南北][院区])?"
)
_NO_NUMBERED = re.compile(r"[一二三四五六七八九十两第哪几这那]$")
_TAIL = rf"(?:医院|院)?(?:{_HAN}{{1,3}}(?:院区|分院)|[东西南北新老滨][区江院](?!长))?"
_KNOWN = re.compile(
    rf"(?:北京|上海|广州|武汉|四川|浙江|山东|成都|长沙|西安|沈阳|济南|南京|杭州|福州|厦门|深圳|台北|香港|天津|重庆)?(?:{any_of('known_hospitals')})(?![石大集]|路|街|公园|桥|站|区政|医学院|医科大学(?!附)|生建|生说|生[，。]){_TAIL}"
)
_WORDS = re.compile(
    rf"(?:北京|上海|广州|武汉|四川|浙江|山东|成都|长沙|西安|沈阳|济南|南京|杭州|福州|厦门|深圳|台北|香港|天津|重庆|海军|空军)?(?P<w>{any_of('hospitals_that_are_words')})(?![路街桥站市省县镇村堂]|公园|大学(?!附)|医学院|[东西南北]路){_TAIL}"
)
_TREATED = (
    r"(?:的?(?:专家|医生|大夫|主任|教授|护士|门诊|急诊|急症|病房|病历|特需|国际部|医师)|的(?:号|报告|单子|片子|检查|药|方子|影像|结果)|[一-鿿]{0,3}[内外产妇儿骨眼肿瘤呼吸皮肤血液疼痛口腔神经康复风湿感染急诊重症中医理]科|[看查挂做](?!起来|上去|到|了一眼|客|官|饭|作|生意|梦|东西)|拍[片了的CTX]|建[的档卡册]"
    r"|[一二三四五六七八九十0-9]{1,2}楼|住院|手术|确诊|排[号队]|门口|抢号|的?号(?!线)|复[查诊]|开[的了]|产检|化疗|放疗|会诊|规培|进修|生[的了孩]|病理|体检|健检|抽血|院区|分院|针灸|取[药片报]|动[的了]?手术|配[的了]?药|输液|打针|挂号|出院|初诊|住[了过着]|治[的了好])"
)
_AT_HOSPITAL = re.compile(r"(?:^|[在去到来往转从住找挂跑于送回进自称的给喺叫至])$")
_AFTER_WORD = re.compile(rf"^{_TREATED}")
_AFTER_SURE = re.compile(rf"^(?:的?(?:专家|医生|大夫|主任|教授|门诊|急诊|急症|特需|国际部)|{_HAN}{{1,4}}科(?!技|学|研)|院区|分院|住院|手术|建[的档卡册]|会诊|规培|化疗|放疗|产检)")
_NAMES_ALONE = frozenset("协和 同济 瑞金 同仁 宣武 天坛 安定 奇美 玛丽 长海 慈济 长庚 马偕 养和 广华 三总 亚心 河医 遵医 贵医 川医 徐医 伊院 东直门 附一院 附二院 一附院 二附院 301 省立 第九 长征 华山 中山".split())
_CLAUSE_END = re.compile(r"^(?:[，。、；,.!！？?）)\s」”\"]|的|$|那边|这边|排队|抢|说|让|给)")
_PHRASE_DE = re.compile(r"^的(?=[，。,\s]|$)")


def found(text: str) -> Iterator[Span]:
    """Wards with beds, hospitals by name, and by short name."""
    beside = text
    for start, end in _wards(text):
        yield Span(start, end, "hospital")
        beside = f"{beside[:start]}{' ' * (end - start)}{beside[end:]}"
    yield from _named(beside)
    for match in _KNOWN.finditer(beside):
        yield Span(match.start(), match.end(), "hospital")
    yield from _words(beside)
    for match in _SHORT_ACADEMIC.finditer(beside):
        start = match.start() + _cut(match[0][: match[0].rfind("附") if "附" in match[0] else -2])
        if match.end() - start >= 4:
            yield Span(start, match.end(), "hospital")
    for match in _NUMBERED.finditer(beside):
        start = match.start() + _cut(match["n"][:-2])
        stem = text[start : match.end("n") - 2].rstrip("第")
        if len(stem) >= 2 and not _GENERIC.fullmatch(stem) and not _NO_NUMBERED.search(stem) and not _NO_NAME.search(stem):
            yield Span(start, match.end(), "hospital")
    yield from _english(text)


def _cut(run: str) -> int:
    """How many characters of a run lead up to a name."""
    lead = _LEADS.match(run)
    return lead.end() if lead else 0


def _named(text: str) -> Iterator[Span]:
    for match in _KINDS.finditer(text):
        run = _STEM.search(text, max(0, match.start() - 20), match.start())
        if not run:
            continue
        start = run.start() + _cut(run[0])
        stem = text[start : match.start()]
        if _is_name(stem, match[0]):
            yield Span(start, match.end(), "hospital")


def _is_name(stem: str, kind: str) -> bool:
    """True for what names one hospital among its kind: 佑安, 青羊坝镇, 康宁."""
    if len(stem) < 2 or stem[-1] in _VERBS or _NO_NAME.search(stem):
        return False
    if kind in ("口腔", "牙科", "眼科", "齿科", "牙医", "中医") and (len(stem) > 8 or _GENERIC.search(stem[-2:])):
        return False
    return not _GENERIC.fullmatch(stem) and not _CITY.fullmatch(stem)


def _words(text: str) -> Iterator[Span]:
    for match in _WORDS.finditer(text):
        lead, after = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 8]
        if match.end() > match.end("w") + 1 or match.start() < match.start("w"):
            is_one = match[0].endswith(("院", "区", "江")) or bool(_AFTER_WORD.match(after)) or bool(_AT_HOSPITAL.search(lead))
        else:
            at = bool(_AT_HOSPITAL.search(lead)) and (match.start() > 0 or bool(_AFTER_SURE.match(after)))
            is_one = (at and bool(_AFTER_WORD.match(after))) or bool(_AFTER_SURE.match(after) and match["w"] in _NAMES_ALONE)
            is_one = is_one or (not re.match(_HAN, lead) and bool(_AFTER_WORD.match(after)))
            alone = match["w"] in _NAMES_ALONE and re.search(r"[在到往转从住找挂去称]$", lead)
            is_one = is_one or bool(alone and _CLAUSE_END.match(after))
        stem = match["w"]
        if is_one and not (stem in words("departments") or stem in ("中心", "妇产", "胸科", "儿童医院") and match.start() == match.start("w")):
            yield Span(match.start(), match.end(), "hospital")


# wards and beds

_BED = re.compile(
    r"(?:[加抢临走监留+]{0,2}(?:(?<![A-Z])[A-Z]{1,2}-?)?[0-9]{1,4}[A-Z]?(?:[ ]?[\-+#][ ]?[0-9A-Z甲乙丙丁]{1,4})?|[一二三四五六七八九十]{1,3}(?=号床|床(?=[^\u4e00-\u9fff]|$|家属|病人|患者|的))|[0-9]{1,4}-?[甲乙丙丁])[ ]?[号#]?(?:加|诊)?(?:床(?:位)?|(?<=号)椅)(?![头垫单边次上旁品铺被架罩])"
    r"|(?<![起卧铺临病机下上同换])床(?:号|位)?[ :是]{0,2}(?:[A-Z]{0,2}[0-9]{1,4}(?:[\-+][0-9A-Z]{1,3})?|加[0-9]{1,2})(?![0-9A-Za-z%.]|[天个张次年元岁月周小分])"
)
_BARE_BED = re.compile(
    r"(?<![A-Za-z])(?:[NPESMR]?ICU|CCU|RCU|HDU)[ \-]?(?:[A-Z][0-9]{1,3}|[0-9]{1,2}-[0-9]{1,3}|[一二三四]?[区组室][0-9A-Z]{1,3})(?![0-9A-Za-z%.]|[天个张次年元岁月周小分])(?:号)?"
    r"|(?:抢救|留观|观察|加)(?:室|床)?[ ]?[A-Z]?[0-9]{1,2}(?:号|床)?(?=[，。、；,:：\s)）]|病人|患者|家属|的|$)(?<=[床号室0-9])"
    r"|(?:产房|待产室|抢救室|观察室|隔离室|手术间)[ ]?[0-9]{1,2}(?:号|台|间)?(?=[ ，。、,:：)）]|$)"
    r"|(?<![一-鿿])(?:[胸普神骨心脑泌血烧整]外|[心肾神消血呼肝老]内|骨[一二三四五科]|[妇产儿][一二三科]|肝胆|泌尿|内分泌|胃肠|甲乳|介入)[0-9]{1,3}(?=[ ，。、,:：)）]|$)"
    r"|(?<![0-9A-Za-z\-])[0-9]{1,2}F-[0-9]{1,3}(?![0-9A-Za-z\-])|(?<=[接交]班[:：])[ ]?[0-9]{1,2}\+[0-9]{1,2}(?= )"
    r"|(?<=[科区房室住])[ ]?(?:[0-9]{1,3}\+[0-9]{1,2}|加[0-9]{1,2})(?![0-9A-Za-z%.=]|[天个张次年元岁月周小分])"
)
_WARD_UNIT = re.compile(r"(?:科|区|病房|病室|房|室|楼|层|[A-Z]?ICU|CCU|中心|部|组|仓|内|外|产|妇|儿|座|病|院|留观|观察|抢救|急诊|门诊|一|二|三|四|五|六|七|八|九|十|[0-9A-Z东西南北])$")
_WARD_RUN = re.compile(r"[\u4e00-\u9fff0-9A-Z]{0,20}[ \-]?$")
_WARD_HEAD = re.compile(r"[科内外产妇儿骨肝肾心神血脑]|肿瘤|呼吸|消化|急诊|留观|抢救|观察|放疗|化疗|老年|介入|疼痛|康复|输液|日间|病[区房室]|ICU|CCU|楼|层|[A-Z0-9一二三四五六七八九十东西南北][区座]|监护|中心|国际部|VIP|移植|院|[0-9]室|房")
_WARD_LEADS = re.compile(
    rf".*(?:患者|病人|由|现|入|收|目前|家属|[到于去在请往把给我有让和及是从送回住转的你他她您了找这那就今叫问欠床通知]|与(?!危)|[0-9]+:[0-9]+|{any_of('before_places')})"
)


def _wards(text: str) -> Iterator[tuple[int, int]]:
    """Where beds stand, each from its ward on."""
    last = 0
    if not _HAS_BED.search(text):
        return
    beds = list(_BED.finditer(text))
    bare = (m for m in _BARE_BED.finditer(text) if not any(b.start() - 8 < m.end() and m.start() < b.end() for b in beds))
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


_HAS_BED = re.compile(r"床|产房|待产|观察室|手术间|号椅|[外内骨妇产儿科胆尿泌肠乳介入一二三四五][0-9]|ICU|CCU|RCU|HDU|抢救|留观|\+[0-9]|F-[0-9]|加[0-9]")

# in English

_CAPITALISED = r"(?:[A-Z][A-Za-z'’.\-]+[ ](?:of[ ]|and[ ]|the[ ]|&[ ])?)"
_ENGLISH = re.compile(
    rf"(?:St\.?[ ])?{_CAPITALISED}{{1,6}}(?:Hospital|Clinic|Infirmary|Medical[ ](?:Center|Centre|Group|Practice|Clinic)|"
    r"Health[ ](?:Center|Centre|Clinic)|Surgery|Hospice|Nursing[ ]Home|Care[ ]Home|Centre|Center|Practice|Sanatorium|"
    rf"Polyclinic|Dental(?:[ ](?:Clinic|Care|Centre|Surgery))?|Physio(?:therapy)?|Orthopaedics|Fertility|Pharmacy)(?![a-z])(?:[ ][A-Z][a-z]+(?=[,.;)]))?|(?<=at )St\.?[ ]{_CAPITALISED}{{1,2}}(?:Maternity|General)|"
    rf"(?<=at ){_CAPITALISED}{{1,3}}(?:General|Maternity|Infirmary)(?![a-z])"
)
_PLAIN_WORDS = frozenset(
    "General Pulmonary Orthopedic Orthopaedic Maintenance Sample Urgent Emergency Medical Health Community National Information Research Resource Cancer Heart Eye Pain Sleep Dental Memory Fertility The A An "
    "Our Your Is Types Of And Having People Procedures Before After During Cataract Laser Bypass Brain Open Plastic Spinal Weight Loss Bariatric Cosmetic Oral Vascular Thoracic General Day Local Public Private State University "
    "Outpatient Inpatient Diabetes Cardiology Neurology Oncology Pediatric Paediatric Women Children's Children Women's Regional District County City Teaching Specialist Hospital Clinic Center Centre Surgery In At For To With Best "
    "Genetics Genetic Call Poison Control Data Support Family Breast Back Hip Knee Joint Robotic Minimally Invasive Endoscopic Gastric Lung Kidney Liver Transplant Reconstructive Refractive Glaucoma Gamma Radiation If When What How Why Does Do Can "
    "Rehabilitation Rehab Wound Foot Skin Travel Walk-in Primary Care Ambulatory Rural Acute Mental Psychiatric Psychiatry Ophthalmology Dermatology ENT Urology Nursing Home Veterans Free Standing".split()
)
_ENGLISH_WARD = re.compile(
    r"(?<![A-Za-z])(?:[A-Z][a-z]+[ ])?(?:[Ww]ard|[Bb]ay(?=.{3,8}[Bb]ed)|ICU|CCU|HDU|[Rr]oom(?=[ ][0-9A-Z]+,?[ ][Bb]ed))[ ]"
    r"(?:[0-9]{1,2}[A-Z]?|[A-Z](?![A-Za-z]))[0-9]{0,2}"
    r"(?:[,/]?[ ]?(?:[Bb]ay[ ][0-9A-Z]+[,/]?[ ])?[Bb]ed[ ]?(?:no\.?[ ]?)?[0-9]{1,3}[A-Z]?)?|(?<![A-Za-z])[Bb]ed[ ](?:no\.?[ ]?)?[0-9]{1,3}[A-Z]?(?:-[0-9]{1,3})?(?![0-9A-Za-z])(?:[,]?[ ](?:in[ ]|on[ ]|of[ ])?[Ww]ard[ ][0-9A-Z]{1,3})?"
    r"|(?<![A-Za-z])[A-Z][a-z]+[ ][Ww]ard,?[ ](?:[Bb]ay[ ][0-9A-Z]+,?[ ])?[Bb]ed[ ]?[0-9]{1,3}[A-Z]?"
)
_ENGLISH_NAMES = "|".join(re.escape(name.replace("_", " ")) for name in sorted(words("known_hospitals_english"), key=lambda w: (-len(w), w)))
_ENGLISH_KNOWN = re.compile(rf"(?<![A-Za-z])(?P<n>{_ENGLISH_NAMES})(?![A-Za-z'’])")
_ENGLISH_SMALL = re.compile(
    r"(?<![A-Za-z])(?P<n>prince of wales|queen mary|queen elizabeth|kwong wah|tuen mun|princess margaret|pamela youde|tan tock seng|mount elizabeth|peking union|west china|john radcliffe)(?![A-Za-z'’])"
)
_ENGLISH_AT = re.compile(r"(?:(?<![A-Za-z])(?:at|to|from|via|@|under|in|by|of the)[ ](?:the[ ])?|[在去到喺响于从住转来往])[ ]?$", re.IGNORECASE)
_ENGLISH_THEN = re.compile(
    r"^[ ]?(?:hosp|A ?& ?E|AED|OPD|SOPD|SOPC|ward|clinic|ICU|GOPC|outpatient|emergency|discharge|referral|X-?ray|MRI|CT(?![A-Za-z])|[\u4e00-\u9fff]{0,2}(?:复诊|覆诊|急症|急诊|医院|专科|门诊|看|做|住))",
    re.IGNORECASE,
)


def _english(text: str) -> Iterator[Span]:
    if not re.search(r"[A-Za-z]{3}", text):
        return
    for match in _ENGLISH.finditer(text):
        parts = re.split(r"[ ]", match[0])
        while parts and (parts[0] in _PLAIN_WORDS or not parts[0][:1].isupper()) and len(parts) > 1:
            if not any(p not in _PLAIN_WORDS and p[:1].isupper() for p in parts[1:]):
                parts = []
                break
            parts = parts[1:]
        if parts and parts[0] not in _PLAIN_WORDS and _may_be_house(parts, text[max(0, match.start() - 12) : match.start()]):
            yield Span(match.end() - len(" ".join(parts)), match.end(), "hospital")
    for match in _ENGLISH_WARD.finditer(text):
        yield Span(match.start(), match.end(), "hospital")
    for match in [*_ENGLISH_KNOWN.finditer(text), *_ENGLISH_SMALL.finditer(text)]:
        if _ENGLISH_AT.search(text[max(0, match.start() - 9) : match.start()]) or _ENGLISH_THEN.match(text[match.end() : match.end() + 12]):
            yield Span(match.start(), match.end(), "hospital")


def _may_be_house(parts: list[str], lead: str) -> bool:
    """False for a kind of operation and for an office that only ends like a house."""
    if parts[-1] in ("Surgery", "Center", "Centre", "Practice", "Pharmacy") and "Medical" not in parts and "Health" not in parts:
        is_at = re.search(r"(?:at|to|from|with|by|our|called)[ ](?:the[ ])?$", lead) or (re.search(r"the[ ]$", lead) and len(parts) <= 3)
        return bool(is_at)
    return True
