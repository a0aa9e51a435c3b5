"""Where somebody lives: one stretch from the largest unit that is written to the smallest.

A province, a city or a county alone is none: a road, a village, a community or a house with a number must be in it.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid import hospitals
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.words import any_of, words

_HAN = r"[\u4e00-\u9fff]"
_PLAIN = (
    rf"(?:{_HAN}(?<![的是在住到我你他她您们这哪吧呢吗嘛寄给了被把去说问请])(?<!电话|手机|微信|车牌|今年|今天|明天"
    rf"|昨天|联系|身份|门诊|住院|医生))"
)
"""A character of a place's name: none of the words that lead up to one or follow it."""
_REGIONS = [
    "省",
    "特别行政区",
    "自治区",
    "自治州",
    "自治县",
    "自治旗",
    "新区",
    "地区",
    "州",
    "市",
    "区",
    "县",
    "旗",
    "盟",
]
_REGION_END = re.compile(r"省|特别行政区|自治区|自治州|自治县|新区|地区|[州市区县旗盟]")
_ROADS = "大道|胡同|里弄|支路|马路|大街|公路|国道|省道|横街|路|街|巷|弄|道(?=[0-9一二三四五六七八九十])|段(?=[0-9])"
_VILLAGES = (
    "街道|嘎查|苏木|团场|林场|农场|牧场|公社|大队|生产队|村民小组|自然村|镇(?![江海宁原安平远静痛咳])"
    "|乡(?![市县愁亲])|村|屯(?!门|溪|昌)|寨|(?<!石家)(?<!枣)庄(?!市|河)|(?<!潍)(?<!廊)坊|堡(?!垒)"
    "|庙(?=[村0-9一二三四五六七八九十])"
    "|垸|塆|圩|浜(?=[0-9村])|峒|砦"
)
_ESTATES = (
    "社区|小区|花园|新村|公寓|家园|家属院|家属区|家属楼|宿舍|华庭|嘉园|豪庭|名苑|花苑|山庄|大厦|商厦|大院|公馆|苑|邨"
    "|里(?=[0-9东西南北一二三四五六七八九十小社])|熙园|佳园|嘉苑|锦苑|雅园|名园|豪园|丽园|康城|豪城|花都|名都|国际城"
    "|水岸|名邸|雅居|华府|雅苑|名城|新城|花城|广场|别墅|工业园|产业园|科技园"
    "|[府邸庭园居轩阁湾城郡](?=[0-9A-Za-z一二三四五六七八九十东西南北][0-9A-Za-z一二三四五六七八九十\\-号]{0,4}(?:期"
    "|区|座|栋|幢|号|楼|单元|室|-[0-9]))"
    "|厂(?=宿舍|家属|生活区|[0-9一二三四五六七八九十]+[号栋幢])"
)
_ANCHOR = re.compile(rf"(?:{_VILLAGES}|{_ROADS}|{_ESTATES})")
_NUMBER = r"(?:[甲乙丙丁附临第]?[0-9A-Za-z一二三四五六七八九十百]{1,6}(?:[\-~#之]{1,2}[0-9A-Za-z东西南北]{1,5}){0,4})"
_UNITS = (
    "支弄|街道办?|村民小组|生产队|家属院|家属楼|家属区|生活区|活动中心|居委会|村委会|农贸市场|工业园|开发区|大道"
    "|胡同|里弄"
    "|支路|马路|大街|公路|国道"
    "|社区|小区|花园|新村|公寓|家园|花城|大厦|广场|嘎查|苏木|团场|林场|农场|宿舍|大院|号院|号楼|路口|交叉口|交口|底商"
    "|后楼|对面|旁边|单元|自然村"
    "|路|街|巷|弄|道|镇|乡|村|苑|园|屯|寨|庄|坊|塘|湾|里|坪|营|堡|坡|沟|坎|岗|桥|城|郡|府|居|庭|轩|院|峰|岭|洞|门|口"
    "|期|幢|栋|座|室|层|楼(?!下)|号|组|队|户|社|区|房|排|角|场|段|邨|阁|厦|铺|厂|店|站|矿|校|埠|衙场|旁|侧|尾|头"
)
_LANDMARK = (
    rf"(?:{_PLAIN}{{0,6}}?(?:村委会|居委会|村口|路口|交叉口|交口|戏台|砖厂|修车铺|小卖部|卫生室|祠堂|学校|小学|中学"
    rf"|幼儿园|公园|超市|商店|市场|菜场|供销社|信用社|邮局|派出所|粮站|加油站|村部|文化站|老楼|老街|沟口"
    rf"|[大老]?[榕樟槐柳柏枣桂杏梨柿桑枫]树"
    rf"|大树下?|树底?下|牌坊|凉亭|石桥|坝上|铁厂|码头|渡口|车站|桥头|桥下|水库|仓库|围龙屋|围屋|土楼|碉楼|吊脚楼"
    rf"|窝棚|瓦窑下?|[顶下上新老大中]厝|敬老院|养老院|粮库|磨坊|油坊|豆腐坊|水塔|水井|机井房|变电站|电站|鱼塘"
    rf"|果园|菜园|苗圃|茶场|砖窑|石场|采石场|晒谷场|晒场|打谷场|大堂|地下|地铺|天井|庙|寺|观|庵|教堂|清真寺"
    rf"|土地庙|城隍庙|工地|后院|后客堂|前客堂|客堂|阁楼|亭子间"
    rf"|地下室|车库|平房|门面|店面|棋牌室|[东西南北]头|[东西南北]门|[东西南北]侧|[东西南北]口|村[东西南北头尾])"
    r"(?:旁边?|底下|脚下|下面|下|边|旁|对面|对过(?!敏)|隔壁|后面|前面|楼下|门口|[东西南北][侧面]|附近"
    r"|一带)?(?:第?[一二三四五六七八九十0-9]{1,2}[家户排间栋幢]|[东西南北][一二三四五六七八九十]间)?)"
)
_PIECE = re.compile(
    r"[零一二三四五六七八九十百0-9]{1,4}(?:连|分场|作业区|邻|甲[0-9]{1,4}号|网格)(?![续个天接])|"
    rf"[ ]{{0,1}}(?:{_LANDMARK}|{_NUMBER}(?:{_UNITS})(?:之[0-9]+|[甲乙丙丁](?![0-9种状级肝]))?"
    rf"|{_NUMBER}(?=[^0-9A-Za-z%.:/\u4e00-\u9fff]|$"
    rf"|[\u4e00-\u9fff])(?<=[0-9A-Za-z户室东西南北])(?![ ]?(?:岁|年|月|日|天|次|块|元|mg|ml|分|点|个|斤|米|公里|床|人"
    rf"|片))|[·\-]?[甲乙丙丁东西南北][0-9]*(?:户|单元|区|座|院|栋|门|头)"
    rf"|{_PLAIN}{{0,8}}?(?:{_UNITS})|{_PLAIN}{{1,7}}?[0-9A-Z]{{1,5}}(?:号|#|栋|幢|座|小区|区|期|弄|巷|楼|单元|室"
    rf"|组|社)"
    rf"|{_PLAIN}{{1,6}}[0-9A-Z]{{1,5}}(?:-[0-9A-Z]{{1,5}}){{1,3}})"
)
_END = re.compile(
    r"(?:旁边?|对面|对过(?!敏)|隔壁|附近|后面|楼下|路[东西南北]|往[东西南北][0-9]+米路?[东西南北]?|[东西南北]侧"
    r"|[东西南北]头(?:第[一二三四五六七八九十]家)?|一带(?=[，。]))"
)
_BEFORE_RUN = re.compile(r"(?:(?s:.*)[^\u4e00-\u9fff0-9A-Za-z·])?")
_LEADS = re.compile(
    rf".*(?:{any_of('before_places')}|上门|护士|接(?!官)|停(?!前)|[的是在住到我你他她您们这哪吧呢吗嘛寄给了被把去说问"
    rf"请至往叫找带陪送跟就]|从(?!化|江)|于(?!洪|家|都|田|庄)|回(?=[到家老])|来(?!宾|凤|安|舟)|走(?!马)|过|家在|址"
    rf"|[0-9]{{3,}}|[0-9]+(?:年|月|日|号|岁|天|点|米)|[一二三四五六七八九十]{{1,3}}[点日岁](?!市)|早上|晚上)"
)
_CUE = re.compile(
    r"(?:住址|地址|现住|家住|住在|住|家在|寄到|寄至|寄往|邮寄|寄|送到|位于|户籍|籍贯|老家|户口|家庭|现场"
    r"|地点|单位|收件|店在|公司在|集合点|上门|接|家|人在|发往|发到|搬到|来|去|到|从|回)"
    r"[^,，。;；\n]{0,3}[:是为]?[ ]?$"
)
_FINE = re.compile(rf"{_ANCHOR.pattern}|[0-9一二三四五六七八九十](?:组|号|栋|幢|弄|队|社|座|室)")
_NUMBERED = re.compile(
    rf"(?:{_ANCHOR.pattern}).{{0,12}}?[0-9A-Za-z一二三四五六七八九十]+(?:号|栋|幢|弄|组|楼|室|单元|座|社|队|期|区|层"
    rf"|排|院|段|邨|连|邻|甲|分场|-[0-9])"
)
_COMPOUND = re.compile(
    rf"(?:镇|乡|街道|苏木).{{1,10}}(?:村|社区|{_ESTATES}|路|街|屯|寨|庄|大队)|(?:{_ROADS}).{{1,8}}(?:{_ESTATES}|村"
    rf"|路口|交叉口|交口)"
)
_HOUSE = re.compile(hospitals.KIND)
_NO_PLACE = re.compile(
    r"铁路(?!新|小|桥|口|东|西|南|北|宿|家|[0-9一二三四])|公路局|道路|网路|思路|电路|线路|尿路|气路|通路|回路"
    r"|旁路|胆道|管道|肠道|呼吸道|阴道"
    r"|尿道|消化道|气道|味道|知道|街头|一路|半路|走路|赶路|马路边|(?<!新)农村|乡村|村民|城镇(?=居民|职工|医|户"
    r"|人口|化|低)|^城镇|乡镇|镇静|镇痛|镇咳|城乡"
    r"|院子里|屋里|家里|心里|肚里|嘴里|手里|夜里|这里|哪里|那里"
    r"|公里|医院|卫生院|市场|机场|现场|立场|广场舞|街道办事|社区卫生|社区服务|区道路|区社区|社区会|社区医"
)
_AT_LANDMARK = re.compile(rf".{{2}}(?:{_VILLAGES}|{_ESTATES}){_LANDMARK}$")
_NAMED_VILLAGE = re.compile(rf"{_PLAIN}{{2,6}}(?:公社|林场|农场|牧场|嘎查|苏木|村|镇|乡|社区|小区|新村|家属院)")
_BUILDING = re.compile(
    r"(?<![0-9A-Za-z])(?:[东西南北A-Z][区院])?[0-9]{1,2}(?:号楼|[栋幢])(?:[0-9一二三四]单元)?[ ]?[A-Z]?-?[0-9]{3,4}室"
    r"?(?![0-9A-Za-z])"
)
_ROOM_CUE = re.compile(r"宿舍|住|地址|寄|送|在|到|家|停|公寓|小区|校")
_HAMLET_END = "峪坞岙湾沟坪坡岭洼窑垭坝冲塘营屯甸梁崖寨庄圩浜荡埭墩墟寮厝埕坑坳畈畲河湖店铺桥台岗峁塬滩渡窝圪堡垄"
_HAMLET = re.compile(
    rf"(?:(?:(?<![抓记留稳忍挡站保拉盖卡粘吸夹堵困扶憋靠控止压按握捂不得封锁管])住在?(?!院)|家在|上门到|老家是?"
    rf"|厝在|屋在|搬到|嫁到|生在)(?P<n>[\u4e00-\u9fff]{{1,3}}[{_HAMLET_END}](?![边里上下面路市区县医])"
    rf"(?:[东西南北上下]头|[一二三四五六七八九十0-9]{{1,3}}[组队社户])?)(?=[,，。;；、)）\s的人]|照|送|接|$))"
)
_FACILITY = (
    "(?:厂|矿|林场|农场|牧场|茶场|园艺场|采石场|石场|工地|兵站|码头|渡口|公墓|墓园|陵园|寺|庙|观音?|经堂|教堂"
    "|清真寺|幼儿园|小学|中学|技校|学校|学院"
    "|菜场|菜市场|市场|夜市|商贸城|鞋城|服装城|商城|商场|花园|会所|公园|公交站|汽车站|火车站|车站|地铁站|收费站"
    "|服务区|加油站|食堂|渠|水库|电厂|仓库|冷库"
    "|宾馆|酒店|招待所|公寓|集|屯|村|寨|工棚|湾|桥|庄园|营地|检查站|边防站|养殖场|养鸡场|猪场|鱼塘|滑雪场)"
)
_SPOT = (
    r"(?:站牌|终点站|大门|后门|前门|正门|侧门|山门|门口|东头|西头|南头|北头|后院|后沟|隔壁|对门|对面|对过(?!敏)"
    r"|旁边?|保安亭|门卫|传达室|收发室|快递柜|自提柜"
    r"|工棚|看瓜棚|水房|铁皮房|板房|水果摊|豆腐摊|[菜肉鱼]摊|看船屋|修行屋|塔下|崖洞|流通处|女舍|男舍"
    r"|[四六八]人间|[一二三四五六七八九十0-9]{1,2}(?:楼|层|排|工段|号泊位|斗渠|支渠|号摊)"
    r"|负[一二]层|往[东西南北上下]数?第[一二三四五六七八九十0-9]{1,2}(?:个门|户|家|间)"
    r"|第[一二三四五六七八九十0-9]{1,2}(?:个门|户|家|间|块菜?地))"
)
_NAMED_SPOT = re.compile(
    rf"(?:(?<=[在到往寄送住撂放接去从把说转提点:：，,。；;、 ←\n])"
    rf"|^)(?P<n>(?:(?![在到往寄送住去从把的了是有我你他她这那个])[\u4e00-\u9fff]){{2,5}}?"
    rf"{_FACILITY}(?:(?![在到去了是有我你他她])[\u4e00-\u9fff]){{0,5}}?{_SPOT}(?:的?"
    rf"(?:[\u4e00-\u9fff]{{0,4}}?{_SPOT}|菜市场|[男女]舍|工棚|B?[0-9]{{2,4}}号?))*)"
)
_ANY_SPOT = re.compile(
    r"^(?:学校|公司|单位|小区|农贸|菜市|汽车|火车|公交|地铁|一个|一家|某|附近|他们|我们|你们|自己|家里|医院|这个"
    r"|那个|每个|上学|放学|门口|老家|楼下|本村|全村|"
    r"同村|邻村|外面|街上|路上|镇上|县城|城里|乡下|工厂|化工|食品|电子|服装|纺织|机械厂|大型|小型|人民|批发|社区)"
)
_REGIMENT = re.compile(
    r"(?P<n>(?:农"
    r"|兵团)[一二三四五六七八九十0-9]{1,2}师(?:[一二三四五六七八九十0-9]{1,4}团)?"
    r"(?:[一二三四五六七八九十0-9]{1,3}连)?)(?=[，,。、 的])"
)
_BLOCK = re.compile(
    r"(?<=[在到送住寄])(?P<n>(?:(?![在到送住寄去的了是有我你他她医院校群店])[\u4e00-\u9fff]){2,8}"
    r"(?:[一二三四五0-9]{1,2}期)?[0-9]{1,3}(?:号楼|栋|幢|#)"
    r"(?:[0-9一二三四]单元)?[0-9]{0,4}室?)"
)
_HONG_KONG = words("districts_abroad")
_IN_HONG_KONG = re.compile(
    rf"(?P<n>(?:(?:新界|九龙|香港|港岛|澳门"
    rf"|新加坡)[ ]?)?(?:{'|'.join(_HONG_KONG)})区?[ ]?(?:(?![个边有冇在去嗰啲嘅系喺间的睇])[\u4e00-\u9fff]){{1,6}}?"
    r"(?:道(?!长|歉|理|路)|[街路径邨苑台坊]|花园|广场|大厦|新村|围村|村|阁|湾畔))(?!医|中心|口|站|上的|市民|市场|政)"
)
_CALLE = re.compile(
    r"(?<![0-9A-Za-z])[0-9]{1,5}[ ](?:Calle|Avenida|Rue|Via|Rua|Jalan|Jl\.?)(?:[ ](?:de|la|du"
    r"|del))*(?:[ ][A-Z][a-z]+){1,3}(?:,?[ ](?:Apt|Flat|Unit|No)\.?[ ]?[0-9A-Z]+(?![a-z]))?"
)
_PLACES_AFTER = (
    r"(?:,[ ](?:[0-9]{4,6}[ ])?[A-Z][A-Za-zÀ-ÿ'’.]+(?:[ ][A-Z][A-Za-zÀ-ÿ'’.]+){0,3}(?:[ ][0-9]{4,6}(?![0-9]))?"
    r"|,[ ][0-9]{1,2}º?[ ]?[A-Z](?![a-z]))"
)
_STREET_FIRST = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:(?:No\.?|Lot|Lot No\.?)[ ]?)?[0-9]{1,5}[A-Z]?(?:[\-/][0-9]+)?,?[ ])?(?:Calle|C/"
    r"|Avenida|Av\.|Avda\.|Paseo|Plaza|Rue|Via|Rua"
    r"|Jalan|Jln\.?|Jl\.?|Lorong|Lor|Lrg|Persiaran|Lebuh|Taman|Kampung|Kg\.?)(?:[ ](?:de la|de|del|la|las|los|du"
    r"|des))?"
    rf"(?:[ ](?:[A-ZÀ-Þ][A-Za-zÀ-ÿ'’]*[0-9/]*"
    rf"|[0-9]{{1,4}}(?:/[0-9]{{1,4}}[A-Z]?)?)(?![A-Za-z])){{1,5}}{_PLACES_AFTER}{{0,5}}"
)
_AMERICAN = re.compile(
    r"(?<![0-9A-Za-z])[0-9]{1,5}[ ](?:[NSEW]\.?[ ])?[0-9]{1,3}(?:st|nd|rd|th)[ ](?:St|Street|Ave|Avenue|Rd|Pl"
    r"|Place|Dr)\.?(?![A-Za-z])"
    rf"(?:[ ](?:[NSEW]{{1,2}}(?![A-Za-z])))?(?:,?[ ](?:#|Apt\.?[ ]?|Unit[ ])[0-9A-Z]{{1,5}})?{_PLACES_AFTER}{{0,3}}"
)
_VILLAGE = re.compile(
    r"(?<![A-Za-z])(?!(?:The|A|My|Our|Global|Olympic|In|From"
    r"|Old)[ ])[A-Z][a-z'’]+(?:[ ][A-Z][a-z'’]+)?[ ](?:[Vv]illage|[Tt]ownship|[Tt]own|Kampung)"
    rf"(?:,?[ ](?:Group|group)[ ][0-9]{{1,2}})?{_PLACES_AFTER}{{1,4}}"
    rf"|(?:[Nn]ear[ ](?:[A-Z][A-Za-z]+[ ]?){{1,4}},[ ])?(?<![A-Za-z])(?:Sector|Phase|Plot|House No\.?|H\.No\.?"
    rf"|Door No\.?|Block)[ ][0-9A-Z\-/]{{1,6}}{_PLACES_AFTER}{{1,4}}"
    r"|(?<![A-Za-z])(?:Blk|Block)[ ][0-9]{1,4}[A-Z]?[ ](?:[A-Z][A-Za-z]+[ ]){1,4}(?:Lorong|Ave|Avenue|Street|St"
    r"|Road|Rd|Drive|Central|Crescent)[ ][0-9]{1,3}(?:[ ,]{1,2}#[0-9]{2}-[0-9]{2,4})?"
    r"|(?<![A-Za-z])Blk[ ][0-9]{1,4}[A-Z]?[ ](?:[A-Z][A-Za-z]*[ ]){1,4}"
    r"(?:[0-9]{1,3}[ ])?#[0-9]{2}-[0-9]{2,4}(?:[ ,]{1,2}(?:S|Singapore[ ]?)\(?[0-9]{6}\)?)?"
)
_STARTS_BADLY = re.compile(
    r"^(?:市|省|区|县|个|上|里|内|外|中|全|各|每|同|周边|当地|附近|老|一个|农|城|居|乡镇|村|镇|街道|社区|小区|路"
    r"|家)(?:[市区县乡镇村路街社里]|$)"
)


