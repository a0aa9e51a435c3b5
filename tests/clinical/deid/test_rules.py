"""Each kind of identifier as people of different places write it, and beside each what only looks like one."""

import re
import time

import pytest

from doctorglm.clinical.deid import Span, contacts, find, numbers, places, tables, times

MARK = re.compile(r"⟦([a-z_]+):([^⟦⟧]+)⟧")

MARKED = r"""
⟦hospital:消化三区-加2⟧叫护士
家属在⟦hospital:EICU-06⟧外面等
拉去⟦hospital:沧州仁爱⟧透析，隔天一次
⟦hospital:慈济⟧那边停车难
病历在⟦hospital:Klinik Seri Damai⟧, ask there
住⟦address:赵家坞⟧，路滑
寄到⟦address:青石集东头卖布的隔壁⟧，谢谢
⟦address:农三师四十团二连⟧，浇地的人
户籍⟦address:118 W 7th St, Redvale⟧ since spring
⟦date:08.23⟧拔管，⟦date:9/27⟧ 复诊
人去了⟦date:8.12⟧-⟦date:8.17⟧共5天
⟦date:藏历四月初八⟧再来
收据 ⟦date:贰零贰肆年叁月拾捌日⟧
约在⟦date:14/7⟧初诊
家母⟦age:九十有一⟧，腿肿
My uncle Teo is ⟦age:93⟧, on warfarin
住户⟦age:93⟧，独居
挂号要填的扣扣：⟦qq:283 771 904⟧，别写错
企鹅\n⟦qq:5591028374⟧
我Q是⟦qq:六六二零一九三七⟧，晚上在
QQ群⟦qq:618204477⟧里问过了
加我⟦qq:3071948826⟧，备注复诊
⟦qq:902817364⟧（QQ）随时问
My QQ number is ⟦qq:2710493355⟧ if email fails
公众号私信不回，⟦qq:447201938⟧是我扣扣
手機⟦mobile:9123 4567⟧，屋企電話⟦landline:2345 6789⟧
打⟦mobile:①⑥④⓪⓪①②③④⑤⑥⟧找我
電話⟦landline:(852) 2711 0033⟧
联系⟦mobile:160-001-234-56⟧，勿扰
手机⟦mobile:16O0OO12345⟧是扫描出来的
護理站分機，請撥⟦landline:(02)2345-6789 ext. 33⟧
座机⟦landline:零三七一 一八四二一三零零⟧
内线打总机⟦landline:18220011转603⟧
Ring ⟦landline:+353 1 555 0123⟧ before noon
医保卡号⟦mrn:A23018877⟧，就诊流水⟦mrn:20230918-0042⟧
標本編號⟦mrn:S23-10482⟧，尚未出報告
⟦mrn:00318827⟧是我爸的住院号
病理号\n⟦mrn:23B-09912⟧
HN: ⟦mrn:2208841-7⟧ seen today
Acc. No. ⟦mrn:CT24-77310⟧, chest CT
理赔进度查询，报案号：⟦mrn:90551203300018⟧
条码⟦mrn:880123004511⟧的那管血溶了
护照号⟦id_card:E20318847⟧，外籍
HKID ⟦id_card:A123456(7)⟧
港澳居民来往内地通行证⟦id_card:H01234567⟧
軍官證號⟦id_card:8812034⟧
老证⟦id_card:440106420101000⟧还能用吗
身份证⟦id_card:11010119900101 000X⟧写错一位
工资卡⟦bank_card:6217 0012 3456 7890 123⟧
車牌⟦plate:MA-12-34⟧，停在門口
plate ⟦plate:KX 8812⟧ blocked the gate
车⟦plate:沪AD12345⟧和⟦plate:粤Z·1234港⟧
复诊改到⟦date:廿三号⟧上午
孩子⟦date:八月初八⟧生的
⟦date:腊月二十八⟧摔的，⟦date:正月初六⟧拆线
预约在⟦date:十二月三号⟧，可以提前吗
⟦date:民國112年5月3日⟧開刀
入院日期：⟦date:20230817⟧
⟦date:06-11⟧ 06:32采集
上次月经⟦date:8.21⟧，推迟了
⟦date:3rd of March⟧ was the last dose
seen on ⟦date:14-Feb-2024⟧ and ⟦date:7/13/04⟧
这个月⟦date:15号⟧来复查
⟦date:２０２４．３．１２⟧化验
我奶奶今年⟦age:九十三⟧了
外公⟦age:95⟧啦，耳朵背
阿嬤⟦age:九十有四⟧，行動不便
年龄：⟦age:97⟧ 性别：女
⟦age:九旬⟧老人摔倒
She's ⟦age:ninety-six⟧ and frail
⟦age:94F⟧ with hip fracture
病人多大？\n——⟦age:九十四⟧啦
男，⟦age:92⟧，咳嗽三天
家住⟦address:巴南区鱼洞街道新农村6社⟧
住⟦address:九龍觀塘翠屏邨翠楣樓1203室⟧
寄⟦address:臺南市東區裕農路310巷5弄8號之2⟧
送到⟦address:棉纺厂家属院3号楼2单元501⟧
⟦address:大石桥村口小卖部旁⟧，麻烦快点
at ⟦address:Flat B, 12/F, Block 3, 18 Nathan Road, Kowloon⟧
地址⟦address:上海市徐汇区漕溪北路1200弄6号302室⟧，门禁按302
在⟦hospital:协和⟧看的
转到⟦hospital:华西⟧了
⟦hospital:省肿⟧的号抢不到
喺⟦hospital:瑪麗⟧做手術
住⟦hospital:骨二17床⟧
⟦hospital:ICU-A07⟧家属请来签字
⟦hospital:神外12+1床⟧夜间躁动
⟦hospital:福寿堂中医馆⟧针灸
在⟦hospital:衡阳市妇幼保健院⟧产检
at ⟦hospital:QEH⟧ last week
加V：⟦wechat:Lin--0417⟧
⟦wechat:DrMei-nyc⟧ on WeChat
微信号⟦wechat:wxid_7k2m9qz1t⟧
收割机⟦plate:皖05-31877⟧借给隔壁村了
车位上那台⟦plate:BMX-7725⟧是谁的，請移車
kereta ⟦plate:WVA 3019⟧ kena saman tadi
绿化带里的拖拉机⟦plate:湘12·50433⟧，机主喝了酒
她的IC ⟦id_card:880214-07-5523⟧，護照過期了
spouse NRIC ⟦id_card:S8812345Z⟧, same address
Aadhaar ⟦id_card:2244 6688 1010⟧ seen at the desk
DNI ⟦id_card:20445566-T⟧, paciente nueva
回拨内线⟦landline:7042⟧
找保卫处⟦landline:6118⟧挪车
澳门那边⟦landline:853-2833-0101⟧
「电话？」「⟦landline:二八三三零一零一⟧。」
seoul side ⟦landline:82-2-0000-4410⟧, ask for the nurse
热线⟦landline:4000-000-352⟧
⑯⓪⑤: 存我⟦mobile:⑯⓪⑤⑦①②②⑨⑥④⟧
重打腕带：吴桂枝(⟦mrn:1120467⟧)、杜小满(⟦mrn:1120476⟧)
Mrs Lam Siu Fong (⟦mrn:HK-88120⟧) was reviewed today
片子⟦mrn:CT2311-40718⟧和⟦mrn:MR2311-02255⟧都传上去了
卡⟦mrn:TX-510104-7720⟧停了，⟦mrn:KQ/24/00932⟧还能用
输⟦mrn:6208020077120⟧就能看报销到哪一步
住院号一个是⟦mrn:2207718⟧一个是⟦mrn:2207781⟧，别搞混
结算单号⟦mrn:JS2311-00417⟧
ZYH,XM,SFZH\n⟦mrn:0028-417⟧,周小荷,⟦id_card:110101198001010007⟧
门诊号⟦mrn:MZ四四零一零零九⟧
我家qq⟦qq:8814ooo36⟧，孩子在用
打我QQ电话，⟦qq:2566301877⟧
QQ是⟦qq:51730926⟧还是⟦qq:51730962⟧，两个都加下
⟦qq:捌零玖贰叁伍壹柒肆⟧这样写看得懂吧
薇❤：⟦wechat:lin_dou88⟧ 视频看伤口
🛰️：⟦wechat:keke3_miao⟧
加我 V⟦wechat:mantou-wan7⟧
搜⟦wechat:suhe.1986⟧，头像是只猫
⟦wechat:heiniu00kk⟧（V）
给⟦wechat:taohua-xiaodian⟧留言，当天回
网站⟦url:www。qinghe-yy。example。com⟧
look up ⟦url:sanmarcos-lab.example.mx/folio/5521⟧
链接⟦url:t.xiaohe.xx/7Kd2⟧，复制打开
写信⟦email:mei0317＠hehua。example⟧
发到⟦email:nimin_tousu2024 @ xinmail . com⟧
预约网址⟦url:bookings.maplegrove-gp.co.nz⟧
"""
LEFT = r"""
10-20秒，1-2周，12-18个月，小于1/2，淋巴结5/17
抓住周围的玩具，加强对过敏原的防护，城镇居民医保
INR 1.7到2.9之间，版本3.1停用，去省人民医院挂号
血糖5.6去医院查的，血压138/92，心率96，体重95斤
视力右0.8左5.0，眼压14/16
5-7日后复查，连服3日，第4号染色体
3号方加减，五号病房，6号线地铁
VA 6/36，MMSE 21/30，GCS 14
订单号2024061100372，运单SF1234567890123
批号20240311-B，国药准字Z20054321，条形码6923450657713
取件码8-3-2047，验证码448812
设备编号EQ-2031-88，序列号SN771920384
临床试验NCT04512345，rs429358，BRCA1/2
90后，活到一百岁不是梦，95%患者有效，90次/分
每次90mg，脉搏93，得分97分
县医院和市里的肝病医院都去过，挂的是皮肤科
权威医院哪家好，正规专科医院才放心，妇幼保健院要预约
遵医嘱用药，营养和休息都重要
尿路感染，胆道镜，道路堵车，街道上人多，镇静止痛
aquaporin-4, interleukin-2, connexin43 and type 2 may vary
初中三年级，初一学生，高二复读
孕28+4周，14+6周，方案A+B
一家三甲医院，附近的诊所，村卫生室
CT 7300元，MRI 620元，PET-CT不报销
2000-3000步，1200-1500千卡
统编99000418是公司的
起搏器A阈值0.5V@0.4ms，电池2.78V
PATIENT_SEX=F; last_visit=门诊; guardian_id 空着
GB 18030-2022、WS/T 406-2012、YY 0505-2012
LY294002和MK-3475，BMS-936558还在试
国药准字H20103155，械注准20173400512
内线打不通就打120，热线12320，电话95588
VX-770是药名，不是微信；WX-0593在一期
beta-blocker、pet-ct、follow-up、pre-albumin和k-ras
Figure.12，table.3，见第5页
前端Vue.js和Node.js，v2.0.31
办公室2024年装修，5号楼1203室
会议ID 823 1234 5678，房卡0417
GTIN 06958742310039，NDC 00093-7242-98
一二三四五六七八九，零点五
"""


