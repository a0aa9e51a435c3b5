"""By which words an answer in free text chooses, rejects or leaves open an option: the patterns of `answers`, as data.

They are matched on text in half-width signs and simplified characters; Latin letters keep their case. What stands left
of a mention is matched at its end, what stands right of it at its beginning, each within WINDOW characters.
"""

import re

WINDOW = 40


def _pattern(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


def _ending(words: str, glue: str) -> re.Pattern[str]:
    """A pattern of words that stand right before a mention, but for what glues them to it."""
    return re.compile(rf"(?:{words})(?:{glue})*$", re.IGNORECASE)


_GLUE = (
    r"是|为|应|该|当|就|选|项|择|的|了|填|个|它|还|仍|然|即|也|便|才|最|有|只|能|会|我|认|给|统|一|那|这|"
    r"案|写|作|定|出|到|回|在|[：:\s(（\[【】\]\"“'「《=→>]|-+>|—+|…+|\b(?:only|is|are|be|should|would|the|option|letter|"
    r"choice|answer|most|likely|to|as|probably|must|clearly)\b"
)

FORMAL = _ending(
    r"(?<!标准)答案|正解|结论|故|选(?!项)|选择|因此|所以|综上(?:所述)?[，,]?|最终|最后(?:选|答)|改[成为选]|更正|换成|"
    r"final|\banswers?|\bans\b|hence,?|therefore,?|\bthus,?|\bso,?|\bconclusion",
    _GLUE,
)
"""Formulas that an answer closes with."""

PLAIN = _ending(
    r"回答|答|填|应[为是当该行做予]?|宜|就是|只有|仅有?|只剩|剩下|余下|唯有?|首选|对应|得出|归[为入]|属于?|倾向于?|偏向|"
    r"是|(?<!分)为|即|考虑|诊断|判断|提示|指向|辨为|谓之|位[在于]|部位[在是]|在于|说明|(?<![服作])用|→|=>|->|=|⇒|符合的?|更像|支持|投|推荐|锁定|给予|使用|选用|应用|(?<![至关对由])于|一?共有?|由|还是|"
    r"\boptions?|\bchoose|\bchoices?|\bselect|\bpick|\bis|\bare|\bi\.?e\.?,?|"
    r"\bleaves|\bgo(?:ing)? with|\bwould be|\bit'?s",
    _GLUE,
)
"""Words that choose what follows them; the copula among them, so that it is weaker than the formulas."""

ASKED_FOR = re.compile(r"的(?:一?项|选项|说法|描述|叙述|答案)?(?:应?该?就?[是为]|有|[：:])\s*$")
"""不正确的是D, 不属于四诊的：E: the question asks for what does not fit, and this is it."""

NOT_CHOSEN = _ending(
    r"(?<!无)(?<!莫)(?<!岂)(?<!难道)(?:不|并非|而非|非|没)(?:能|该|应|当|会|可|要|宜|再|得|是|选|考虑|属于?|为|用|建议|敢|包[括含]|算|推荐|一定|单独|直接)*|"
    r"排除(?:了|掉)?|除外|除了|去掉|划掉|删去|剔除|否定|否决|放弃|误选|错选|误[为认]|别选|勿选|"
    r"\bnot|n't|rules? out|ruled out|exclud(?:e|es|ed|ing)|eliminat(?:e|es|ed|ing)|rather than|instead of|neither|nor",
    r"是|选|项|择|的|[：:\s(（\[【\"“'「]|\b(?:be|the|option|answer|choice)\b",
)
_VERDICT_GLUE = (
    r"^(?:[(（)）\]】\"”'」》.．、:：\s]|选?项|[两二三四五]者|[两二三四五]项|这[一个]?(?:选?项|个)|"
    r"答案|的?(?:说法|描述|叙述))*"
    r"(?:都|均|全|也|才|最|就|是|为|则|显然|肯定|确实|完全|皆|更加?|比?较|相对|is|are|the|both|best|most|seems?|likely|\s)*"
)
RIGHT = re.compile(
    _VERDICT_GLUE
    + r"(?:正确|对(?=$|[A-H]|[，。；、！,;.!)）\s]|的)|(?<!不)符合|合适|适合|合理|恰当|稳妥|贴切|靠谱|刚刚?好|"
    r"[✓√✅☑←]|最佳|的?可能性[最更较很]?大|(?<=[都均]是)(?=$|[，。；,;])|(?<![是为])最(?:常|多|易|敏感|主要|重要|可能|早|快|有效)|首选|当选|应选|入选|没(?:问题|错|跑|毛病)|唯一|(?:即|就)(?:可以?|行)|答案|无疑|准(?=$|[，。；、！,;.!])|"
    r"比[^，。；]{1,15}更|"
    r"可(?=$|[，。；,;])|可以|可用|属于|\bcorrect|\bright\b|\btrue\b|\bappropriate|\blikely|\bfits?\b)",
    re.IGNORECASE,
)
WRONG = re.compile(
    _VERDICT_GLUE + r"(?:[可应需先]以?|该|被|可能|也许|并|更|都|均|先|一定|首先|明显|相|则|主要)*"
    r"(?:不(?!能排除|可排除|排除|就是|错)|错|排除|除外|无关|[✗×✘❌]|非|没有?(?!问题|错|跑|疑|毛病)|无(?!疑|效的)|的?可能性[最更较很]?[小低]|淘汰|划掉|去掉|缺)|"
    r"^[)）\s]*(?:(?:is|are|was|were|can be|can both be|must be|has been)\s*)?(?:both\s*)?"
    r"(?:not\b|n't|isn't|aren't|wrong|incorrect|false|out\b|excluded|ruled|unlikely|eliminated)",
    re.IGNORECASE,
)
RIGHT_LATER = re.compile(
    r"[，,、:：?？–—-].{0,30}(?:[✓√✅☑]|(?<!不)(?:符合(?:指南|题意|推荐)?|一致|吻合|对得上|正确|[是为](?:本题|此题|正确|最佳)的?答案))"
    r"[^，。；]{0,3}[。\n；;]?$|[|（(]\s*(?:有|是|对|符合)\s*(?:[|）)]|[^|]{1,20}\|)"
)
"""C？小便频数，遗尿，对得上。 The verdict ends what is said of the option."""
WRONG_LATER = re.compile(
    r"(?:[，,、]|(?=故|所以|因此))\s*(?:所以|因此|故|都|均|也|则|可以?|应|予以?|可能)*"
    r"(?:排除|不选|不[对像]|不符合?|不合适?|不考虑|不正确|错误|舍去)"
    r"(?=[，,。；;！!\n])|[✗×✘❌]\s*$|[|（(]\s*(?:无|否|没有|错|不符合?|不对)\s*[|）)]"
)
"""A不是口服药，排除: the verdict comes in a later clause about the same option."""

OPEN = _pattern(
    r"(?:也|都|均|或许|可能)(?:有(?:一定的?)?(?:可能|道理)|行|可(?:以|能)?(?=$|[，。；,;])|说得通|讲得通)",
    r"(?:好像|似乎|或许|也许)(?:也|都|是)?对",
)
"""Right of a mention: that it might be, which is no verdict."""

TENTATIVE = _pattern(
    r"鉴别|其次|一开始|最初|起初|初步|初看|乍[一]?看|先想|本来|原本|原以为|原先|第一反应|第一个(?:想|蹦|跳)|差点|险些|错误(?:的)?(?:答案|选项)",
    r"比$|误选|错选|误[为认]|有[些的]?人|学生|同学|考生|[多很不]数?少?人|容易(?:选|误|混)|假设|假定|暂且",
    r"收回|之前(?:说|选|写)|刚才|前面(?:说|选|那|写)|上面(?:说|选|那|写)|虽|尽管",
    r"\bfirst thought|\binitial|\bat first|\balthough|\bthough\b|\btempt|\bstudents\b|\bpeople\b|\beven if",
)
"""In the clause of a mention: somebody else chooses it, or one did so at first."""

CONDITION = _pattern(
    r"(?:^|[^非])(?:若|如果|假如|倘若|要是|万一)|(?:^|[，,])当(?!然|选|归|前|用|属|为|是|考虑)",
    r"的话",
    r"不是[^，,。；]{1,15}[，,]?(?:就|便)是$",
    r"要么",
    r"\bif\b",
    r"\bwhen\b",
    r"\bdepend",
)
FORCED = _pattern(r"非要|一定要|必须|硬要|只能|让我|要我|选[^，。]{0,3}的话|\bhave to|\bmust\b")
"""若非要我选一个，我会选D: no condition on what is asked."""

TURN = _pattern(
    r"所以|因此|因而|故|综上|总之|最终|最后|但|不过|然而|可是|可题|改|不对|等等|哦不|更正|其实|实际|实为|本题|题[目干]|此题|而应|"
    r"写错|说错|再想|仔细|重新|应[该当为是]|更(?!正)|才|统一",
    r"\bhence|\btherefore|\bso\b|\bthus|\bbut\b|\bhowever|\bactually|\binstead|\bfinal|\bwait\b|\bcorrection",
)
"""Between two choices: that the later one replaces the earlier one."""

TAKEN_BACK = re.compile(
    r"^[)）\"”'」\s]*(?:选?项)?[吧呢啊呀]?[。，,.!！…~\s—-]+(?:[哦噢呃啊嗯]+[，,]?)?"
    r"(?:不不|不[，,。]|不对(?=[，,。！!])|不是[，,]|等等|等一下|错了|说错|写错|说反|搞错|\bno[,.]|\bwait\b|\bsorry)",
    re.IGNORECASE,
)
"""Right after a choice: that it was none."""

THEN_WRONG = _pattern(r"也就是说|但|不过|可是|然而|其实|所以|因此|等等|更正|收回|\bbut\b|\bhowever")
"""With a rejection behind a choice: that the choice is contradicted, not that the item is explained."""

GIVEN_UP = _pattern(
    r"我?放弃|[两三几]个(?:选项)?都(?:对|行|可)|都(?:差不多|行)|不敢肯定|都有(?:一定的?|几分|些)?道理|没有(?:一个)?(?:合适|正确|符合|对)的?(?:答案|选项|一项)|不[作做]选择",
    r"无法(?:[作做]出)?(?:选择|判断|确定|抉择|给出|回答|选出|取舍)|无法作答|(?:答案|选项)都(?:有误|不对|错)|难以(?:抉择|判断|确定|取舍|选择)|看出题人|以上(?:都|均|全)不",
    r"(?:哪个|哪一个|选哪).{0,6}(?:不知道|不清楚|不确定)",
    r"cannot (?:decide|determine|choose|tell)|can't (?:decide|tell|choose|help)",
)

REFUSED = _pattern(
    r"抱歉|对不起|无法|不能(?:回答|代替|替|提供|诊断|判断|确定|给出)|不知道|不清楚|作为一?[个名]?(?:AI|人工智能|语言模型)|"
    r"请(?:您)?(?:立即|咨询|就医|提供|补充|核对|及时)|建议(?:您)?(?:咨询|就诊|就医|到|去|尽快|多|先)|拿不准|说不准|难说|"
    r"不确定|不好(?:说|区分)|"
    r"可能[^。；]{1,20}也(?:有)?可能|取决于|需要知道|有待|因人而异|缺一不可|各有|有争议|能否(?:提供|补充)|需要?(?:进一步|先|完善|结合)|待.{0,6}(?:检查|结果)",
    r"\bsorry\b|\bcannot\b|\bcan't\b|\bdepends\b|\bunable\b|\bnot sure|\bconsult\b|\bneed (?:to|more)\b",
)
"""Said anywhere: then no option is chosen by its text alone."""

OUTSIDE = re.compile(r"(?:答案|选项?|\banswer)(?:[是为应该就：:\s(（]|\bis\b){0,6}([A-Z])(?![A-Za-z0-9])")
"""A letter that is chosen; where it is no option, nothing is left over."""
REPORTED = re.compile(
    r"^(?:检查|结果|提示)*(?:示|显示|提示|正常|异常|阴性|阳性|未见|可见|回报|治疗|后|时|病?史|家族史|的(?!$|[。，])|无效|有效|过敏|缺乏|[宜应需者余来]|前曾)|^.{0,2}(?:患者|病人)"
)
"""Right of an option's own words: that it was done, taken or found, as cases tell it."""
TOLD = re.compile(r"(?:服用|长期|既往有?|曾|[行做]|完善|复查|检?查)[过了]?$")
"""Left of an option's own words, likewise: 患者做了心电图."""
NOT_SAID = re.compile(r"不|非|排除|没有|未|\bnot\b|[?？]", re.IGNORECASE)
DESCRIBED = re.compile(r"^[)）\s]*(?:选?项)?(?:是|为|属|指|见于|多见|用于|主要|表现)")
"""Right of a mention that is only explained: 选项A是容量."""
ONLY = re.compile(r"(?:只有|唯有?|唯独|仅有?)[选项 （(]{0,3}$")
"""只有B不是: of one question, whatever is said of it, it is the one."""
ODD = re.compile(r"(?:错误|不正确|不对|不符合?|不属于|不包括|有误|不恰当)[^，。；]{0,6}的|除外|不是它")
"""The question asks for the one that does not fit."""
FRAME = re.compile(r"^(?:[药脏经腑类型分次天岁个例种年月周](?!以|之|前|后|内)|中毒|引起|所致|导致|造成)")
"""Right of an option of one sign: that it is a word by itself."""
NONE_FITS = re.compile(
    r"(?:^|[，。；\n,;])\s*(?:以上|四个|这些|选项|几个)*(?:选项)?(?:都|均|全)不(?:对|是|正确|符合|选)(?=$|[，。；,;])"
)

EXCEPT = re.compile(
    r"除[了去]?([^，。；]{1,20}?)(?:以外|之外|外)?[，,]?(?:其余|其他|其它|剩下)?的?(?:选项|[两二三四]?项|答案)?(?:都|均|全|皆)"
)
SO_SO = re.compile(r"^(?:可以?|行|好|有|能|会)(?!是)")
"""Behind `EXCEPT`: 除了A都可以 leaves several, while 除了A都是杀菌药 picks out the odd one."""
BOTH_WRONG = re.compile(r"(?:[两二三]者|这[两二三][个项种]|他们|两人)(?:都|均|也|可以?|应)*(?:排除|不选|不对|不符|错)")
"""Said of the options that the sentence has named."""
OTHERS = _pattern(
    r"(?:其余|其它|其他|别的|剩下|剩余|余下)(?:的|[两二三四五几]?[项个])*(?:都|均|全|皆|就|是)+(?!不|错|非|无|没|排除|可排除)|(?:其余|其它|其他|别的|剩下|余下)(?:的|选?项|[两二三四五几]?[项个])*(?:正确|对)",
    r"选(?:择)?(?:其余|其它|其他|剩下)",
)
"""All that was not rejected is chosen."""
ALL = _pattern(
    r"(?:^|[，。；,;])(?:都|均|全|皆){1,2}(?:是|对|有|要|正确|符合|选)(?=$|[。，！!])|全选|都选|所有选项(?=$|。)|全部都?(?:选|正确|对|是|符合|需)",
    r"(?:以上|上述|所有|[四五六]个?|[两二](?=句话|种说法|个说法))(?:选?项|说法|句话|种|个)*"
    r"(?:都|均|全|皆)是?(?:对|是|正确|选|符合|属于|包括|为|要|需)",
    r"\ball (?:of (?:the|them) ?)?(?:above|options|of them)?(?: are)? ?(?:correct|right|above)",
)
ALL_OPTION = _pattern(
    r"^(?:以上|上述|[①-⑧]+|[两三四五]者|前[两三四五][者项])?(?:各项|选项|答案)?(?:都|均|全|皆)(?!不|错|非|无|没)",
    r"^all of the above",
)
NONE_OPTION = _pattern(
    r"^(?:以上|上述|[①-⑧]+|[两三四五]者)?(?:各项|选项|答案)?(?:都|均|全|皆)(?:不|错|非|无|没)", r"^none of the above"
)
"""Options that say of the others that all or none of them fit."""

YES = frozenset(("正确", "对", "是", "是的", "对的", "√", "true", "yes"))
NO = frozenset(("错误", "错", "否", "不是", "不对", "不正确", "错的", "×", "x", "false", "no"))
"""Options and whole answers that call a statement right or wrong."""

PLACE = re.compile(
    r"第 ?([一二三四五六七八1-8])(?=(?:[、和与]|以?及)第)|(?:第 ?([一二三四五六七八1-8])|最后一)(?:个|项|种|条)"
    r"(?=选?项|答案|$|[\s,.;!，。；、！)）\"”]|才|最|是|正确|对|错|合适|符合|都|均|不|和|与|及|之?外|以外)|"
    r"(?<=选)([1-8])(?=$|[\s，。；,;!！)）])|(?<=选|了|除)前([两二三四五六])(?:个|项|者|条)|前([两二三四五六])(?:个|项|者|条)(?=选|都|均|不|是|正|对|错)|"
    r"(?:\boption|选项)[_ ]?([1-8])(?![0-9])|([①-⑧])(?=$|[\s，,。；;、①-⑧)）和与都均正错对])",
    re.IGNORECASE,
)
"""An option by its place: 选第三个, 前两项都对, option 3."""

NEAR = re.compile(
    r"(?:选(?!项)|答案|首选|应当?[是为选]|就是|诊断为?|考虑为?)[^，,。；;：:不非]{0,10}$|"
    r"\b(?:is|be) (?:the |an? )?[a-z]{1,12} $"
)
"""Further left of an option's own words: 就选那个糖肽类的万古霉素."""
WHO_ELSE = re.compile(
    r"^莫属|^为准|^(?:之外|以外)?[，,]?还(?:能|会|可以)?(?:有|是)?(?:谁|什么|啥|哪|别的)|"
    r"^[^。；，]{0,6}[，,] ?(?:所以|因此|故|就|我|应|该)*(?:选(?:它|他|此|这个)|就是?它)"
)
"""除了肉桂还能有谁, 非B莫属: it is the only one."""

BEFORE_A_NAME = re.compile(
    r"(?:维生素|维他命|[^a-z]维|抗|霉素|[毒菌孢]素|球蛋白|白蛋白|脂蛋白|激酶|因子|病毒|流感|血型|胆固醇|肝炎|辅酶|-)$",
    re.IGNORECASE,
)
AFTER_A_NAME = re.compile(
    r"^(?:型|超|族|群|组|级|期|类|细胞|淋巴|病毒|抗原|抗体|波|肽|反应(?:性)?蛋白|二聚体|链|受体|环|罩|臂|线|区|段|酸|因子|蛋白|球菌|"
    r"杆菌|粒|[-‐+'′°%/]?[0-9αβγδ]|[-‐'′°%]|族|\. ?coli|\. [a-z]{4})"
)
"""What a letter is part of where it names no option: 维生素C, B超, A型流感, T细胞, C. difficile."""
BEFORE_IN_ENGLISH = re.compile(
    r"option|options|answer|answers|choose|choice|select|pick|is|are|be|or|and|letter|than|not|out|so|hence|"
    r"therefore|thus|either|to|with|was|leaves|only|nor|neither|final|excludes|eliminates|between|both|think|say|it's|exclude|eliminate",
    re.IGNORECASE,
)
