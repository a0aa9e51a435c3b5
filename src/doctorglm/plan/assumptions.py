"""What a plan takes for granted, said with it."""

from collections.abc import Iterator

from doctorglm.language import Text
from doctorglm.plan.calibration import Calibration
from doctorglm.plan.devices import Device
from doctorglm.plan.memory import AS_STORED, held, keeps_half, packs_tables, way_of
from doctorglm.plan.probe import Rates
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Base
from doctorglm.plan.timed import Timed
from doctorglm.plan.tokens import Tokens


def assumptions_of(
    base: Base,
    settings: PlanSettings,
    tokens: Tokens,
    device: Device,
    rates: Rates | None,
    known: Calibration,
    tried: Timed | Text | None = None,
) -> Iterator[Text]:
    """One line each, the ones that matter most first."""
    yield from _of_tokens(tokens, known)
    yield from _of_time(tried, rates, known)
    yield from _of_memory(base, settings, device)
    yield from _of_price(device)
    unused = settings.without_effect()
    if unused:
        names = ", ".join(unused)
        yield Text(
            en=f"Not looked at with method={settings.method}: {names}.",
            zh=f"method={settings.method} 时不看：{names}。",
        )


def _of_tokens(tokens: Tokens, known: Calibration) -> Iterator[Text]:
    if tokens.counted:
        yield Text(en="Tokens were counted with the base's own tokenizer.", zh="token 数由基座自带的分词器计数得到。")
    else:
        yield Text(
            en=f"Tokens are an estimate: no tokenizer, so {known.tokens_per_character:g} tokens a character.",
            zh=f"token 数为估计值：没有分词器，按每字符 {known.tokens_per_character:g} 个 token 计。",
        )
    if tokens.scale > 1:
        read = round(tokens.conversations / tokens.scale)
        yield Text(
            en=f"Of {tokens.conversations} conversations an even sample of {read} was read and scaled up.",
            zh=f"共 {tokens.conversations} 段对话，等距抽取 {read} 段后按比例推算。",
        )


def _of_time(tried: Timed | Text | None, rates: Rates | None, known: Calibration) -> Iterator[Text]:
    if isinstance(tried, Timed):
        yield Text(
            en=f"Time was timed on this machine by a trial of {tried.layers} layers with random weights, on rows of "
            f"{tried.tokens} tokens; other work on it makes it slower. Other ways of holding the weights: by formulas, "
            "scaled to it.",
            zh=f"时间由本机试跑得出：{tried.layers} 层随机权重，每行 {tried.tokens} 个 token；若同时有其他任务会变慢。"
            "权重的其他存储方式按公式计算后据此缩放。",
        )
    elif tried is not None:
        yield Text(
            en=f"Time is by formulas, not timed on this machine: {tried.en}",
            zh=f"时间由公式得出，未在本机试跑：{tried.zh}",
        )
    if rates is not None:
        if not isinstance(tried, Timed):
            measured = f"{rates.product / 1e9:.0f} GFLOP/s, {rates.bandwidth / 1e9:.1f} GB/s"
            yield Text(
                en=f"Rates of this machine, measured just now for these shapes: {measured}; other work on it lowers "
                "them.",
                zh=f"本机速率为刚才按这些形状实测：{measured}；若同时有其他任务会变慢。",
            )
        source = known.result or Text(en="estimates from trial runs", zh="试运行得出的估计")
        yield Text(en=f"Constants of the CPU: {source}.", zh=f"CPU 常数来源：{source}。")
    elif not isinstance(tried, Timed):
        yield Text(
            en=f"Assumed, not measured on a GPU: {known.gpu_efficiency:.0%} of the card's dense peak; loading is not "
            "counted.",
            zh=f"假设值，未在 GPU 上实测：达到该卡稠密峰值的 {known.gpu_efficiency:.0%}；不含加载时间。",
        )


def _of_memory(base: Base, settings: PlanSettings, device: Device) -> Iterator[Text]:
    way = way_of(base.shape, settings, device)
    if way == "fused":
        yield Text(
            en="Layers are fused; `weights` holds the copies that they compute with.",
            zh="各层采用融合计算；weights 中包含其计算所用的副本。",
        )
    if keeps_half(base.shape, settings, device):
        yield Text(
            en="The base does not fit in 32 bits; its weights stay in 16 and are widened piece by piece.",
            zh="基座以 32 位放不下；权重保持 16 位，计算时逐块转换。",
        )
    if held(settings) != AS_STORED:
        packed = packs_tables(settings)
        rest = "embeddings and head too; norms as they are" if packed else "embeddings, norms and head as they are"
        rest_zh = "嵌入与输出层亦然；归一化保持原样" if packed else "嵌入、归一化与输出层保持原样"
        yield Text(
            en=f"Matrices of the layers in {held(settings)}; {rest}. Speed with them is assumed.",
            zh=f"各层矩阵为 {held(settings)}；{rest_zh}。其速度为假设值。",
        )
    if not device.is_cpu:
        yield Text(
            en="Memory of a GPU is computed, not measured: 1 GB for its driver and libraries is assumed.",
            zh="GPU 显存为计算值，未实测：驱动与库按 1 GB 计。",
        )


def _of_price(device: Device) -> Iterator[Text]:
    if device.usd_per_hour is None:
        yield Text(
            en=f"No price for {device.name}; give usd_per_hour in devices=FILE.",
            zh=f"{device.name} 没有单价；可在 devices=FILE 中写 usd_per_hour。",
        )
    else:
        yield Text(
            en=f"{device.usd_per_hour:.2f} USD an hour ({device.price}); training and validation are paid for, storage "
            "and waiting are not counted.",
            zh=f"每小时 {device.usd_per_hour:.2f} 美元（{device.price}）；计入训练与验证，不含存储和等待。",
        )
