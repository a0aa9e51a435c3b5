"""Calendar days in any spelling and calendar, and births to the month.

A day without its month (四号, 廿三) and numbers that may be something else (5.12, 20240512) count only beside what only
a day has: a time of day, a visit, a birth.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.spans import Span

_CN = "一二三四五六七八九十廿卅〇零"
_ERA = rf"(?:(?:中华)?民国[ ]?(?:[0-9]{{1,3}}|[{_CN}]{{1,4}}|元)|(?<![0-9])1[01][0-9](?=年))"
_YEAR = rf"(?:(?:19|20)[0-9]{{2}}|[{_CN}○]{{4}}|[0-9]{{2}}|{_ERA})"
_MONTH = r"(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九元])"
_DAY = (
    r"(?:3[01]|[12][0-9]|0?[1-9]|三十一?|卅一?|二?十[一二三四五六七八九]?|廿[一二三四五六七八九]?"
    r"|[一二三四五六七八九])"
)
_LUNAR_DAY = (
    r"(?:初[一二三四五六七八九十]|十[一二三四五六七八九]|廿[一二三四五六七八九]?|二十[一二三四五六七八九]?|三十"
    r"|卅|十五)"
    r"(?![一二三四五六七八九])"
)
_LUNAR_MONTH = r"(?:正月|腊月|冬月|冬至月|寒月|[一二三四五六七八九十]{1,2}月|(?<![0-9])(?:1[0-2]|[1-9])月)"
_MEASURES = (
    r"个十月日号次天周岁年趟剂针片粒盒斤万千百元块分点时度种样倍瓶包支颗服副付遍例人位多几余来餐顿届期组条张根只头"
    r"口家户集场%％\-"
)
_NOT_MEASURED = rf"(?![{_MEASURES}]|回(?![来家去到老门娘府诊院]))"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_CALENDAR = (
    rf"(?:(?:令和|平成|昭和)[0-9一二三四五六七八九十元]{{1,3}}年|[一二三四五六七八九〇零○]{{2,4}}年|(?:民国"
    rf"|民)?前[0-9一二三四五六七八九十]{{1,2}}年|[{_STEMS}][{_BRANCHES}]年|龙年|(?:岁次)?[{_STEMS}][{_BRANCHES}])"
    r"?(?:农历|阴历|旧历|藏历|傣历|彝历|回历|夏历|俄历|公历|阳历|新历)?"
)
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct"
    r"(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_NO_WORD = r"(?!(?-i:may|mar|dec|sep)(?![a-z.]))"
_S = r"[ ]{0,2}"
_2D = r"(?:3[01]|[12][0-9]|0?[1-9])"
_2M = r"(?:1[0-2]|0?[1-9])"
_NO_PLACE = r"线|楼|院|门|窗|诊|床|房|病|桌|车|店|馆|机|台|厅|座|栋|染|公路|路"


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


_WITH_MONTH = _compiled(
    # 2023年5月12日, 二〇二四年二月二十日, 5月12号, 六月十八
    rf"(?<![0-9])(?:{_YEAR}{_S}年{_S}(?:的)?)?(?:闰)?(?:{_MONTH}|[正腊冬]){_S}月(?:份|"
    rf"的)?{_S}(?:{_DAY}(?:[ ]?[\-~至到][ ]?{_DAY}(?=[日号]))?|初[一二三四五"
    rf"六七八九十]){_S}(?:[日号](?!{_NO_PLACE}))",
    rf"(?<![0-9]){_YEAR}{_S}年{_S}{_MONTH}{_S}月{_S}{_DAY}(?![0-9个月周天])",
    rf"(?<![0-9十])(?:{_MONTH}|[正腊冬])月(?:[12][0-9]|3[01]|0?[1-9])(?![0-9个月周天岁.次年+例人支]"
    rf"|[\-~][0-9]+[个月周天岁])",
    # the moon's calendar
    rf"(?:{_YEAR}{_S}年{_S})?{_CALENDAR}(?:闰)?{_LUNAR_MONTH}{_LUNAR_DAY}{_NOT_MEASURED}(?:日|号)?",
    rf"{_CALENDAR}(?:闰)?(?:[正腊冬二三四五六七八九]|十[一二])月(?<![一二三四五六七八九十]个月)[一二三四五六"
    rf"七八九](?![回{_MEASURES}一二三四五六七八九到至或、])",
)
_IN_FIGURES = _compiled(
    # 2023-05-12, 2023/5/12, 2023.5.12, 2023 05 12
    r"(?:(?<![0-9A-Za-z.\-/])|(?<=EDC|EDD|LMP|DOB|DOA|DOD|EXP))(?:19|20)[0-9]{2}[ ]?[\-/.,·][ ]?(?:1[0-2]"
    r"|0?[1-9])[ ]?[\-/.,·][ ]?(?:3[01]"
    r"|[12][0-9]|0?[1-9])(?![0-9A-SU-Za-z]|[\-/.][0-9])(?=T[0-9]|[^T]|$)",
    r"(?<![0-9A-Za-z.\-/])(?:19|20)[0-9]{2}[ ](?:1[0-2]|0[1-9])[ ](?:3[01]|[12][0-9]|0[1-9])(?![0-9A-Za-z]"
    r"|[\-/. ][0-9])",
    r"(?<![0-9A-Za-z.\-/])(?:19|20)[0-9]{2}年(?:1[0-2]|0?[1-9])[./\-](?:3[01]|[12][0-9]|0?[1-9])(?![0-9])",
    r"(?<![0-9])(?:[12][ ][0-9][ ][0-9][ ][0-9])[ ]?[.\-/年][ ]?(?:[01][ ])?[0-9][ ]?[.\-/月][ ]?"
    r"(?:[0-3][ ])?[0-9](?:[ ]?日)?(?![0-9])",
    # 03/14/2024, 14/3/24, 28.05.24, 24.3.12, 113/05/12
    r"(?<![0-9A-Za-z.\-/])(?:[0-3]?[0-9])[/\-.](?:[0-3]?[0-9])[/\-.](?:19|20)[0-9]{2}(?![0-9A-Za-z]|[\-/.][0-9])",
    rf"(?<![0-9A-Za-z.\-/:版本])(?:{_2D}[/.](?:1[0-2]|0[1-9])[/.][0-4][0-9]|[0-4][0-9][/.]{_2M}[/.]{_2D}|[012][0-9]-("
    rf"?:1[0-2]|0[1-9])-(?:3[01]|[12][0-9]|0[1-9])"
    rf"|{_2M}/{_2D}/[0-4][0-9]|1[01][0-9][/.\-](?:1[0-2]|0[1-9])[/.\-](?:3[01]|[12][0-9]|0[1-9]))(?![0-9A-Za-z%]"
    rf"|[\-/.][0-9]|[ ]?(?:mm|cm|mg|μg|岁|×))",
)
(_NEW_YEAR,) = _compiled(
    r"大年(?:初[一二三四五六七八九十]|三十)|(?:农历|阴历|旧历|年)初[二三四五六七八九十](?![中级])",
)
_IN_ENGLISH = _compiled(
    # 12 May 2023, May 12th, 12th of May, 12-May-23
    rf"(?<![0-9A-Za-z])(?:3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?(?:[ \-./]{{1,2}}|[ ]of[ ]"
    rf"|(?=[A-Z]{{3}})){_NO_WORD}{_MONTHS}(?![a-z])"
    r"(?:,?[ \-./']{1,2}(?:(?:19|20)[0-9]{2}|[0-4][0-9](?![0-9:])))?(?![0-9A-Za-z])",
    r"(?<![0-9A-Za-z])(?:3[01]|[12][0-9]|0?[1-9])(?:(?:st|nd|rd|th)(?: of)?[ ](?:may|mar|dec|sep)(?![a-z])"
    r"|[ \-](?:may|mar|dec|sep)[ ,\-]{1,2}(?:19|20)[0-9]{2})(?![0-9])",
    rf"(?<![A-Za-z]){_MONTHS}[ ](?:the[ ])?(?:3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?(?![0-9A-Za-z]|\.[0-9]|[ ]?"
    r"(?:mg|ml|years?|weeks?|days?|months?|patients|%|of[ ]))(?:,?[ ](?:(?:19|20)[0-9]{2}|'[0-9]{2}))?(?![0-9A-Za-z])",
)
_MALAY_AND_SPANISH = (
    r"(?:januari|februari|mac|april|mei|jun|julai|ogos|september|oktober|november|disember|agustus|desember|maret"
    r"|juni|juli"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|se[p]?tiembre|octubre|noviembre|diciembre)"
)
_FOREIGN = re.compile(
    rf"(?<![0-9A-Za-z.])(?:3[01]|[12][0-9]|0?[1-9])(?:hb)?[ ](?:de[ ])?{_MALAY_AND_SPANISH}(?![a-z])"
    r"(?:[ ](?:de[ ]|del[ ])?(?:19|20)[0-9]{2})?(?![0-9])",
    re.IGNORECASE,
)
_DOTTED = r"(?:[./\-·]|[ ]?[—][ ]?)"
_SHORT = re.compile(
    rf"(?<![0-9A-Za-z.\-/×%~+=<>])(?<![0-9]:)(?P<n>(?:1[0-2]|0?[1-9]){_DOTTED}(?:3[01]|[12][0-9]|0?[1-9]))(?:[日号])?"
    r"(?![0-9A-Za-z.%/×:\-℃°~+])(?![ ]?(?:cm|mm|mg|ml|kg|岁|周|天|次|个|小时|分|元|块|斤|倍|度|米|片|粒|支|月(?!经)"
    r"|年|mmol|U|毫|厘|级|摄|颗|袋|杯|滴|口|名|例|位|人|种|项|公))"
)
_DAY_WORD = (
    r"(?:日期|时间|出生|生日|生于|卒于|末次月经|LMP|EDD|预产期|截止|截至|最晚|最迟|[送采取][检样血材]日?"
    r"|(?<=[手接采住入出报取发])[术种血样院告材病]日期?|复[诊查]日?"
    r"|改期|改[到至在约]|延[到至]|推[到至]|提前到|定[在于]|约[在了的到]|约好|就诊|今[天日]是?|[昨明前后]天"
    r"|周[一二三四五六日天]|星期[一二三四五六日天]|礼拜[一二三四五六日天]"
    r"|上次|下次|日子|date|dated|DOB|born|采集|收样|来电登记|记录|交班|查房|登记)"
)
_SHORT_BEFORE = re.compile(
    rf"(?:于|在|从|自|到|至|的是|让我|定|前|后|入院|出院|手术|{_DAY_WORD}(?:是|为|写着?|[:：])?|(?<![A-Za-z])(?:on"
    rf"|since|by|from|until|till|dated|last [A-Za-z]{2, 6}))[:： (（]?$",
    re.IGNORECASE,
)
_SURE_BEFORE = re.compile(
    r"(?:日期|[日期]|就诊|首[针剂]|改|[来明今去]年|第[一二三123][针剂]|更新[至于]|末次|发病于?"
    r"|约[^，。；0-9]{0,3}(?:镜|查|诊|术|片|号|MR|CT|超)|月经|时间|生日|出生|生于|末次月经|LMP|预产期|截[止至]"
    r"|改[到至期]|定[在于]|约在|(?:假|班|期|休|停"
    r"|等|拖|延|推|排|住|约)[^，。0-9]{0,2}到|送检|采样|采血|取材|周[一二三四五六日天]|星期[一二三四五六日天]"
    r"|dated?)(?:是|为)?[:： (（]?$",
    re.IGNORECASE,
)
_TIME_OF_DAY = r"早|上午|下午|傍晚|晚|夜|半夜|凌晨|中午|清晨|清早|白班|大夜|小夜|午后|晨|am(?![a-z])|pm(?![a-z])"
_SHORT_AFTER = re.compile(
    rf"^(?:[ ]?[0-2]?[0-9]:[0-5][0-9]|还|交|截)|^[ ]?(?:[(（](?:周|星期|礼拜)|(?:周|星期|礼拜)[一二三四五六日天]|号"
    rf"|日|那天|那次|那晚|当天|当晚|{_TIME_OF_DAY}|做|住院?|入院|入住|出院|来|去|复|手术|急诊|门诊"
    r"|术[前后]|开[始的了刀]?|查|就诊|检查|化验|报告|的?(?:号|检查|化验|报告|CT|B超|片|门诊|手术|票)|生|起|之[前后]"
    r"|以[前后]|前(?!列)|后|拍|发病|发烧|发热|打|转|到|回|拆|确诊|接种|抽|送检|取|停|换|挂|摔|请假"
    r"|建|约|的(?:磁共振|核磁|彩超|胃镜|肠镜|B超)|初诊|补|交|办|结|开学|预产|凭|通知|照[了完过CXB]|拔|顺产|剖"
    r"|引产|分娩|化疗|放疗|输|寄|签|领|提交|当日|移植|取卵|末次|月经|来例假|例假|同房"
    r"|没来|[夜白早晚]班|过期|到期|休[诊息]|停诊|出差|上班|家访|随访|家庭病床)"
)
_LOOSELY_AFTER = re.compile(
    r"^(?:在(?!线|正常|范围)|没|由|因|给|请|测|试|于|上[午班]|下[午夜班]|最后|第[一二三]|突然|滑雪|骑车|爬山|跌"
    r"|跑步|喝|吃了|去了|开会|培训)"
)
_M_D = r"(?:1[0-2]|0?[1-9])[./](?:3[01]|[12][0-9]|0?[1-9])"
_SHORT_RANGE = re.compile(
    rf"(?<![0-9A-Za-z.\-/×%~+=<>])(?P<a>{_M_D})[ ]?[\-~—至到][ ]?(?P<b>{_M_D})(?![0-9A-Za-z./%])"
    r"(?=(?P<then>[)）]?[ ]?(?:共[0-9一二三四五六七八九十]+[天日]|[休停期住请陪]|居家|隔离|在家|春节|国庆|放假)?))"
)
_RANGE_BEFORE = re.compile(
    r"(?:住院|请假|休[假息]|病假|假期|陪护|护理|费|租|借|停诊|值班|出差|化疗|放疗|[公通]告|时间|日期"
    r"|期间)[^0-9，。]{0,3}$"
)
_SIGNED = re.compile(r"(?:签[字名收]?|记录|医[生师]|护士|经手人?|[一-鿿]{2,3})[，, ]{1,2}$")
_TWO_DAYS = re.compile(
    r"(?<![0-9一二三四五六七八九十廿第])(?P<a>(?:二?十[一二三四五六七八九]?|三十一?|[12][0-9]|3[01])[号])[、,，和跟及]"
    r"(?P<b>(?:二?十[一二三四五六七八九]?|三十一?|[12][0-9]|3[01])[号])(?=[，,。；;、两都各]|$)"
)
_CLOCK_AFTER = re.compile(r"[ ](?:at[ ]|~|@)?[0-9]{1,2}(?:[:.][0-9]{2})?[ ]?[ap]\.?m(?![a-z])", re.IGNORECASE)
_NUMERAL = (
    r"(?:3[01]|[12][0-9]|0?[1-9]|三十一?|二十[一二三四五六七八九]?|廿[一二三四五六七八九]?|十[一二三四五六七八九]?"
    r"|[一二三四五六七八九])"
)
_EITHER_DAY = re.compile(
    rf"(?<![0-9一二三四五六七八九十廿第])(?P<a>{_NUMERAL}[号日])(?:或者?|和"
    rf"|跟)(?P<b>{_NUMERAL}[号日])(?=都[行可能]|各|两[天日])"
)
_OF_A_DAY = re.compile(
    r"^(?![ ]?(?:级|周|个|次|分|例|期|人|%|cm|mm|肌|杂音|mg|ml|岁|月|天|视|阳|条|枚|像|HP|张|床|页|间|颗|只"
    r"|的?淋巴|的[占阳]))"
)
_D_M = r"(?:3[01]|[12][0-9]|0?[1-9])/(?:1[0-2]|0?[1-9])"
_DAY_FIRST_RANGE = re.compile(rf"(?<![0-9A-Za-z.\-/])(?P<a>{_D_M})[ ]?[\-~至到][ ]?(?P<b>{_D_M})(?![0-9A-Za-z/%.])")
_DAY_OVER_MONTH = re.compile(
    r"(?<![0-9A-Za-z.\-/])(?P<n>(?:1[3-9]|2[0-9]|3[01])/(?:1[0-2]|0?[1-9]))(?![0-9A-Za-z.%/×:\-])"
)
_LAB = re.compile(
    r"(?:[A-Za-z]|血糖|酸|酐|酶|值|[心脉尿]率|压|温|体重|身高|高|度|素|[蛋血]?白|[红板钾钠钙镁磷糖脂率数量]|指标|结果"
    r"|评分|大小|视力|[左右]眼?|约|为|=|>|<|≥|≤|≈)[:： ]?$"
)
_LAB_AFTER = re.compile(
    r"[ ]?(?:尿|血(?!压)|肝功|肾功|甲功|CT|MR|彩超|B超|胸片|心电|胃镜|肠镜|病理|Hb|WBC|PLT|CRP|HCG|hCG|AMH|AFP|CEA"
    r"|血常规)"
)
_DAY_FIRST = re.compile(r"(?<![0-9A-Za-z.\-/])(?:3[01]|[12][0-9]|0[1-9])/(?:1[0-2]|0[1-9])(?![0-9A-Za-z.%/×:\-])")
_DAY_BEFORE = re.compile(r"\b(?:mon|tues?|wed|thu|thurs?|fri|sat|sun|on|by|since|from)\.?,? ?$", re.IGNORECASE)
_IS_RANGE = re.compile(r"^[ ]?[到至][0-9]")
_CELL = re.compile(r"^(?=\t|\n|$)")
_BORN_MONTH = re.compile(
    r"(?:生于|出生于|出生日期|出生年月|出生|生日|DOB|born(?: in)?)(?:应为|是|为|写的?是?|登记为)?[:： ]{0,3}"
    rf"(?P<n>{_YEAR}[ ]?年[ ]?{_MONTH}[ ]?月|(?:19|20)[0-9]{{2}}[\-./](?:1[0-2]|0?[1-9])(?![0-9./\-])"
    rf"|{_MONTHS}[ ](?:19|20)[0-9]{{2}})|(?P<m>{_YEAR}年{_MONTH}月)(?:份)?(?:出?生|的人|(?=产|落地))",
    re.IGNORECASE,
)
_BORN_SHORT = re.compile(
    r"(?:生日|出生日期|出生年月日|出生|生于|民国|DOB)(?:是|为|民国)?[:： ]{0,2}(?P<n>[0-9]{2,3}[./\-](?:1[0-2]"
    r"|0?[1-9])[./\-]"
    r"(?:3[01]|[12][0-9]|0?[1-9]))(?![0-9.])"
)
_BIRTHDAY = re.compile(r"生日(?:是|为)?[:： ]{0,2}(?P<n>(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))(?![0-9])")
_IN_WORDS = re.compile(
    rf"(?P<n>[一二][一二三四五六七八九〇零○]{{3}}[、.·\-/]{_MONTH}[、.·\-/]{_DAY})(?![一二三四五六七八九十0-9])"
)
_YEAR_AND_MONTH_BORN = re.compile(
    r"(?<![0-9.])(?P<n>(?:19|20)[0-9]{2}[./\-](?:1[0-2]|0?[1-9]))(?=[ ]?(?:月|年)?(?:出?生(?![长物化活殖育])|落地))"
)
_MONTH_DAY = re.compile(
    r"(?<![0-9A-Za-z.\-/#+*])(?<![0-9]:)(?P<n>(?:(?:19|20)?[0-9]{2})?(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
    rf"(?=[ ][0-2][0-9]:[0-5][0-9]|[ ]?(?:{_TIME_OF_DAY}|顺产|剖|出生|生产|住院|入院|出院|手术|术后|补发|送检"
    rf"|采样|接种|复查|复诊"
    r"|转入|转出|换药|拔管|拆线|化疗|发病|死亡|去世|到院|夜班|白班|交班|值班|门诊|急诊|过期|到期|截止|停药|用药"
    r"|进厂|进[场站院组]|离[院职]|就[吐疼发出开]))"
)
_COMPACT = re.compile(
    r"(?<![0-9A-Za-z\-/.])(?P<n>(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))(?![0-9A-Za-z]"
    r"|[\-/.#][0-9A-Za-z])"
)
_SHORT_COMPACT = re.compile(
    r"(?<![0-9A-Za-z\-/.])(?P<n>[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))(?![0-9A-Za-z\-/.])"
)
_NAMED_NUMBER = re.compile(
    r"(?:号|码|单|编|批|批次|卡|NO|no|ID|id|账|[A-Za-z_#]|lot|元|价|¥|￥)[^0-9\u4e00-\u9fff]{0,3}$"
)
_COMPACT_AFTER = re.compile(
    r"^[^0-9\u4e00-\u9fff]{0,2}(?:生|过期|到期|失效|截止|签|补|扫|才|就|那|我|出生|入院|出院|就诊|手术|日|检查|来"
    r"|至|到|起|止|开|做|复查|拍|发病|术"
    r"|[，,。；;、)）/]|\n|$|[ ]|-(?:19|20))"
)

# days without a month

_BARE = re.compile(
    rf"(?<![0-9一二三四五六七八九十廿第点.:/\-×楼区栋座室幢路街巷弄床位组排窗#年道厂])(?P<n>{_NUMERAL}[号日])"
    rf"(?!{_NO_PLACE}|方|球|针|管|切|丸|电|胶|桶|位|码|段|仓|间|单元|口|药|汤|片|样|标|选手|家|库|井|泵|支|钢|导"
    rf"|手术[室间台刀]"
    rf"|病区|子|常|内|式|语|本|均|照|光|文|[甲乙丙]|试|楼|屏|牙|刀|血|饭|坑|公寓|地|技|师|柜|箱|瓶|粉|色|字|型|套|机"
    rf"|轮|产|患|病人|孕妇|选|方案|处方|诊|槽|孔|模)"
)
_BARE_LUNAR = re.compile(
    r"(?<![0-9一二三四五六七八九十月高年])(?P<n>初[四五六七八九十](?:[日号])?|廿[一二三四五六七八九](?:[日号])?"
    r"|初[一二三](?=[日号早晚上那去来复就做]|下午))(?![个天周月岁年级班中学度斤块元])"
)
_BARE_BEFORE = re.compile(
    r"(?:[这上下本当次同]个?月(?:的|份)?|生理期|月经|例假|姨妈|费改|月底|[今昨明后前][天日晚](?:是)?"
    r"|周[一二三四五六日天]|星期[一二三四五六日天]"
    r"|礼拜[一二三四五六日天]|约[在到了的好]?|[改定等延推拖][到至在期]"
    r"|(?<!每月)(?<![0-9一二三四五六七八九])[从到于自至]|最[晚迟早]|截[止至]|生于|预产期(?:是|在)?|日期是?:?|农历"
    r"|阴历|[0-9日号][\-~至到])[ ]?$"
)
_BARE_AFTER = re.compile(
    rf"^(?:[ ]?(?:{_TIME_OF_DAY})|那天|那晚|当[天晚]|之[前后]|以[前后]|[前后](?=[，。,\s来去做到就])|[入出住转进]院"
    rf"|手术|复[查诊]|拆线|做的?|[去来到](?!号)|又|才|就[诊要去来能]?|开始|生[的日]?|发[烧病热现]"
    rf"|[疼痛抽拍查检停摔挂换抽]|报(?!告)|术[前后中]"
    r"|[(（](?:周|星期|礼拜)|(?:周|星期|礼拜)[一二三四五六日天]|[-~至到][0-9一二三四五六七八九十廿]{1,3}[号日]"
    r"|的(?:加?号|检查|手术|报告|票|飞机|火车|复查|门诊|化验))"
)
_ENGLISH_BARE = re.compile(
    r"(?<![A-Za-z])(?:on|since|until|till|by|from|before|after|for|to) the (?P<n>(?:3[01]|[12]?[0-9])(?:st|nd|rd"
    r"|th))(?![a-z0-9])"
    r"(?![ ](?:century|percentile|week|day|month|year|floor|grade|rib|edition|dose|cycle|avenue|street|trimester|time"
    r"|of[ ]|degree|cervical|thoracic|lumbar"
    r"|generation|grade|line|finger|toe|decade|round|stage|place|chromosome|nerve|cranial|ventricle|metatarsal"
    r"|metacarpal|postoperative|gestational|hour|minute|visit|revision|hospital|set|most|person|or|and|to"
    r"|intercostal))",
    re.IGNORECASE,
)


_ENGLISH_MONTH = re.compile(r"(?<![a-z])(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_FOREIGN_MONTH = re.compile(
    r"[0-9](?:hb)? (?:de )?(?:januari|februari|mac|april|mei|jun|julai|ogos|sept|okto|nov|dis|ag|de[sc]|mar|ene"
    r"|febr|abr|may|jul|oct"
    r"|no|di)",
    re.IGNORECASE,
)


def found(readings: list[str]) -> Iterator[Span]:
    """The days in the readings of one text, whole dates first."""
    for plain in readings:
        for pattern in _patterns(plain):
            for match in pattern.finditer(plain):
                if not _is_version(plain, match):
                    yield Span(match.start(), match.end(), "date")
        for match in _BORN_MONTH.finditer(plain):
            group = "n" if match["n"] else "m"
            yield Span(match.start(group), match.end(group), "date")
    plain = readings[0]
    if re.search(r"[0-9]", plain):
        yield from (Span(m.start(), m.end(), "date") for m in _SHORT.finditer(plain) if _is_day(m, plain))
        yield from _day_first(plain)
        yield from _short_ranges(plain)
        yield from _compact(plain)
    yield from _bare(plain)


def _patterns(plain: str) -> Iterator[re.Pattern[str]]:
    """Those patterns that the text may hold, by a sign that each of them needs."""
    if "月" in plain:
        yield from _WITH_MONTH
    if re.search(r"[0-9][\-/., ·年][ ]?[0-9]", plain):
        yield from _IN_FIGURES
    if "初" in plain or "大年" in plain:
        yield _NEW_YEAR
    if _FOREIGN_MONTH.search(plain):
        yield _FOREIGN
    if _ENGLISH_MONTH.search(plain):
        yield from _IN_ENGLISH


def _day_first(plain: str) -> Iterator[Span]:
    for match in _DAY_FIRST.finditer(plain):
        before = plain[max(0, match.start() - 6) : match.start()]
        if re.search(r"(?:exp(?:iry)?|有效期)[.: ]{0,2}$", before, re.IGNORECASE):
            continue
        if re.match(r"相合|分|match", plain[match.end() : match.end() + 5]):
            continue
        if _DAY_BEFORE.search(before) or not re.search(r"[0-9a-z] ?$|压|BP|力|VA|眼|评|分", before[-3:]):
            yield Span(match.start(), match.end(), "date")


def _short_ranges(plain: str) -> Iterator[Span]:
    """8.12-8.17 with what lasts some days, 2/8到2/14; and 28/2 beside what only a day has."""
    for match in _SHORT_RANGE.finditer(plain):
        before = plain[max(0, match.start() - 10) : match.start()]
        if "." in match["a"] + match["b"] and not re.fullmatch(r"[0-9]+[./][0-9]{2}", match["a"]):
            continue
        if match["then"].strip(")） ") or _RANGE_BEFORE.search(before):
            yield Span(match.start("a"), match.end("a"), "date")
            yield Span(match.start("b"), match.end("b"), "date")
    for match in _DAY_FIRST_RANGE.finditer(plain):
        if max(int(match["a"].split("/")[0]), int(match["b"].split("/")[0])) > 12:
            yield Span(match.start("a"), match.end("a"), "date")
            yield Span(match.start("b"), match.end("b"), "date")
    for match in _DAY_OVER_MONTH.finditer(plain):
        before, after = plain[max(0, match.start() - 10) : match.start()], plain[match.end() : match.end() + 12]
        if _CLOCK_AFTER.match(after) or (_SHORT_AFTER.match(after) and not _LAB.search(before)):
            yield Span(match.start(), match.end(), "date")


def _is_plain_day(number: str, first: str, second: str, before: str, after: str) -> bool:
    """True for what hardly is anything else: 08.17, 8/21, a day at the head of a line or with whoever signed."""
    if (
        _LAB.search(before)
        or re.search(r"(?:版本?|系统|v|V|第|评分|得分|力|淋巴结|阳性|核|清扫)[^，。]{0,3}$", before)
        or not _OF_A_DAY.match(after)
    ):
        return bool("/" in number and _CLOCK_AFTER.match(after))
    if "." in number:
        is_headed = (
            int(second) >= 10 and re.search(r"(?:^|\n)$", before) and re.match(r"[ \t][\u4e00-\u9fff]{2}", after)
        )
        is_padded = first[0] == "0" and len(second) == 2 and re.match(r"[ \u4e00-\u9fff，,。]|$", after)
        return bool(is_headed or is_padded or (len(second) == 2 and not after and _SIGNED.search(before)))
    is_clear = int(second) >= 13 and re.search(r"(?:^|[^0-9A-Za-z])$", before)
    return bool("/" in number and is_clear and re.match(r"[ ]?[|，,。；;、)）\u4e00-\u9fff\n]|$", after))


def _is_version(plain: str, match: re.Match[str]) -> bool:
    """True for what stands behind a word for a version, a parcel's code or an address."""
    if match[0][:1] not in "0123456789" or "年" in match[0] or "月" in match[0]:
        return False
    lead = plain[max(0, match.start() - 8) : match.start()]
    return bool(re.search(r"(?:版本|版|取件码|IP|货号|单号|v|V|[栋幢楼]|条码|评分)[^,，。;；\n]{0,3}$", lead))