def _read(marked: str) -> tuple[str, list[tuple[str, str]]]:
    return MARK.sub(lambda match: match[2], marked), [(match[1], match[2]) for match in MARK.finditer(marked)]


def _lines(text: str) -> list[str]:
    return [line.replace("\\n", "\n") for line in text.strip().splitlines() if "⟧" in line or "⟦" not in line]


@pytest.mark.parametrize("marked", _lines(MARKED))
def test_an_identifier_is_found_whole_under_its_type(marked: str) -> None:
    text, expected = _read(marked)
    found = [(span.type, text[span.start : span.end]) for span in find(text, "rules") if span.type != "name"]
    assert found == [pair for pair in expected if pair[0] != "name"]


@pytest.mark.parametrize("text", _lines(LEFT))
def test_what_only_looks_like_one_is_left(text: str) -> None:
    found = [(span.type, text[span.start : span.end]) for span in find(text, "rules") if span.type != "name"]
    assert found == []


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1 ",
        "住院号",
        "路",
        "路1",
        "花园",
        "村",
        "0371-",
        "a.",
        "a-",
        "A ",
        "九十",
        "3月",
        "加1床",
        "1-1-",
        "微",
        "QQ ",
        "Ab Road, ",
        "医院",
        "号1",
        "的在医院",
        "A1-",
        "A/1",
        "1o",
        "V-a",
        "a点",
        "www。",
        "ab-",
        "an",
        "0000",
        "①",
        "豫01",
        "Mrs Ab ",
        "IC 1",
        "1 或",
        "内线1",
    ],
)
def test_a_long_text_of_what_nearly_matches_is_read_in_seconds(piece: str) -> None:
    """A hundred thousand characters: a rule that is quadratic would need many minutes. Names' rules are not asked."""
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    for kind in (contacts, tables, numbers, times, places):
        list(kind.found(text))
    assert time.process_time() - start < 12


def test_the_suffix_of_a_file_is_no_part_of_a_record_number() -> None:
    assert list(find("附件：住院号2087123456.json", names="rules")) == [Span(6, 16, "mrn")]