def found(text: str) -> Iterator[Span]:
    """Addresses in Chinese and in English."""
    yield from _english(text)
    known: dict[int, int] = {}
    end, last = 0, ("", -1)
    for match in _ANCHOR.finditer(text):
        is_again, last = match.start() == last[1] and match[0] == last[0], (match[0], match.end())
        if match.start() < end or is_again:
            continue
        start = _start(text, max(end, match.start() - 30), match.start())
        if start is None or match.start() - start < 1:
            continue
        stop = _stop(text, match.end(), known)
        place = text[start:stop].rstrip(" ,")
        if not _HOUSE.match(text, start + len(place)) and _is_address(place, text[max(0, start - 10) : start]):
            yield Span(start, start + len(place), "address")
            end = start + len(place)
    for pattern in (_REGIMENT, _BLOCK, _NAMED_SPOT, _HAMLET, _IN_HONG_KONG):
        for match in pattern.finditer(text):
            stop = _stop(text, match.end("n"), known)
            if not _HOUSE.match(text, stop) and match["n"] not in words("cities") and not _ANY_SPOT.match(match["n"]):
                yield Span(match.start("n"), stop, "address")
    yield from _buildings(text)


def _buildings(text: str) -> Iterator[Span]:
    """A building with a room, where nothing larger is told."""
    yield from (
        Span(match.start(), match.end(), "address")
        for match in _BUILDING.finditer(text)
        if _ROOM_CUE.search(text[max(0, match.start() - 10) : match.start()])
    )


