"""Which hospital, and which ward and bed: by a proper name before a kind of house, by a short name, by a bed's number.

A kind of hospital (县医院, 肝病医院) or a department alone is none. A short name that is a word too (同济, 中山) counts
only beside what is done in a hospital.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid import english_hospitals, wards
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of, either, words

_HAN = r"[\u4e00-\u9fff]"
KIND = (
    r"(?:人民医院|中心医院|中医医院|中医院|妇幼保健院|医院|卫生服务中心|卫生服务站|卫生院|卫生室|卫生所|卫生站"
    r"|服务站(?=[看打换输挂])"
    r"|诊所|门诊部|(?:专科|皮肤|中医|口腔|牙科|眼科|骨科|儿科)门诊部?|保健院|妇保院|妇保所|医学中心|医疗中心|诊疗中心"
    r"|医疗集团"
    r"|疗养院|护理院|护理站|康复中心|康复院|体检中心|急救中心|急救站|血站|防治院|防治所|防治站|医务室|医务所|国医馆"
    r"|中医馆|医馆|国医堂|中医堂|养老院|敬老院|养护院|护老院"
    r"|福利院|老年公寓|分院|安宁疗护中心|透析中心|血透中心|精神卫生中心|疾控中心|疾病预防控制中心|眼视光中心|生殖中心"
    r"|影像中心|检验所|牙医诊所|总院"
    r"|妇幼(?![保健])|医务中心|医疗站|救护站|保健站|结核院|光荣院|医美(?=前台|VIP|门口|会所|门诊|的面诊)"
    r"|健康管理中心|社区门诊|医药中心|专科中心|眼科(?=前台|医院|门诊|[，。、；】),;\s看做查]|$)|口腔(?=前台"
    r"|[，。、；】),;\s看种拔做洗补退]|$)"
    r"|牙科(?=前台|[，。、；】),;\s看种拔做洗补退]|$)|齿科|牙医(?=[，。看])|附医|中医(?=馆))"
)
_KINDS = re.compile(rf"{KIND}(?:{_HAN}{{1,4}}(?:院区|分院)|[东西南北新老总][院区](?!长)|急诊(?=[，。、]|$))?")
_STEM = re.compile(r"[\u4e00-\u9fff0-9A-Za-z·]{0,20}$")
_LEADS = re.compile(
    rf".*(?:{any_of('before_places')}|(?:医生|地区|情况|专家|诊所|医院|药店|城市|护士|小时|方式)和"
    rf"|[去到在了的是被把我你她您咱俺恁侬佢这哪问找请吗呢吧就还没很又再才刚跟给让叫因而及与想看说要]|将(?!乐|军)"
    r"|间|他(?!克)|那(?!曲|坡|邕|大)|从(?!化|江)|往|来(?!宾|凤|安)|住|送|转|进(?!贤)|出|着|回(?!民|春)|等|于(?!都"
    r"|田|洪)|过|个|些|每|该|最|更|由|至|自(?!贡"
    r"|治)|离(?!石)|约|办|做|拍|打|为|有|挂|喺|嚟|系|响|比|走|直接|会因|会随|会根据"
    r"|会尽快|[0-9]+(?:年|月|日|号|周|岁|天|次)|[一二两几多哪]家)"
)
_GENERIC = re.compile(
    rf"(?:{any_of('kinds_of_hospitals')}|{any_of('departments')}|第?[一二三四五六七八九十]|附属"
    rf"|[的及和与之所内外后前时里中上下等级类型些]"
    r"|边)+"
)
_CITY = re.compile(
    r"(?:北京|上海|天津|重庆|广州|深圳|杭州|南京|武汉|成都|西安|全国|中国|国家|国内|香港|台湾|澳门|郑州|长沙|沈阳"
    r"|济南|青岛|大连|苏州|宁波|厦门|福州|昆明|南宁|哈尔滨|长春|石家庄|太原|合肥|南昌|贵阳|海口|兰州|西宁|银川)?市?"
    r"(?:大|各大|三甲|专科|好|公立|私立|民营|正规|知名|大型|综合|的|某|整形|美容|男科|本地|当地|较好|顶级)*"
)
_NO_NAME = re.compile(
    r"治疗|费用|方法|病情|症状|患者|时间|问题|效果|控制|手术|检查|药物|仔细|一段|作用|方面|情况|不舒服|[会能可]以"
    r"|积极|小孩|生小|宝宝|方式|医生|不同|不卫|迅速|启用|常规|选择|去过|期限|线上?咨询|咨询|权威|正规|专业|法院|法庭"
    r"|确保|考虑|确认|相关|优化|防止|企业|好点|另外|保持|清洁|注意|漱口|多地|推荐|医院$|贫血"
)
_VERBS = frozenset("送去到在回往来住进找的出转没写个上跑带如因经过按随及和或做看及")
_ACADEMIC = re.compile(rf"(?<!{_HAN})(?={_HAN}{{3,9}})|(?<=[去到在来往转从住找挂于是过了我妈爸])")
_SHORT_ACADEMIC = re.compile(
    rf"{_HAN}{{1,3}}?(?:医科大学|医科大|医大|中医药大学|中医大|中医|医药|药科|科大|医|大学"
    rf"|大)(?:附属?(?:第)?[一二三四五六七八](?:医?院)?|附属?(?:医?院)|(?:第)?[一二三四五六七八]附?属?医?院)(?![子校系"
    rf"长])"
    rf"(?:{_HAN}{{1,3}}院区|[东西南北][院区])?"
)
_NUMBERED = re.compile(
    rf"(?P<n>{_HAN}{{2,4}}?(?:市|县|区|省)?(?:第)?[一二三四五六七八九十]院)(?![子校系长])(?:{_HAN}{{1,3}}院区"
    rf"|[东西南北][院区])?"
)
_NO_NUMBERED = re.compile(r"[一二三四五六七八九十两第哪几这那]$")
_TAIL = rf"(?:医院|院)?(?:{_HAN}{{1,3}}(?:院区|分院)|[东西南北新老滨][区江院](?!长))?"
_PLACES = frozenset(words("places_before_hospitals"))
_KNOWN = re.compile(
    rf"(?:{any_of('known_hospitals')})(?![石大集]|路|街|公园|桥|站|区政|医学院|医科大学(?!附)|生建|生说"
    rf"|生[，。]|瘤|[姐哥爷妈娘嫂叔伯夫妹弟]){_TAIL}"
)
_WORDS = re.compile(
    rf"(?P<w>{any_of('hospitals_that_are_words')})(?![路街桥站市省县镇村堂]|公园|大学(?!附)|医学院"
    rf"|[东西南北]路){_TAIL}"
)
_DONE = (
    r"[ ]?(?:[神心普胸脑泌骨肝儿妇][内外]|[一-鿿](?:教授|主任|医生|大夫|医师|护士长)|[东西南北]门|骨[一二三四]"
    r"|透析|血透|很近|太远|那[边个位]|有[位个]|的[一-鿿]{2,4}(?:医[生师]|大夫|主任|教授|护士|复健师|护理长|治疗师"
    r"|药师)|血研所|血管|烧伤|肿瘤|病理|收费|随访|号源|导诊|挂|收[住治不]|转[入来过出]|住[的着院]|说|让|叫"
    r"|建议|给[我他她开]|要我|不收|没[床号]|开颅|做|看|体检|可以|[0-9]{1,2}[楼床]|[A-Z0-9]{0,3}病房|打完|面诊"
    r"|打针|疫苗|住院|班车|名医|退)"
)
_CITY_HOSPITAL = re.compile(
    rf"(?:{any_of('cities')})(?:市|县|区)?(?P<w>{any_of('private_hospitals')})(?![路街桥站镇村市省区县]"
    rf"|大[学道厦]|公园|广场|医科|医学院"
    rf"|[的]?病|健|[专]科|口岸|话|人(?!民))(?:医院|院|眼科|口腔|妇产|骨科|肛肠)?(?:[东西南北新老][院区](?!长))?"
)
_FOUNDED = re.compile(rf"(?:署立|部立)(?:{any_of('cities')}|丰原|朴子|旗山|恒春|玉里|竹东|新营|胸腔)(?:医院)?")
_OF_A_DOCTOR = re.compile(
    rf"(?:(?<=[是去找在看到])|(?<=隔壁))(?:{any_of('surnames')})(?:外科|牙科|小儿科|耳鼻喉科|妇产科"
    rf"|骨科诊所)(?=[,，。;；]|看|挂|就好|$)"
)
_BRANDS = frozenset(words("hospital_brands"))
_BRANDED = re.compile(
    rf"(?:{either(_BRANDS)})(?:妇产|儿科|口腔|眼科|医美|整形|骨科|牙科|齿科|大健康)(?:[一-鿿]{{2,3}}(?:店|分店|分院))?"
)
_BY_NUMBER = re.compile(
    r"[一二三四五六七八九][〇零○一二三四五六七八九]{2}医院"
    r"|(?<=[转送])[一二三四五六七八九][〇零○一二三四五六七八九]{2}(?=[，,。?？]|还是|住院|骨科)"
    r"|(?<=还是)[一二三四五六七八九][〇零○一二三四五六七八九]{2}(?=[，,。?？])"
)
_CITY_ALONE = frozenset(words("words_of_hospitals"))
_COMMON = frozenset(words("short_names_that_are_common"))
_CLAUSE_START = re.compile(r"(?:^|[，。,;；:：、→\n(（“\"！？!?])[ ]?$")
_TREATED = (
    r"(?:的?(?:专家|医生|大夫|主任|教授|护士|门诊|急诊|急症|病房|病历|特需|国际部|医师)|的(?:号|报告|单子|片子|检查"
    r"|药|方子|影像|结果)|[一-鿿]{0,3}[内外产妇儿骨眼肿瘤呼吸皮肤血液疼痛口腔神经康复风湿感染急诊重症中医理]科"
    r"|[看查挂做](?!起来|上去|到|了一眼|客|官|饭|作|生意|梦|东西)|拍[片了的CTX]|建[的档卡册]"
    r"|[一二三四五六七八九十0-9]{1,2}楼|住院|手术|确诊|排[号队]|门口|抢号|的?号(?!线)|复[查诊]|开[的了]|产检|化疗"
    r"|放疗|会诊|规培|进修|生[的了孩]|病理|体检|健检|抽血|院区|分院|针灸|取[药片报]|动[的了]?手术|配[的了]?药|输液"
    r"|打针|挂号|出院|初诊|住[了过着]|治[的了好])"
)
_AT_HOSPITAL = re.compile(r"(?:^|[在去到来往转从住找挂跑于把送回进自由称的给喺叫至])$")
_AFTER_WORD = re.compile(rf"^{_TREATED}")
_DONE_AFTER = re.compile(rf"^{_DONE}")
_AFTER_SURE = re.compile(
    rf"^(?:的?(?:专家|医生|大夫|主任|教授|门诊|急诊|急症|特需|国际部)|{_HAN}{{1,4}}科(?!技|学|研)|院区|分院|住院|手术"
    rf"|建[的档卡册]|会诊|规培|化疗|放疗|产检)"
)
_CLAUSE_END = re.compile(r"^(?:[，。、；,.!！？?）)\s」”\"]|的|$|那边|这边|排队|抢|说|让|给)")
_PHRASE_DE = re.compile(r"^的(?=[，。,\s]|$)")


def found(text: str) -> Iterator[Span]:
    """Wards with beds, hospitals by name, and by short name."""
    beside = text
    for start, end in wards.beds(text):
        yield Span(start, end, "hospital")
        beside = f"{beside[:start]}{' ' * (end - start)}{beside[end:]}"
    yield from _named(beside)
    for match in _KNOWN.finditer(beside):
        yield Span(_with_place(beside, match.start()), match.end(), "hospital")
    yield from _in_cities(beside)
    for pattern in (_FOUNDED, _OF_A_DOCTOR, _BRANDED, _BY_NUMBER):
        yield from (Span(match.start(), match.end(), "hospital") for match in pattern.finditer(beside))
    yield from _words(beside)
    for match in _SHORT_ACADEMIC.finditer(beside):
        start = match.start() + _cut(match[0][: match[0].rfind("附") if "附" in match[0] else -2])
        if match.end() - start >= 4:
            yield Span(start, match.end(), "hospital")
    for match in _NUMBERED.finditer(beside):
        start = match.start() + _cut(match["n"][:-2])
        stem = text[start : match.end("n") - 2].rstrip("第")
        if (
            len(stem) >= 2
            and not _GENERIC.fullmatch(stem)
            and not _NO_NUMBERED.search(stem)
            and not _NO_NAME.search(stem)
        ):
            yield Span(start, match.end(), "hospital")
    yield from english_hospitals.found(text)


def _cut(run: str) -> int:
    """How many characters of a run lead up to a name."""
    lead = _LEADS.match(run)
    return lead.end() if lead else 0


def _named(text: str) -> Iterator[Span]:
    last = ("", -1)
    for match in _KINDS.finditer(text):
        is_again, last = match.start() == last[1] and match[0] == last[0], (match[0], match.end())
        if is_again:
            continue
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


def _in_cities(text: str) -> Iterator[Span]:
    """A city with what hospitals are called in many cities, beside what is done there."""
    for match in _CITY_HOSPITAL.finditer(text):
        if match[0].endswith("医院"):
            continue
        lead, after = text[max(0, match.start() - 2) : match.start()], text[match.end() : match.end() + 8]
        is_done = bool(_AFTER_WORD.match(after) or _DONE_AFTER.match(after))
        is_at = bool(_AT_HOSPITAL.search(lead)) and (match["w"] not in _CITY_ALONE) and bool(_CLAUSE_END.match(after))
        if (is_done and match["w"] not in _CITY_ALONE) or is_at or (is_done and bool(_AT_HOSPITAL.search(lead[-1:]))):
            yield Span(match.start(), match.end(), "hospital")


def _with_place(text: str, start: int) -> int:
    """Where a short name begins with the city before it."""
    return (
        start - 2
        if text[max(0, start - 2) : start] in _PLACES or text[max(0, start - 2) : start] in ("海军", "空军")
        else start
    )


def _words(text: str) -> Iterator[Span]:
    for match in _WORDS.finditer(text):
        start = _with_place(text, match.start())
        lead, after = text[max(0, start - 1) : start], text[match.end() : match.end() + 8]
        if match.end() > match.end("w") + 1 or start < match.start():
            is_one = (
                match[0].endswith(("院", "区", "江"))
                or bool(_AFTER_WORD.match(after))
                or bool(_AT_HOSPITAL.search(lead))
            )
        else:
            at = bool(_AT_HOSPITAL.search(lead)) and (start > 0 or bool(_AFTER_SURE.match(after)))
            is_one = (at and bool(_AFTER_WORD.match(after))) or bool(
                _AFTER_SURE.match(after) and match["w"] in words("hospitals_when_told_alone")
            )
            is_one = is_one or (not re.match(_HAN, lead) and bool(_AFTER_WORD.match(after)))
            alone = match["w"] in words("hospitals_when_told_alone") and re.search(r"[在到往转从住找挂去称送]$", lead)
            is_one = is_one or bool(alone and _CLAUSE_END.match(after))
            is_clause = _CLAUSE_START.search(lead) and match["w"] not in _COMMON
            is_one = is_one or bool((is_clause or _AT_HOSPITAL.search(lead)) and _DONE_AFTER.match(after))
        stem = match["w"]
        if is_one and not (
            text[start : match.end()] in ("省人民医院", "市立医院", "省立医院", "总院", "中心院")
            or stem in words("departments")
            or (stem in ("中心", "妇产", "胸科", "儿童医院") and start == match.start())
        ):
            yield Span(start, match.end(), "hospital")