def _compact(plain: str) -> Iterator[Span]:
    for match in _COMPACT.finditer(plain):
        lead, after = plain[max(0, match.start() - 8) : match.start()], plain[match.end() : match.end() + 12]
        if not _NAMED_NUMBER.search(lead) and (_SHORT_BEFORE.search(lead) or _COMPACT_AFTER.match(after)):
            yield Span(match.start(), match.end(), "date")
    for pattern in (_BORN_SHORT, _BIRTHDAY, _IN_WORDS, _YEAR_AND_MONTH_BORN):
        yield from (Span(match.start("n"), match.end("n"), "date") for match in pattern.finditer(plain))
    for match in _MONTH_DAY.finditer(plain):
        if not _NAMED_NUMBER.search(plain[max(0, match.start() - 8) : match.start()]):
            yield Span(match.start(), match.end(), "date")
    for match in _SHORT_COMPACT.finditer(plain):
        if re.search(r"(?:日期?|生日|出生|date|DOB)[:： ]{0,2}$", plain[max(0, match.start() - 8) : match.start()]):
            yield Span(match.start(), match.end(), "date")


def _bare(plain: str) -> Iterator[Span]:
    for match in _BARE.finditer(plain):
        lead, after = plain[max(0, match.start() - 8) : match.start()], plain[match.end() : match.end() + 10]
        is_day = match["n"][-1] == "号"
        behind = _BARE_AFTER.match(after)
        in_front = _BARE_BEFORE.search(lead)
        if re.search(r"[0-9一二三四五六七八九十正腊冬]月$|[0-9]-$", lead) and not re.search(r"[号日]-$", lead):
            continue
        is_duration = re.search(r"(?:每月?|连[服用]|[尾编])$", lead) or (
            not is_day and re.search(r"(?:次|服|共|约|用|住院?|第|满|过)$", lead)
        )
        if (in_front or (behind and (is_day or len(behind[0]) >= 2))) and not is_duration:
            yield Span(match.start(), match.end(), "date")
    for match in [*_TWO_DAYS.finditer(plain), *_EITHER_DAY.finditer(plain)]:
        yield Span(match.start("a"), match.end("a"), "date")
        yield Span(match.start("b"), match.end("b"), "date")
    for match in _BARE_LUNAR.finditer(plain):
        yield Span(match.start(), match.end(), "date")
    for match in _ENGLISH_BARE.finditer(plain):
        yield Span(match.start("n"), match.end("n"), "date")