def _start(text: str, least: int, anchor: int) -> int | None:
    """Where the place begins that the anchor ends: behind the last word that leads up to it."""
    run = _BEFORE_RUN.match(text, least, anchor)
    begin = run.end() if run else least
    lead = _LEADS.match(text, begin, anchor)
    start = lead.end() if lead else begin
    name = text[start:anchor]
    last = [end.end() for end in _REGION_END.finditer(name)]
    return start if len(name) - (last[-1] if last else 0) <= 9 else None


def _stop(text: str, at: int, known: dict[int, int]) -> int:
    """Where the smallest unit ends; `known` remembers where each piece of this text does."""
    first = at
    while at - first < 60:
        if at not in known:
            piece = _PIECE.match(text, at)
            known[at] = piece.end() if piece else at
        if known[at] == at:
            break
        at = known[at]
    end = _END.match(text, at)
    return end.end() if end else at


def _is_address(place: str, lead: str) -> bool:
    if (
        len(place) < 4
        or re.search(hospitals.KIND + "$", place)
        or _STARTS_BADLY.match(place)
        or _NO_PLACE.search(place)
    ):
        return False
    if re.match(r"[0-9]|[一二三四五六七八九十]+(?:[个条号栋楼幢座]|$)", place) and not _REGION_END.search(place):
        return False
    region = _REGION_END.search(place)
    if region and region.start() >= 2 and _ANCHOR.search(place, region.end()) and len(place) >= 6:
        return True
    if _NUMBERED.search(place) or _COMPOUND.search(place) or _AT_LANDMARK.search(place):
        return True
    if lead.endswith(("在", "叫")) and _NAMED_VILLAGE.fullmatch(place):
        return True
    return bool(_CUE.search(lead) and _FINE.search(place) and len(place) >= 5)


