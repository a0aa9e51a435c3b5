"""Ages of 90 and more, in figures and in words; a pulse, a weight, a dose or a score of 90 is none.

Source of the limit: 45 CFR 164.514(b)(2)(i)(C), under which a year may stay and ages over 89 may not.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.spans import Span

_N = r"(?:9[0-9]|1[0-2][0-9])"
_ONES = "一二三四五六七八九"
_CN = (
    rf"(?:[九玖]十(?:[有又零]?[{_ONES}]{{0,2}})|[一壹]百(?:零|〇|有|晋"
    rf"|又)?[{_ONES}]?(?![多二三四五六七八九十]?[十百千万])"
    rf"|百零[{_ONES}])"
)
_SPOKEN_ONES = "one|two|three|four|five|six|seven|eight|nine"
_ENGLISH = (
    rf"(?:ninety(?:[ \-]?(?:{_SPOKEN_ONES}))?|(?:a|one)[ \-]hundred(?:[ \-](?:and[ \-])?(?:{_SPOKEN_ONES}|ten))?)"
)
_KIN = (
    r"(?:爷爷?|奶奶?|妈妈?|爸爸?|爹|娘|姥姥|姥爷|姥娘|外公|外婆|阿公|阿婆|阿嬷|阿嫲|阿爷|嫲嫲|太公|太婆|太爷|太奶"
    r"|太姥姥|婆婆|公公|老公公|岳父|岳母|丈人|丈母娘|父亲|母亲|祖父|祖母"
    r"|外祖母|外祖父|叔公|舅公|舅奶|姑婆|姑奶|姨婆|伯父|伯母|老人家?|老太太?|老爷子|老头子?|老奶奶|老爷爷|老伯|阿伯"
    r"|老婆婆|高龄|寿星|长者|长辈|住户|患者|病人|死者|逝者)"
)
_PERSON = (
    r"(?:[爷奶公婆爹娘妈爸母父嬷嫲祖翁媪嫂叔伯舅姑姨]|老人|老太|老汉|老头|老爷子|患者|病人|病员|死者|逝者|亡者"
    r"|住户|保户|长者|院友"
    r"|老师|教授|离休|居士|法师|老先生|老兵|老战友|老干部|退伍军人)"
)
_AFTER = (
    r"(?:多|几|来|余)?(?=了|咧|呐|喏|矣|嘅|㗎|咗|哒|撒|啦|咯|嘞|喽|整|哩|喇|囉|啰|哉|哟|哇|呀|的人|高龄"
    r"|[，。,.;；！!？?、)）\s]|$|还|才|都|一个人|独居|多|仍|出头|挂零|开外)"
)
_NOT_UNIT = (
    r"(?![0-9.]|[ ]?(?:%|％|次|mg|/|ml|μ|斤|公斤|kg|块|元|天|分|个|cm|mm|平|米|度|步|号|页|例|万|千|百|年代|后|℃"
    r"|-[0-9]|～|~|点|bpm|秒|种|份|克|床))"
)
_AGES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![0-9.~\-～])(?:9[0-9]|1[0-3][0-9])[ ]?(?:多|几|来|余)?[ ]?(?:周?[岁歲]半?|虚岁|高龄|高寿"
        r"|足岁)(?:[零又]?[0-9一二三四五六七八九十]{1,2}个月)?",
        rf"{_CN}(?:多|几|来|余)?(?:周?[岁歲]半?|虚岁|足岁|高龄|高寿)(?:[零又]?[0-9一二三四五六七八九十]{{1,2}}个月)?",
        r"(?<![0-9.])(?:9[0-9]|1[0-3][0-9])[\- ]?(?:years?|yrs?|yr)[\- ]?(?:old|of age|young)(?![a-z])",
        r"(?<![0-9.])(?:9[0-9]|1[0-3][0-9])[ ]?(?:yo|y/o|y\.o\.?|yrs?|years|Y)(?![a-z0-9]|[ ]of[ ](?!age)|[ ](?:ago"
        r"|later|after|before|from|and))",
        rf"{_ENGLISH}[ \-](?:years?|yrs?)(?:[ \-](?:old|of age|young))?(?![a-z])(?![ ](?:ago|later))",
        r"(?<![0-9.A-Za-z])9[0-9][ ]?(?:[FMfm](?![A-Za-z0-9])|/[FM](?![A-Za-z0-9])|[ ](?:fe)?male(?![a-z]))",
        r"(?<![0-9九一二三四五六七八])(?:9|九|玖)旬(?:[又有零][一二三四五六七八九])?|(?<=[约近快满过])百岁"
        r"|(?<![长命到])百岁(?=老|寿|高龄|的?(?:奶|爷|外|太|母|父|婆|公)|了|啦|整)|期颐之年|鲐背之年|上寿之年",
        rf"(?<=[男女])[ ,，、/:;]{{1,2}}(?P<n>9[0-9])(?=[ ]?[,，、/;。\s]|$){_NOT_UNIT}",
        r"(?<![0-9A-Za-z.])(?P<n>9[0-9])(?=[,，、/ ][男女](?![\u4e00-\u9fff]{0,1}医))",
        rf"(?<![0-9.])9[0-9](?=[哉咧嘞咯喽]|的(?:老人|老太|老头|老爷|老奶|人了|爷爷|奶奶))|{_CN}(?=的(?:老人|老太"
        rf"|老头|老爷|老奶|人了)|[咧嘞咯喽哉])",
        rf"(?<=[我她他您恁俺佢])(?P<n>9[0-9]|{_CN})(?=了|啦|咯|咧|喽|嘞|哉)",
        rf"{_KIN}(?:家|她|他|也|都|今年|已经?|快要?|就|虚岁?|过年|刚|足足?|实足|有|是|满|刚过|刚满|年纪|整整"
        rf"|[，,:：(（ ]){{0,4}}(?P<n>(?<![0-9.])9[0-9]|{_CN}){_NOT_UNIT}{_AFTER}",
        rf"(?:今年|明年|虚岁?|实岁|足岁|年届|年近|行年|虚龄|高龄|已经|快|都|满|过了)(?:有|是|已|快|都|虚|满"
        rf"|整)?[ :]?(?P<n>(?<![0-9.])9[0-9]|{_CN}){_NOT_UNIT}"
        rf"(?=了|啦|咯|嘞|喽|哩|喇|囉|啰|哉|哟|哇|呀|的人|高龄|出头|挂零|开外|整"
        rf"|[，。,;；！!？?)）](?!.{{0,6}}(?:次|分"
        rf"|斤)))",
        rf"(?:享年|终年|享寿|享嵩寿|阳寿|高寿|寿|年龄|年纪|年岁|龄|岁数|贵庚|(?<![a-z])aged?|(?:turn(?:s|ed|ing)?)"
        rf"|age of|now)[ :是为了有已满整一栏写|(（]{{0,4}}"
        rf"(?P<n>(?:9[0-9]|1[0-3][0-9]){_NOT_UNIT}|{_CN}(?!个)|{_ENGLISH})(?:周?岁|歲)?",
        rf"(?<![A-Za-z])(?:he|she|dad|mum|mom|gran|grandma|grandpa|granny|nana|mother|father|grandmother|grandfather"
        rf"|who)(?:'s|’s| is| was| just turned| turned)?[ ]"
        rf"(?:now |nearly |almost |already |going on )?(?P<n>9[0-9](?![0-9.%]|[ ]?(?:kg|lb|mg|/|bpm|%|cm|percent|days"
        rf"|minutes|pounds|over|mm))|{_ENGLISH})(?=[,.;!?\s)]|$)",
        rf"(?<![A-Za-z])(?P<n>{_ENGLISH})(?=,? (?:if a day|next (?:month|week|year|birthday)|last (?:month|week|year)"
        rf"|and (?:still|sharp|frail|lives)))",
        # 男/92, F/92, 93 tahun, 九十整, 九十六喇, the man of ninety-two
        r"(?<![0-9A-Za-z])[FM男女][ ]?[/|][ ]?(?P<n>9[0-9]|1[01][0-9])(?![0-9.%A-Za-z/]|[ ]?(?:mm|kg|cm))",
        r"(?<![0-9.])(?:9[0-9]|1[0-3][0-9])[ ]?(?:tahun|thn|años|anos|ans|taon)(?![a-z])",
        rf"(?<![{_ONES}十百千万])(?P<n>{_CN})(?=了?(?:喇|囉|啰|嘅|咧|嘞|咯|喽|哉|喔|囖)|了(?:[，。,.;；！!]|还|仍"
        rf"|都|才|身|眼"
        rf"|耳|人|走|也|就是)|有余|寿辰|大寿|大壽|寿宴|生日|的高龄|的人)",
        rf"(?<![{_ONES}十百千万零])(?:[九玖]十[有又零]?[{_ONES}]?"
        rf"|[一壹]百[零〇有]?[{_ONES}]?)(?:周岁)?整(?=[，。,.;；、)）\s]|$"
        rf"|去|走|了|生日|大寿)",
        rf"{_PERSON}[\u4e00-\u9fff]{{0,4}}(?:[(（][\u4e00-\u9fff]{{1,4}}[，,、])?[，,、(（ ](?:今年|虚岁|现年|年"
        rf"|都|已经?)?"
        rf"(?P<n>(?<![0-9.])9[0-9]|{_CN}){_NOT_UNIT}(?=了|整|[，,。、;；)）]|$)",
        rf"(?<=[，,、(（])(?P<n>[九玖]十有?[{_ONES}])(?=[，,。、;；)）]|$)",
        r"(?<![0-9])9[ ][0-9](?=的人|岁|了)|九[ ]十(?:[ ][一二三四五六七八九])?(?=了|岁|的人)",
        r"(?<=[,，])(?P<n>9[0-9])(?=[,，](?:五保|低保|独居|孤|男|女|离休|住|丧偶|卧床))",
        r"(?:^|(?<=[,，。;；\n我]))(?P<n>9[0-9])(?=的(?![血心体得分收舒脉高低空餐氧指饱浓压率水值比占人]))",
        rf"九十有[{_ONES}]",
        rf"(?:算|虚|逢|自称|实为)(?P<n>(?<![0-9.])9[0-9]|{_CN}){_NOT_UNIT}(?=[，,。、;；)）]|了|$)",
        r"(?:年[龄齡纪紀]|岁数|age)[ ]?[=:：|][ ]?(?P<n>9[0-9]|1[01][0-9])(?![0-9.])",
        r"(?<![A-Za-z])(?:he|she)(?:['’]?s)[ ](?:now[ ])?(?P<n>9[0-9]|1[01][0-9])(?=[,.;!?)]|$|[ ](?:and|now"
        r"|with|but|so))",
        rf"(?<![A-Za-z])(?:uncle|aunt|auntie|aunty|father|mother|dad|mum|mom|gran|grandma|grandpa|granny|grandmother"
        rf"|grandfather|patient|pt|lady|gentleman|widow|widower|neighbou?r|wife|husband|father-in-law|mother-in-law)"
        rf"(?-i:(?:[ ][A-Z][a-z]+){{0,2}}),?[ ](?:is[ ]|was[ ]|now[ ]|turned[ ]|turns[ ]|aged?[ ])?(?:now[ ]"
        rf"|already[ ])?"
        rf"(?P<n>9[0-9]|1[01][0-9]|{_ENGLISH})(?=[,.;!?)]|$|[ ](?:and|now|with|but|so)[ ])",
        rf"(?-i:(?<![A-Za-z])[A-Z][a-z]+[ ](?:[A-Z][a-z]+[ ]){{1,2}})(?:is|turned|turns|was)[ ](?:now[ ]"
        rf"|already[ ])?(?P<n>9[0-9]|1[01][0-9]|{_ENGLISH})"
        rf"(?=[,.;!?)]|$|[ ](?:and|now|with|but|so)[ ])",
        rf"(?<=[,(])[ ]?(?P<n>{_ENGLISH})(?=[,.;)])",
        r"(?<![A-Za-z])(?:lived|lives|live|survived)[ ]to[ ](?:be[ ])?(?P<n>9[0-9]|1[01][0-9])(?![0-9.%])",
        rf"(?<![A-Za-z])(?:lived|lives|live)[ ]to[ ](?:be[ ])?(?P<n>{_ENGLISH})",
    )
)
_MEASURED = re.compile(
    r"[0-9][\-~至到]$|(?:血压|心率|脉搏|体重|得分|评分|血氧|饱和度|高压|低压|收缩压|舒张压|脉率|活到|长命|[Pp]O2"
    r"|HR|BP|体温)"
    r"[^，,。;；\n0-9]{0,3}[，, :：]?$"
)
_NINETY = re.compile(r"9[0-9]|1[0-3][0-9]|[九玖]|百|期颐|鲐背|上寿|ninet|hundred", re.IGNORECASE)
_ASKED = re.compile(
    rf"(?:多大|几岁|高寿|岁数|年龄|how old|age)[^\n。]{{0,12}}[?？][\s\"”」]*\n?(?:[^\n:：]{{0,4}}[:：]"
    rf"|[-—]{{1,2}})?[\s\"“「]*(?:(?:he|she)(?:'s| is) |快|今年|都|已经)?(?P<n>9[0-9]|{_CN}|{_ENGLISH}){_NOT_UNIT}",
    re.IGNORECASE,
)


def found(plain: str) -> Iterator[Span]:
    """The ages in a text, with their unit where one is written."""
    if not _NINETY.search(plain):
        return
    for pattern in _AGES:
        for match in pattern.finditer(plain):
            start = match.start("n") if "n" in pattern.groupindex else match.start()
            if not re.search(
                r"(?:[0-9][\-~]|血压|心率|脉搏|体重|得分|评分|血氧|活到|长命)$", plain[max(0, start - 4) : start]
            ):
                yield Span(start, match.end(), "age")
    for match in _ASKED.finditer(plain):
        yield Span(match.start("n"), match.end("n"), "age")