def _is_day(match: re.Match[str], plain: str) -> bool:
    """True for 5.12 beside what only a day has; with a point, as in a decimal, that must stand behind or be a"
    " birth."""
    before, after = plain[max(0, match.start() - 10) : match.start()], plain[match.end() : match.end() + 12]
    if before.endswith("\t") and _CELL.match(after):
        return "." not in match["n"]
    first, second = re.split(_DOTTED, match["n"])[:2]
    if "-" in match["n"] and match[0][-1] == "日" and not _SURE_BEFORE.search(before):
        return False
    follows = bool(_SHORT_AFTER.match(after) or (len(second) == 2 and _LOOSELY_AFTER.match(after)))
    if re.search(r"[小大低高多少等]于 ?$|版本?号?[为是:： ]{0,2}$", before):
        return False
    if _is_plain_day(match["n"], first, second, before, after):
        return True
    follows = follows or (
        match[0][-1] in "日号" and "-" not in match["n"] and ("." not in match["n"] or len(second) == 2)
    )
    follows = follows or (
        len(second) == 2 and bool(re.search(r"(?:^|[，。,;；\n])$", before) and _LAB_AFTER.match(after))
    )
    if "." in match["n"]:
        is_range = _IS_RANGE.match(after) or re.search(r"[0-9][到至] ?$", before)
        if is_range or (_LAB.search(before) and not _SURE_BEFORE.search(before)):
            return False
        return bool(_SURE_BEFORE.search(before) or follows)
    is_padded = len(first) == len(second) == 2 and first[0] == "0" and match["n"][2] in "-/"
    return bool(
        follows or _SHORT_BEFORE.search(before) or (is_padded and re.search(r"(?:^|[\s，。,;；、(（])$", before))
    )