# in English and in pinyin

STREET = (
    r"(?:Street|St|Road|Rd|Lane|Ln|Avenue|Ave|Drive|Dr|Close|Court|Ct|Way|Place|Pl|Terrace|Crescent"
    r"|Boulevard|Blvd|Square|"
    r"Mews|Hill|Row|Gardens|Grove|Quay|Park|View|Walk|Rise|Yard)\.?"
)
_LATIN_STREET = (
    r"(?:Street|St|Road|Rd|Lane|Ln|Avenue|Ave|Drive|Close|Court|Ct|Way|Place|Terrace|Crescent|Cres|Boulevard|Blvd"
    r"|Square|Mews|Hill|Row|Gardens|Grove|Quay|Park|View|Walk|Rise|Yard"
    r"|Parade|Path|Circuit|Highway|Hwy|Parkway|Lu|Jie|Xiang|Nong|Hutong|Dadao|Dajie|Malu|Jalan|Lorong|Village"
    r"|New[ ]Village|Estate|Mansions?|Compound|Apartments|House|Cottage|Farm|Tsuen|Chuen|Uk|Wan)"
)
_DOOR = (
    r"(?:Flat|Apt\.?|Apartment|Unit|Room|Rm\.?|Suite|Block|Blk\.?|Tower|Building|Bldg\.?|House|Floor|Villa|Entrance"
    r"|Gate|No\.|flat|apt|unit|room|block|#)[ ]?(?:[0-9]+[A-Z]?(?:-[0-9]+)?|[A-Z](?![a-z]))"
    r"|[0-9]{1,2}(?:/F|st[ ][Ff]loor|nd[ ][Ff]loor|rd[ ][Ff]loor|th[ ][Ff]loor)"
)
_STREET_SEGMENT = (
    rf"(?:(?:No\.?[ ]?)?[0-9]{{1,5}}[A-Z]?(?:[/\-][0-9]+[A-Z]?)?,?[ ])?(?:Lane[ ][0-9]+,?[ ])?(?:[A-Z][A-Za-z'’]+[ ]"
    rf"){{1,4}}{_LATIN_STREET}\.?(?![A-Za-z])(?:[ ](?:North|South|East|West|[NSEW]\b|Central|[0-9]{{1,3}}(?![0-9])))?"
)
_SEGMENT = rf"(?:{_DOOR}|{_STREET_SEGMENT}|Lane[ ][0-9]+)"
_AREA_SEGMENT = (
    r"(?:[A-Z][a-z'’.][A-Za-z'’.]*(?:[ ][A-Z][a-z'’.][A-Za-z'’.]*){0,3}(?:[ ][A-Z]{2,3}[ ][0-9]{4,6})?"
    r"|[A-Z]{1,2}[0-9][0-9A-Z]?[ ][0-9][A-Z]{2}|[A-Z]{2}[ ][0-9]{5}|[0-9]{6})"
)
_POSTCODE = r"(?:,?[ ](?:[A-Z]{2,3}[ ][0-9]{4,5}|[A-Z]{1,2}[0-9][0-9A-Z]?[ ][0-9][A-Z]{2}|[0-9]{5,6}(?![0-9])))"
_LATIN = re.compile(
    rf"(?<![0-9A-Za-z])(?:{_SEGMENT}(?:,[ ]|[ ])){{0,4}}{_STREET_SEGMENT}(?:,?[ ]{_DOOR}|,[ ]{_STREET_SEGMENT})*(?:,["
    rf" ]{_AREA_SEGMENT}){{0,4}}{_POSTCODE}?(?:,[ ]{_DOOR})?"
)
_LIVES = re.compile(r"(?:\b[Aa]t|[Aa]ddress(?: is)?:?|\b[Ll]iv(?:es?|ed|ing)(?: in| on)?|[Mm]oved to) $")
"""Before a number that is a house's, though it could be a year."""
_PINYIN = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:No\.?[ ]?)?[0-9]{1,5}(?:[ ]?(?:hao|Hao))?,?[ ])(?:[A-Z][a-z]+[ ]){1,3}(?:Lu|Jie|Xiang"
    r"|Nong|Hutong|Dadao|Dajie)(?![a-z])|(?<![A-Za-z])[A-Z][a-z]+(?:lu|jie|xiang|hutong)[ ][0-9]{1,5}[ ]?(?:hao|Hao"
    r"|Nong|nong)(?![a-z])"
)
_PO_BOX = re.compile(r"(?<![A-Za-z])P\.?[ ]?O\.?[ ]Box[ ][0-9]+(?:,[ ][A-Z][A-Za-z]+){0,2}")


def _english(text: str) -> Iterator[Span]:
    if not re.search(r"[A-Z][a-z]+[ ,]", text):
        return
    for pattern in (_STREET_FIRST, _AMERICAN, _LATIN, _VILLAGE, _PINYIN, _PO_BOX, _CALLE):
        for match in pattern.finditer(text):
            is_year = re.match(r"(?:19|20)[0-9]{2} [A-Z]", match[0]) and not _LIVES.search(
                text, max(0, match.start() - 14), match.start()
            )
            is_numbered = re.search(r"[0-9]", match[0]) and not is_year
            is_house = re.match(r"(?:[A-Z][a-z']+ )+(?:Cottage|House|Farm|Mansions?), ", match[0])
            if pattern is _STREET_FIRST and not is_numbered:
                continue
            if pattern is not _LATIN or (
                (is_numbered or is_house) and not re.search(r"Hospital|Clinic|Surgery|Centre", match[0])
            ):
                yield Span(match.start(), match.end(), "address")
